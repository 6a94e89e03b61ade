"""After how many images can shapes be seen? One run of each case, until it is so.

    .venv/bin/python benchmarks/first_shapes.py --cifar10 CIFAR10/cifar10.npz
    .venv/bin/python benchmarks/first_shapes.py --cifar10 CIFAR10/cifar10.npz --only dcgan-grey-64

`benchmarks/fetch.py cifar10 CIFAR10` downloads CIFAR-10. Each case is trained with seed 0 on one
thread. At every count of `COUNTS`, 1,000 samples of the EMA generator and 1,000 held-out images are
compared by `swd`. Shapes count as seen where it is at most `SHAPES` times that of 1,000 training
images; the run then ends. Each case is written at once into the table that `ganvas check` and
`ganvas train` read, in place of an earlier measurement, and the table of docs/first-shapes.md is
printed at the end. With --pictures, a grid of samples at every
count is written too: look at them before you believe the criterion.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganvas.data.prepared import PreparedData
from ganvas.drawing.grids import make_grid, write_png
from ganvas.generators.files import generator_in_training
from ganvas.metrics.sliced_wasserstein import sliced_wasserstein
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.first_shapes import SHAPES, TABLE, MeasuredRun, read_table, write_table
from ganvas.runs.data import prepare_for
from ganvas.training.grids import draw_samples
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

SEED = 0
COUNTS = (7_000, 10_000, 14_000, 20_000, 28_000, 40_000, 56_000, 80_000, 110_000)
"""Images seen at each comparison; from one to the next about 1.4 times as many."""
SAMPLES = 1_000
FEW = 600


@dataclasses.dataclass(frozen=True)
class Case:
    """What is trained: a named recipe on grey clothes or on colour photographs."""

    recipe: str
    colour: bool
    side: int
    few: bool = False
    augmentation: float = 0.0
    until: int = COUNTS[-1]
    """Images after which it ends without shapes."""

    @property
    def name(self) -> str:
        """Its name on the command line."""
        kind = "colour" if self.colour else "grey"
        return f"{self.recipe}-{kind}-{self.side}{'-few' if self.few else ''}"

    @property
    def data_name(self) -> str:
        """The images, for people."""
        images = "CIFAR-10" if self.colour else "Fashion-MNIST"
        return f"{FEW} images of {images}" if self.few else images

    def build_recipe(self) -> Recipe:
        """The recipe, at the case's size."""
        recipe = load_recipe(self.recipe)
        held_out = SAMPLES / (FEW + SAMPLES) if self.few else recipe.data.held_out
        data = dataclasses.replace(recipe.data, size=(self.side, self.side), held_out=held_out)
        return dataclasses.replace(recipe, data=data, augmentation=self.augmentation)


# Not mlp, whose samples stay noisy, and not wgan-gp, whose samples stay smooth: the distance is
# above 4 for long after clothes can be named (docs/first-shapes.md).
CASES = (
    Case("dcgan", colour=False, side=32),
    Case("dcgan", colour=True, side=32),
    Case("dcgan", colour=False, side=64),
    Case("dcgan", colour=True, side=32, few=True, augmentation=0.3),
    Case("resnet-dcgan", colour=False, side=32),
    Case("resnet-dcgan-conditional", colour=False, side=32),
    Case("dcgan-conditional", colour=False, side=32),
    Case("dcgan-conditional", colour=True, side=32),
    Case("resnet", colour=False, side=32),
    Case("wgan", colour=False, side=32),
    Case("lsgan", colour=False, side=32),
    Case("r3gan", colour=False, side=32, until=40_000),
)


def main() -> None:
    """Measure the cases and write each into the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cifar10", type=Path, help="cifar10.npz; without it, grey cases alone")
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--pictures", type=Path, help="a folder for grids of samples")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for case in CASES:
        if case.colour and options.cifar10 is None:
            continue
        if options.only is None or case.name in options.only:
            run = measure(case, options.cifar10, options.pictures)
            others = [other for other in read_table(options.table) if not is_same(run, other)]
            write_table([*others, run], options.table)
    print(table(read_table(options.table)))


def table(runs: Sequence[MeasuredRun]) -> str:
    """The measured runs as docs/first-shapes.md has them."""
    lines = [
        "| recipe | images | to train on | shapes after | distance at each count |",
        "|---|---|---|---|---|",
    ]
    for run in runs:
        shapes = f"{run.images:,}" if run.images else f"not by {run.curve[-1][0]:,}"
        curve = ", ".join(f"{distance:.1f} at {count // 1000}k" for count, distance in run.curve)
        lines.append(f"| `{run.recipe}` | {run} | {run.training_images:,} | {shapes} | {curve} |")
    return "\n".join(lines)


def is_same(run: MeasuredRun, other: MeasuredRun) -> bool:
    """Whether both were measured for the same case."""
    return (run.recipe, run.data, run.size) == (other.recipe, other.data, other.size)


def measure(case: Case, cifar10: Path | None, pictures: Path | None) -> MeasuredRun:
    """Train until shapes are seen, and print every distance."""
    recipe = case.build_recipe().with_fixed_schedules()
    with tempfile.TemporaryDirectory() as folder:
        data = prepare_for(recipe, data_of(case, cifar10, Path(folder)), True, False)
    real, other = real_images(data)
    floor = sliced_wasserstein(real, other, SEED).value
    state = TrainState.start(recipe, data, SEED, torch.device("cpu"))
    curve: list[tuple[int, float]] = []
    start = time.process_time()
    for count in (count for count in COUNTS if count <= case.until):
        while state.images_seen < count:
            train_step(state, recipe)
        state.metrics.compute()
        distance = sliced_wasserstein(real, samples(state, recipe, data), SEED).value / floor
        curve.append((count, round(distance, 2)))
        seconds = time.process_time() - start
        print(f"{case.name} {count:,} {distance:.2f} {seconds:.0f} s of the CPU", flush=True)
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            grid = make_grid(draw_samples(recipe, state)[:32], columns=16)
            write_png(pictures / f"{case.name}-{count:06d}.png", grid, factor=1)
        if distance <= SHAPES:
            break
    return MeasuredRun(
        recipe=case.recipe,
        data=case.data_name,
        training_images=len(data.training),
        channels=data.shape.channels,
        size=recipe.data.size,
        augmentation=case.augmentation,
        seed=SEED,
        curve=tuple(curve),
    )


def data_of(case: Case, cifar10: Path | None, folder: Path) -> str:
    """What `ganvas train` would be given."""
    if not case.colour:
        return "fashion"
    assert cifar10 is not None
    if not case.few:
        return str(cifar10)
    with np.load(cifar10) as arrays:
        np.save(folder / "few.npy", arrays["images"][: FEW + SAMPLES])
    return str(folder / "few.npy")


def real_images(data: PreparedData) -> tuple[Tensor, Tensor]:
    """Up to 1,000 held-out images, and as many that are trained on; uint8 (N, C, H, W)."""
    random = np.random.default_rng(SEED)
    parts = (random.permutation(split)[:SAMPLES] for split in (data.held_out, data.training))
    real, other = (torch.from_numpy(np.ascontiguousarray(data.images[part])) for part in parts)
    return real, other


def samples(state: TrainState, recipe: Recipe, data: PreparedData) -> Tensor:
    """1,000 samples of the EMA generator, uint8 (N, C, H, W)."""
    generator = generator_in_training(recipe, state.ema, data, state.images_seen)
    pixels = generator.sample(SAMPLES, SEED + 1)  # (N, H, W, C)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


if __name__ == "__main__":
    main()
