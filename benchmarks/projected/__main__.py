"""Does a discriminator on frozen features pay on a processor? An experiment with a limit.

    .venv/bin/python benchmarks/projected drawings=FOLDER

Images are of 64x64; of 1,400, 600 are trained on, and samples are compared with the others. All
arms train for the same CPU seconds on one thread; a trial of each says how many images that is. The
metrics know nothing of the frozen features: swd; `fd-self` and coverage in features learned on the
training images; `c2st`, a network trained to tell samples from real images. `fd-lite0` is listed,
and decides nothing, because some arms have trained against its features.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run
sys.path.insert(0, str(Path(__file__).parents[1]))

from projected_network import ProjectedDiscriminator

from equal_time import Scoring, run_experiment
from ganvas.networks import DCGANGenerator
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.recipe import Intervals, PlayerSettings, discriminator, generator

SIDE = 64
HELD_OUT = 0.57
SCORING = Scoring(
    metrics=("swd", "fd-self", "prdc-self", "c2st", "fd-lite0"),
    scores=("swd", "fd-self", "coverage-self", "recall-self", "c2st", "fd-lite0"),
    samples=1_600,
)


def arms() -> dict[str, Recipe]:
    """The recipes by name. All see DiffAugment: always, or as often as overfitting asks for."""
    few = CATALOG["few"]()
    few = dataclasses.replace(
        few,
        data=dataclasses.replace(few.data, size=(SIDE, SIDE), held_out=HELD_OUT),
    )
    resize = few.with_networks(DCGANGenerator(upsampling="resize"))
    fast = dataclasses.replace(
        resize,
        batch=32,
        ema_half_life=10_000,
        generator=dataclasses.replace(resize.generator, learning_rate=4e-4),
        discriminator=dataclasses.replace(resize.discriminator, learning_rate=4e-4),
    )
    return {
        "few": few,
        "few, resized and faster": fast,
        "projected": projected(fast, ProjectedDiscriminator()),
        "projected at 96x96": projected(fast, ProjectedDiscriminator(side=96)),
        "pixels and projected": projected(fast, ProjectedDiscriminator(with_pixels=True)),
    }


def projected(base: Recipe, network: ProjectedDiscriminator) -> Recipe:
    """The paper's settings: hinge, Adam 2e-4 (0, 0.99), DiffAugment always, no penalty."""
    adam = PlayerSettings(learning_rate=2e-4, beta1=0.0, beta2=0.99)
    return dataclasses.replace(
        base,
        name="projected",
        generator=generator(base.generator.network, adam),
        discriminator=discriminator(network, adam),
        objective=dataclasses.replace(base.objective, loss="hinge"),
        augmentation=1.0,
        intervals=Intervals(probes=0),
    )


if __name__ == "__main__":
    run_experiment("projected", __doc__ or "", arms(), SCORING, seconds=300, seeds=3)
