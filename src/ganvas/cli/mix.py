"""`ganvas mix RUN`: coarse styles of some images with fine styles of others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas import storage
from ganvas.cli.default_out import default_out
from ganvas.cli.layer_range import parse_layers
from ganvas.errors import GanvasError
from ganvas.terminal import print_lines


@dataclass(frozen=True)
class Mix:
    """Mix the styles of images: rows give the coarse layers, columns the others.

    The margins show the images that are mixed. Only a style generator has styles.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, a generator/ folder copied from one, or hf:OWNER/NAME of the hub."""
    rows: int = 4
    """Images that give coarse layers."""
    columns: int = 6
    """Images that give all other layers."""
    layers: str | None = None
    """Layers of the rows, from 0, the coarsest: 0-3 or 0,2,5-7; by default the first half."""
    label: str | None = None
    """For a generator that takes labels: the label of all images; by default labels are drawn."""
    seed: int = 0
    """The same seed gives the same images."""
    out: Path | None = None
    """grid.png; by default mixing-SEED.png in the run directory, or here for the hub."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Check everything that can be checked, then generate and write."""
        layers = parse_layers(self.layers)
        if min(self.rows, self.columns) < 1:
            raise GanvasError("--rows and --columns must be at least 1")
        out = self.out or default_out(self.run_directory, f"mixing-{self.seed}.png")
        if out.suffix.lower() != ".png":
            raise GanvasError(f"{out}: expected a .png")
        import numpy as np

        from ganvas.drawing.grids import make_grid, write_png
        from ganvas.drawing.samples import display_factor
        from ganvas.generators.files import load
        from ganvas.generators.sample_files import check_picture
        from ganvas.progress import TerminalFeedback
        from ganvas.runs.directories import check_new_file

        check_new_file(out)
        generator = load(self.run_directory, self.device, self.checkpoint)
        size = (generator.shape.height, generator.shape.width)
        factor = display_factor(size)
        count = (self.rows + 1) * (self.columns + 1)
        check_picture(count, size, factor, "Lower --rows or --columns")
        with TerminalFeedback().progress("mixing") as on_progress:
            mixed = generator.mix(
                self.rows, self.columns, layers, self.seed, self.label, on_progress
            )
        sources = generator.sample(self.rows + self.columns, self.seed, self.label)
        corner = np.full_like(sources[:1], 255)
        above = np.concatenate([corner, sources[self.rows :]])[None]  # (1, C + 1, ...)
        below = np.concatenate([sources[: self.rows, None], mixed], axis=1)  # (R, C + 1, ...)
        images = np.concatenate([above, below]).reshape(count, *sources.shape[1:])
        storage.make_directory(out.parent)
        write_png(out, make_grid(images, self.columns + 1), factor)
        print_lines(f"{self.rows} x {self.columns} mixtures: {out}")
