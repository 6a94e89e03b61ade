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
from typing import Any

import jinja2
from markupsafe import Markup

from ganvas.errors import GanvasError
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.package_files import package_text

MOST_PICTURES = 1_024
"""On a page at a time, of all labels together. `demo.js` has the same limit."""
MOST_OF_EACH = 256
"""Of one label, or of all where labels are drawn: as many as one batch (`latents.BATCH_SIZE`)."""
LARGEST_SEED = 2**32 - 1
"""As in `demo.js`: the generator of random numbers of the exported page takes no larger one."""

STYLE = "reports/templates/style.css"
"""The look of all pages."""


@dataclass(frozen=True)
class PageRun:
    """A generator as the page shows it."""

    name: str
    kicker: str
    """What it is, in a line above its name."""
    generator: TrainedGenerator
    truncates: bool
    """Whether truncation changes its pictures: otherwise the page does not offer it."""

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
            "truncates": self.truncates,
        }


def page_run(name: str, generator: TrainedGenerator, moves_styles: bool) -> PageRun:
    """The description of a generator.

    Args:
        name: of its run, for people.
        generator: what `ganvas.load` gives.
        moves_styles: whether truncation moves the styles of a style generator; otherwise it
            shortens latents, and has no effect on one that normalises them.

    Raises:
        GanvasError: it makes points, no images.
    """
    if generator.makes_points:
        raise GanvasError(
            f"{name} generates points, and the page shows images. To plot points: ganvas sample"
        )
    parts = [str(generator.shape)]
    if generator.data is not None:
        parts.append(f"trained on {generator.data.name}")
    parts.append(f"{generator.images_seen:,} images seen")
    by_styles = moves_styles and generator.style_shape is not None
    truncates = by_styles or generator.depends_on_length()
    return PageRun(name, " · ".join(parts), generator, truncates)


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
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        config = {"runs": [run.to_table() for run in self.runs], "files": dict(self.files)}
        text = environment.from_string(page_file("demo.html")).render(
            style=Markup(package_text(STYLE) + page_file("demo.css")),
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
    return package_text(f"exports/page/{name}")
