"""The page that shows what a generator makes: one page, two back ends.

`ganvas demo` serves it, with torch behind it. `ganvas export --to web` writes it, with the
generator inside. Both have `page/demo.js`; a back end is a script with a function `makeBackEnd`,
which `demo.js` describes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ganvas.errors import GanvasError
from ganvas.runs import Run
from ganvas.runs.directories import is_run
from ganvas.sampling import TrainedGenerator

MOST_PICTURES = 1_024
"""On a page at a time, of all labels together. `demo.js` has the same limit."""
MOST_OF_EACH = 256
"""Of one label, or of all where labels are drawn: as many as one batch (`sampling.BATCH_SIZE`)."""
LARGEST_SEED = 2**32 - 1
"""As in `demo.js`: the generator of random numbers of the exported page takes no larger one."""


@dataclass(frozen=True)
class PageRun:
    """A generator as the page shows it."""

    name: str
    kicker: str
    """What it is, in a line above its name."""
    generator: TrainedGenerator

    def to_table(self) -> dict[str, Any]:
        """As the page's script reads it."""
        labels = self.generator.label_set
        return {
            "name": self.name,
            "kicker": self.kicker,
            "image": asdict(self.generator.shape),
            "latent_dim": self.generator.latent_dim,
            "labels": labels.names if labels else None,
            "label_counts": labels.counts if labels else None,
        }


def page_run(source: Path, generator: TrainedGenerator, name: str | None = None) -> PageRun:
    """The description of a generator that was loaded from there.

    Args:
        source: a run, a folder or a file. Only its name is shown, never its path.
        generator: what was loaded.
        name: instead of the name of the run.

    Raises:
        GanvasError: it makes points, no images.
    """
    if generator.makes_points:
        raise GanvasError(
            f"{source} generates points, and the page shows images. To plot points: ganvas sample"
        )
    directory = run_of(source)
    parts = [str(generator.shape), f"{generator.images_seen:,} images seen"]
    if is_run(directory):
        run = Run.open(directory)
        parts = [f"{run.read_recipe().name} trained on {run.read_data()['name']}", *parts]
    return PageRun(name or directory.name, " · ".join(parts), generator)


def run_of(source: Path) -> Path:
    """The run of a generator: that of a `generator/` folder inside a run, else the source."""
    path = source.resolve()
    return path.parent if is_run(path.parent) else path


@dataclass(frozen=True)
class DemoPage:
    """What the page shows and how it makes pictures."""

    runs: Sequence[PageRun]
    """At least one."""
    scripts: Sequence[str]
    """The sources of the back end."""
    about_seeds: str
    """A sentence beside the seed."""
    footer: str
    policy: str = ""
    """A content security policy, where no server sends one."""
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """Files inside the page by their ids, packed by gzip."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Names of files beside the page, by the same ids."""

    def render(self) -> bytes:
        """The page as HTML, in UTF-8."""
        environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    jinja2.PackageLoader("ganvas.web", "page"),
                    jinja2.PackageLoader("ganvas.reports"),  # style.css
                ]
            ),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        config = {"runs": [run.to_table() for run in self.runs], "files": dict(self.files)}
        text = environment.get_template("demo.html").render(
            title=self.runs[0].name,
            about_seeds=self.about_seeds,
            footer=self.footer,
            policy=self.policy,
            # No text can end the element that it stands in.
            config=Markup(json.dumps(config).replace("<", "\\u003c")),
            parts={name: base64.b64encode(part).decode() for name, part in self.parts.items()},
            scripts=[Markup(script) for script in (*self.scripts, page_file("demo.js"))],
        )
        return text.encode(errors="backslashreplace")  # names of files may hold bytes of any kind


def page_file(name: str) -> str:
    """The text of a file of `page/`."""
    return (files("ganvas.web") / "page" / name).read_text(encoding="utf-8")
