"""`ganvas interpolate RUN`: interpolate between latents, as a strip or a film."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas import storage
from ganvas.cli.default_out import default_out
from ganvas.cli.label_flag import labels_of
from ganvas.command_line import ganvas_command
from ganvas.errors import GanvasError
from ganvas.latents.settings import check_truncation
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.generators.trained_generator import TrainedGenerator
    from ganvas.images import Pixels
    from ganvas.latents.latents import Latents

NUMBER = 6
"""Latents of a walk, where nothing else is said."""


@dataclass(frozen=True)
class Interpolate:
    """Interpolate between latents: a strip (.png, one row per pair), or a film that is a loop.

    A film is a .gif, a .webp or an .mp4; the last needs pip install 'ganvas[video]'.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, a generator/ folder copied from one, an exported model.onnx, or
    hf:OWNER/NAME of the hub."""
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n",))] = None
    """Number of latents, by default 6; from label to label there is one."""
    steps: int = 12
    """Images from each latent to the next."""
    label: str | None = None
    """For a generator that takes labels: one label of all latents; or several with commas between,
    or each, to go from label to label at one latent. By default labels are drawn."""
    seed: int | None = None
    """The same seed gives the same latents; by default 0."""
    truncation: float = 1.0
    """Below 1, images are more typical and less varied; 0 to 2."""
    latents: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """A walk through given latents, of `ganvas project` or of an .npz of `ganvas sample`, in place
    of random ones."""
    out: Path | None = None
    """strip.png, walk.gif, walk.webp or walk.mp4; by default interpolation-SEED.gif (of given
    latents interpolation-of-FILE.gif) in the run directory, beside the model.onnx, or here as
    NAME-... for the hub."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Generate and write."""
        n = NUMBER if self.n is None else self.n
        if n < 2 or self.steps < 1:
            raise GanvasError("interpolation needs -n of at least 2 and --steps of at least 1")
        chosen = self.n, self.label, self.seed, self.truncation
        if self.latents is not None and chosen != (None, None, None, 1.0):
            raise GanvasError(
                f"{self.latents} says where the walk leads: leave out -n, --label, --seed and "
                "--truncation"
            )
        seed = self.seed or 0
        name = f"of-{self.latents.stem}" if self.latents is not None else seed
        out = self.out or default_out(self.run_directory, f"interpolation-{name}.gif")
        from ganvas.drawing.films import FRAME_MILLISECONDS, check_film, is_film, write_film

        check_film(out, ".png")
        check_truncation(self.truncation)
        from ganvas.drawing.grids import enlarge, make_grid, to_pillow, write_png
        from ganvas.drawing.samples import display_factor
        from ganvas.generators.files import load
        from ganvas.generators.sample_files import check_picture
        from ganvas.runs.directories import check_new_file

        check_new_file(out)
        generator = load(self.run_directory, self.device, self.checkpoint)
        generator = generator.truncated(self.truncation)
        if generator.makes_points:
            raise GanvasError(
                f"{self.run_directory} generates points, which cannot be interpolated as images. "
                f"To plot them: {ganvas_command('sample', self.run_directory)}"
            )
        labels = labels_of(self.label, generator)
        if self.n is not None and len(labels) > 1:
            raise GanvasError(
                f"-n {self.n}: a walk from label to label stays at one latent. Leave out -n, or "
                "name one label"
            )
        given = self.read_latents(generator)
        stops = len(labels) if len(labels) > 1 else len(given) if given is not None else n
        size = (generator.shape.height, generator.shape.width)
        film = is_film(out)
        factor = display_factor(size) * (2 if film else 1)
        check_picture(stops * self.steps, size, factor, "Lower -n or --steps")
        storage.make_directory(out.parent)
        if given is not None:
            frames = generator.interpolate_latents(given, self.steps, loop=film)
        elif len(labels) > 1:
            frames = generator.interpolate_labels(labels, self.steps, seed, loop=film)
        else:
            label = labels[0] if labels else None
            frames = generator.interpolate(n, self.steps, seed, film, label)
        if film:
            pictures = (enlarge(to_pillow(frame), factor) for frame in frames)
            write_film(out, pictures, FRAME_MILLISECONDS)
        else:
            write_png(out, make_grid(self.rows(frames), columns=self.steps + 1), factor)
        through = f"{stops} labels at one latent" if len(labels) > 1 else f"{stops} latents"
        print_lines(f"{len(frames)} images through {through}: {out}")

    def read_latents(self, generator: TrainedGenerator) -> Latents | None:
        """The latents that were given, at least two; None if none were."""
        if self.latents is None:
            return None
        latents = generator.read_latents(self.latents)
        if len(latents) < 2:
            raise GanvasError(f"{self.latents} holds one latent: a walk needs at least 2")
        return latents

    def rows(self, frames: Pixels) -> Pixels:
        """The frames in rows, each from one latent to the next, including both."""
        import numpy as np

        starts = range(0, len(frames) - 1, self.steps)
        return np.concatenate([frames[start : start + self.steps + 1] for start in starts])
