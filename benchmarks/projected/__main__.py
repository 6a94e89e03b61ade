"""Does a discriminator on frozen features pay on a processor? An experiment with a limit.

    .venv/bin/python benchmarks/projected drawings=FOLDER

Of every NAME=DATA, 1,400 images of 64x64 are used: 600 are trained on, and the others judge. All
arms train for the same CPU seconds on one thread; a trial of each says how many images that is. The
judges know nothing of the frozen features: swd; `fd-self` and coverage in features learned on the
training images; `c2st`, a network trained to tell samples from real images. `fd-lite0` is shown,
and decides nothing, because two arms have trained against its features.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from projected_network import ProjectedDiscriminator

from equal_time import Experiment, Judges, options_of
from ganvas.data.settings import DataSettings
from ganvas.networks import DCGANGenerator
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.recipe import Intervals, PlayerSettings, discriminator, generator
from ganvas.runs.data import prepare_images

SIDE = 64
COUNT, HELD_OUT = 1_400, 0.57
JUDGES = Judges(
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


def write_images(name: str, data: str, keep: Path) -> Path:
    """images.npy, uint8 (N, H, W, C)."""
    path = keep / name / "images.npy"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    prepared = prepare_images(DataSettings(size=(SIDE, SIDE)), data, quiet=True)
    order = np.random.default_rng(0).permutation(len(prepared.images))[:COUNT]
    np.save(path, prepared.images[np.sort(order)].transpose(0, 2, 3, 1))
    return path


def main() -> None:
    """Train what is missing, and write the results."""
    options = options_of(__doc__ or "", seconds=300, seeds=3, kept="projected").parse_args()
    experiment = Experiment("projected", arms(), JUDGES, options.keep, options.out)
    for named in options.data:
        name, _, data = named.partition("=")
        images = write_images(name, data, options.keep)
        experiment.measure(name, str(images), options.seconds, options.seeds, options.workers)


if __name__ == "__main__":
    main()
