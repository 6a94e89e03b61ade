"""What an hour buys: recipes that train for the same processor time, judged by several metrics.

    .venv/bin/python benchmarks/hour.py cifar10=FOLDER/cifar10.npz
    .venv/bin/python benchmarks/hour.py cifar10=FOLDER/cifar10.npz --seconds 600 --seeds 5

Every run has one thread, so on two cores two runs of an hour take an hour. Results, tables and a
picture are written to docs/results.
"""

from __future__ import annotations

import dataclasses
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

from equal_time import Experiment, Judges, options_of
from ganvas.networks import ResNetGenerator
from ganvas.recipes import CATALOG, Recipe

SIDE = 32
RECIPES = ("dcgan", "resnet", "r3gan", "fastgan", "biggan", "style")
RESIDUAL = "dcgan, residual generator"
FASTER = "the same, learning rates 4e-4"
JUDGES = Judges(
    metrics=("fd-lite0", "prdc-lite0", "fd-self", "c2st", "swd"),
    scores=("fd-lite0", "recall-lite0", "coverage-lite0", "fd-self", "c2st", "swd"),
    samples=5_000,
)


def arms() -> dict[str, Recipe]:
    """The recipes by name, at 32x32."""
    named = {name: CATALOG[name]() for name in RECIPES}
    named[RESIDUAL] = residual = CATALOG["dcgan"]().with_networks(ResNetGenerator())
    named[FASTER] = dataclasses.replace(
        residual,
        generator=dataclasses.replace(residual.generator, learning_rate=4e-4),
        discriminator=dataclasses.replace(residual.discriminator, learning_rate=4e-4),
    )
    return {
        name: dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, size=(SIDE, SIDE)))
        for name, recipe in named.items()
    }


def main() -> None:
    """Train what is missing, and write the results."""
    parser = options_of(__doc__ or "", seconds=3_600, seeds=5, kept="hour")
    parser.add_argument("--arms", nargs="*", choices=arms(), help="only these (default: all)")
    options = parser.parse_args()
    chosen = {name: recipe for name, recipe in arms().items() if name in (options.arms or arms())}
    experiment = Experiment("hour", chosen, JUDGES, options.keep, options.out)
    for named in options.data:
        name, _, data = named.partition("=")
        experiment.measure(name, data, options.seconds, options.seeds, options.workers)


if __name__ == "__main__":
    main()
