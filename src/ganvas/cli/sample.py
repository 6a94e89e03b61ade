"""`ganvas sample RUN`: new images from a trained generator."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas import storage
from ganvas.errors import GanvasError, RunError

if TYPE_CHECKING:
    from ganvas.images import Pixels
    from ganvas.sampling import TrainedGenerator

IMAGES, POINTS = 64, 2_500
"""How many are made unless something else is asked for."""


@dataclass(frozen=True)
class Sample:
    """Make new images: one grid, a folder of PNGs, or an .npz. Needs no training data, no GPU.

    A generator of points gives a picture of where they lie, or an .npz.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, or a generator/ folder copied from one."""
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n",))] = None
    """How many images; by default 64, of points 2,500."""
    seed: int = 0
    """Which images: the same seed gives the same ones."""
    out: Path | None = None
    """grid.png, images.npz, or a folder; by default samples-SEED.png in the run directory."""
    checkpoint: str = "last"
    """last, best (of those evaluated while training), or images seen: 80k."""
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
            raise GanvasError(f"{out}: {self.run_directory} makes points; give a .png or an .npz")
        n = self.n or (POINTS if points else IMAGES)
        storage.make_directory(out if not out.suffix else out.parent)
        if not out.suffix:
            write_folder(out, generator.sample(n, self.seed))
        elif out.suffix.lower() == ".png":
            sampling.write_picture(out, generator.sample(n, self.seed), generator.extent)
        else:
            storage.write_bytes(out, packed(generator, n, self.seed))
        what = "points" if points else "images"
        print(f"{n} {what} at {generator.images_seen:,} {what} seen: {out}")
        if generator.extent is not None and out.suffix.lower() == ".png":
            print(f"its sides are x and y from {-generator.extent} to {generator.extent}")


def packed(generator: TrainedGenerator, n: int, seed: int) -> bytes:
    """An .npz of new images and the `latents` float32 (n, Z) behind them.

    `images` uint8 (n, H, W, C), or `points` float32 (n, 2).
    """
    import numpy as np

    buffer = io.BytesIO()
    made, latents = generator.sample(n, seed), generator.latents(n, seed).cpu().numpy()
    if generator.makes_points:
        np.savez_compressed(buffer, points=made, latents=latents)
    else:
        np.savez_compressed(buffer, images=made, latents=latents)
    return buffer.getvalue()


def write_folder(out: Path, made: Pixels) -> None:
    """One PNG an image, in an empty folder."""
    from ganvas.images import write_png

    if any(out.iterdir()):
        raise RunError(f"{out} is not empty. Give an empty or a new folder")
    for index, image in enumerate(made):
        write_png(out / f"{index:06d}.png", image)
