"""`ganvas sample RUN`: new images from a trained generator."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas import storage
from ganvas.errors import GanvasError, RunError
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.images import Pixels
    from ganvas.sampling import TrainedGenerator

IMAGES, POINTS = 64, 2_500
"""Default numbers of samples."""


@dataclass(frozen=True)
class Sample:
    """Generate images: one grid, a folder of PNGs, or an .npz. Needs no training data and no GPU.

    A generator of points gives a plot of the points, or an .npz.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, or a generator/ folder copied from one."""
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n",))] = None
    """Number of images; by default 64, or 2,500 points."""
    seed: int = 0
    """The same seed gives the same images."""
    out: Path | None = None
    """grid.png, images.npz, or a folder; by default samples-SEED.png in the run directory."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Generate and write."""
        from ganvas import sampling

        out = self.out or self.run_directory / f"samples-{self.seed}.png"
        if out.suffix.lower() not in ("", ".png", ".npz"):
            raise GanvasError(f"{out}: expected a .png, an .npz or a folder without a suffix")
        if self.n is not None and self.n < 1:
            raise GanvasError(f"-n must be at least 1, got {self.n}")
        generator = sampling.load(self.run_directory, self.device, self.checkpoint)
        points = generator.makes_points
        if points and not out.suffix:
            raise GanvasError(f"{out}: {self.run_directory} generates points: give a .png or .npz")
        n = self.n or (POINTS if points else IMAGES)
        storage.make_directory(out if not out.suffix else out.parent)
        if not out.suffix:
            write_folder(out, generator.sample(n, self.seed))
        elif out.suffix.lower() == ".png":
            sampling.write_samples(out, generator.sample(n, self.seed), generator.extent)
        else:
            storage.write_bytes(out, to_npz(generator, n, self.seed))
        noun = "points" if points else "images"
        print_lines(f"{n} {noun} at {generator.images_seen:,} {noun} seen: {out}")
        if generator.extent is not None and out.suffix.lower() == ".png":
            print(f"x and y go from {-generator.extent} to {generator.extent}")


def to_npz(generator: TrainedGenerator, n: int, seed: int) -> bytes:
    """An .npz of samples: `images` uint8 (n, H, W, C) or `points` float32 (n, 2), and `latents`.

    latents: float32 (n, Z), those of the samples.
    """
    import numpy as np

    buffer = io.BytesIO()
    samples, latents = generator.sample(n, seed), generator.latents(n, seed).cpu().numpy()
    if generator.makes_points:
        np.savez_compressed(buffer, points=samples, latents=latents)
    else:
        np.savez_compressed(buffer, images=samples, latents=latents)
    return buffer.getvalue()


def write_folder(out: Path, images: Pixels) -> None:
    """Write each image as a PNG, into an empty folder."""
    from ganvas.images import write_png

    if any(out.iterdir()):
        raise RunError(f"{out} is not empty. Give an empty or a new folder")
    for index, image in enumerate(images):
        write_png(out / f"{index:06d}.png", image)
