"""What an image costs at each size of a run that grows, in processor time.

    .venv/bin/python benchmarks/growing.py [RECIPE ...]

One thread, noise as images. The sizes take turns, so that whatever else the machine does slows all
of them alike. The last column is a network of the first size that is not part of a larger one.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import torch

from ganvas.growth import Growth
from ganvas.recipes import Recipe, load_recipe
from ganvas.training.pace import noise
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

HEIGHTS, CHANNELS = (16, 32, 64), 3
ROUNDS, WARM_UP = 12, 2


def milliseconds(recipe: Recipe, heights: tuple[int, ...], rounds: int) -> list[float]:
    """Processor time of an image at each height of the growing recipe, and at the first alone."""
    growing = of_size(recipe, heights[-1], Growth(heights=heights))
    small = of_size(recipe, heights[0], None)
    loops = [(growing, start(growing, later)) for later, _ in growing.shares()]
    loops.append((small, start(small, 0)))
    totals = [0.0] * len(loops)
    for number in range(-WARM_UP, rounds):
        for index, (own, state) in enumerate(loops):
            began = time.process_time()
            train_step(state, own)
            totals[index] += (time.process_time() - began) * (number >= 0)
    return [1_000 * total / rounds / recipe.batch for total in totals]


def of_size(recipe: Recipe, side: int, grow: Growth | None) -> Recipe:
    """The recipe at another size, which it may grow to."""
    data = dataclasses.replace(recipe.data, size=(side, side))
    return dataclasses.replace(recipe, data=data, grow=grow).with_fixed_schedules()


def start(recipe: Recipe, later_doublings: int) -> TrainState:
    """The state before the first image at one size."""
    data = noise(recipe.image_shape(CHANNELS), 2 * recipe.batch)
    device = torch.device("cpu")
    return TrainState.start(recipe, data, 0, device, later_doublings=later_doublings)


def main() -> None:
    """Print a table with a row for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=["dcgan", "resnet", "r3gan"])
    torch.set_num_threads(1)
    columns = [*(f"{height} of {HEIGHTS[-1]}" for height in HEIGHTS), f"{HEIGHTS[0]} alone"]
    print(f"| ms an image | {' | '.join(columns)} | more images in equal shares |")
    print(f"|---|{'---|' * (len(columns) + 1)}")
    for name in parser.parse_args().recipes:
        times = milliseconds(load_recipe(name), HEIGHTS, ROUNDS)
        *grown, _ = times
        more = grown[-1] * len(grown) / sum(grown)
        cells = " | ".join(f"{value:.2g}" for value in times)
        print(f"| `{name}` | {cells} | {more:.2g} times |")


if __name__ == "__main__":
    main()
