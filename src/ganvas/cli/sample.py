"""`ganvas sample RUN`: new images from a trained generator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from ganvas import storage
from ganvas.cli.default_out import default_out
from ganvas.cli.label_flag import labels_of
from ganvas.errors import GanvasError
from ganvas.formatting import format_count
from ganvas.latents.settings import check_truncation, parse_keep
from ganvas.terminal import print_lines

IMAGES, POINTS = 64, 2_500
"""Default numbers of samples."""


@dataclass(frozen=True)
class Sample:
    """Generate images: one grid, a folder of PNGs, or an .npz. Needs no training data and no GPU.

    A generator of points gives a plot of the points, or an .npz.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, a generator/ folder copied from one, an exported model.onnx, or
    hf:OWNER/NAME of the hub."""
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n",))] = None
    """Number of images, by default 64; of points, 2,500; of several labels, of each, 10."""
    label: str | None = None
    """For a generator that takes labels: one label of all images; or several with commas between,
    or each, for a row of each. By default labels are drawn as often as the training images have
    them."""
    seed: int | None = None
    """The same seed gives the same images; by default 0."""
    truncation: float = 1.0
    """Below 1, images are more typical and less varied; 0 to 2. What it costs: ganvas truncation
    RUN."""
    keep: str = "best:1"
    """best:0.5 draws twice as many images, and keeps the half that the discriminator ranks best, of
    each label. It needs the run."""
    latents: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """The images of given latents, of `ganvas project` or of an .npz of this command, in place of
    random ones."""
    out: Path | None = None
    """grid.png, images.npz, or a folder; by default samples-SEED.png (of given latents
    samples-of-FILE.png) in the run directory, beside the model.onnx, or here as NAME-... for the
    hub."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Check everything that can be checked, then generate and write."""
        seed = self.seed or 0
        name = f"of-{self.latents.stem}" if self.latents is not None else seed
        out = self.out or default_out(self.run_directory, f"samples-{name}.png")
        suffix = out.suffix.lower()
        if suffix not in ("", ".png", ".npz"):
            raise GanvasError(f"{out}: expected a .png, an .npz or a folder without a suffix")
        if self.n is not None and self.n < 1:
            raise GanvasError(f"-n must be at least 1, got {self.n}")
        check_truncation(self.truncation)
        chooses = parse_keep(self.keep) < 1
        chosen = self.n, self.label, self.seed, self.truncation, self.keep
        if self.latents is not None and chosen != (None, None, None, 1.0, "best:1"):
            raise GanvasError(
                f"{self.latents} says which images there are: leave out -n, --label, --seed, "
                "--truncation and --keep"
            )
        from ganvas.generators import sample_files
        from ganvas.generators.files import load
        from ganvas.progress import TerminalFeedback
        from ganvas.runs.directories import check_new_file, check_new_folder

        check = check_new_file if suffix else check_new_folder
        check(out)
        generator = load(self.run_directory, self.device, self.checkpoint, discriminator=chooses)
        generator = generator.truncated(self.truncation).keeping(self.keep)
        points = generator.makes_points
        if points and not suffix:
            raise GanvasError(f"{out}: {self.run_directory} generates points: give a .png or .npz")
        labels = labels_of(self.label, generator)
        several = len(labels) > 1
        usual = POINTS if points else sample_files.COLUMNS if several else IMAGES
        if suffix == ".png":
            usual = sample_files.fitting_count(generator, usual, len(labels))
        n = self.n or usual
        request = sample_files.SampleRequest(generator, n, seed, labels)
        if self.latents is not None:
            given = generator.read_latents(self.latents)
            request = replace(request, n=len(given), latents=given)
        write = {
            "": sample_files.write_folder,
            ".png": sample_files.write_grid,
            ".npz": sample_files.write_npz,
        }[suffix]
        storage.make_directory(out.parent)
        with TerminalFeedback().progress("sampling") as on_progress:
            write(out, request, on_progress)
        noun = "point" if points else "image"
        count = format_count(request.count, noun)
        print_lines(f"{count} at {generator.images_seen:,} {noun}s seen: {out}")
        if several and suffix == ".png":
            print_lines(f"rows, from the top: {', '.join(labels)}")
        if generator.extent is not None and suffix == ".png":
            print(f"x and y go from {-generator.extent} to {generator.extent}")
