"""What an hour buys: recipes that train for the same processor time, scored by several metrics.

    .venv/bin/python benchmarks/hour.py cifar10=FOLDER/cifar10.npz
    .venv/bin/python benchmarks/hour.py cifar10=FOLDER/cifar10.npz --seconds 600 --seeds 5
    .venv/bin/python benchmarks/hour.py few=PHOTOS --held-out 0.9 --arms few "few, residual"
    .venv/bin/python benchmarks/hour.py drawings64=DRAWINGS --size 64 --seconds 300

Every run has one thread, so on two cores two runs of an hour take an hour. Results, tables and a
picture are written to docs/results.
"""

from __future__ import annotations

import dataclasses
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

from equal_time import Scoring, run_experiment
from ganvas.networks import DCGANDiscriminator, DCGANGenerator
from ganvas.recipes import CATALOG, Growth, Recipe

SIDE = 32
RECIPES = ("dcgan", "resnet-dcgan", "resnet", "r3gan", "fastgan", "biggan", "style", "few")
SLOWER = "resnet-dcgan at 2e-4"
EQUAL = "resnet-dcgan at 4e-4"
FEW_RESIDUAL = "few, residual"
WIDE = "dcgan of width 64"
GROWN = {"dcgan": "dcgan, grown", "resnet-dcgan": "resnet-dcgan, grown"}
SCORING = Scoring(
    metrics=("fd-lite0", "prdc-lite0", "fd-self", "c2st", "swd"),
    scores=("fd-lite0", "recall-lite0", "coverage-lite0", "fd-self", "c2st", "swd"),
    samples=5_000,
)


def arms() -> dict[str, Recipe]:
    """The recipes by name, at 32x32, and others that differ from them in one thing.

    Three have the residual generator of resnet-dcgan: one with the learning rates of dcgan, one
    with 4e-4 in both players, as the recipe had until ganvas 0.12, and one with the augmentation of
    few. Another is dcgan with twice the channels in both networks, and two train at a quarter and
    at half of the side first.
    """
    named = {name: CATALOG[name]() for name in RECIPES}
    residual, dcgan, few = named["resnet-dcgan"], named["dcgan"], named["few"]
    named[SLOWER] = dataclasses.replace(
        dcgan, generator=dataclasses.replace(dcgan.generator, network=residual.generator.network)
    )
    named[EQUAL] = dataclasses.replace(
        residual, generator=dataclasses.replace(residual.generator, learning_rate=4e-4)
    )
    named[FEW_RESIDUAL] = dataclasses.replace(
        residual, augmentation=few.augmentation, augmentation_policy=few.augmentation_policy
    )
    named[WIDE] = dcgan.with_networks(
        DCGANGenerator(width=64), DCGANDiscriminator(norm="batch", width=64)
    )
    for name, grown in GROWN.items():
        growth = Growth(heights=(SIDE // 4, SIDE // 2, SIDE))
        named[grown] = dataclasses.replace(named[name], grow=growth)
    return {
        name: dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, size=(SIDE, SIDE)))
        for name, recipe in named.items()
    }


if __name__ == "__main__":
    run_experiment("hour", __doc__ or "", arms(), SCORING, seconds=3_600, seeds=5)
