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
    from ganvas.sampling import TrainedGenerator


@dataclass(frozen=True)
class Sample:
    """Make new images: one grid, a folder of PNGs, or an .npz. Needs no training data, no GPU."""

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, or a generator/ folder copied from one."""
    n: Annotated[int, tyro.conf.arg(aliases=("-n",))] = 64
    """How many images."""
    seed: int = 0
    """Which images: the same seed gives the same ones."""
    out: Path | None = None
    """grid.png, images.npz, or a folder; by default samples-SEED.png in the run directory."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Generate and write."""
        from ganvas import sampling
        from ganvas.images import make_grid, write_png

        out = self.out or self.run_directory / f"samples-{self.seed}.png"
        if out.suffix.lower() not in ("", ".png", ".npz"):
            raise GanvasError(f"{out}: expected a .png, an .npz or a folder without a suffix")
        if self.n < 1:
            raise GanvasError(f"-n must be at least 1, got {self.n}")
        generator = sampling.load(self.run_directory, self.device)
        factor = sampling.display_factor((generator.shape.height, generator.shape.width))
        storage.make_directory(out if not out.suffix else out.parent)
        if not out.suffix:
            self.write_folder(out, generator)
        elif out.suffix.lower() == ".png":
            write_png(out, make_grid(generator.sample(self.n, self.seed)), factor)
        else:
            storage.write_bytes(out, self.packed(generator))
        print(f"{self.n} images at {generator.images_seen:,} images seen: {out}")

    def packed(self, generator: TrainedGenerator) -> bytes:
        """An .npz with `images` uint8 (n, H, W, C) and the `latents` float32 (n, Z) behind them."""
        import numpy as np

        buffer = io.BytesIO()
        latents = generator.latents(self.n, self.seed).cpu().numpy()
        np.savez_compressed(buffer, images=generator.sample(self.n, self.seed), latents=latents)
        return buffer.getvalue()

    def write_folder(self, out: Path, generator: TrainedGenerator) -> None:
        """One PNG an image, in an empty folder."""
        from ganvas.images import write_png

        if any(out.iterdir()):
            raise RunError(f"{out} is not empty. Give an empty or a new folder")
        for index, image in enumerate(generator.sample(self.n, self.seed)):
            write_png(out / f"{index:06d}.png", image)
