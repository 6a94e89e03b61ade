"""Healthy recipes at sizes and budgets that a minute is enough for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganvas.networks import DCGAN, R3GAN
from ganvas.objectives.settings import Penalties, PenaltySettings
from ganvas.recipes import CATALOG, Intervals, Recipe
from ganvas.schedules import Ramp

IMAGE_METRICS = ("fd-lite0", "prdc-lite0")
POINT_METRICS = ("modes",)


@dataclass(frozen=True, kw_only=True)
class Base:
    """A healthy recipe at a size and budget that a minute is enough for.

    images_per_second: about, on one thread beside another busy one; for the plan alone.
    """

    recipe: str
    images: int
    images_per_second: float
    size: int | None = None
    """Side in pixels; None leaves the recipe's own."""
    data: tuple[str, ...] = ("fashion",)
    """Which data a pair of seeds trains on, in turn."""
    metrics: tuple[str, ...] = IMAGE_METRICS
    samples: int = 1_000
    """Generated images a score."""
    width: int | None = None
    """Of DCGAN or R3GAN; None leaves the recipe's own."""
    gamma: Ramp | None = None
    """Weight of R1 and of R2, where it is to fit the size; None leaves the recipe's own."""
    built_to_fail: bool = False
    """Whether the recipe repeats networks that are published because they collapse: its runs are
    shown, and count neither as healthy nor as sabotaged."""
    looks: int = 12
    """How often the health of the run is probed, unless that were less than every 4,000 images."""

    def data_of(self, seed: int) -> str:
        """What a seed trains on."""
        return self.data[seed // 2 % len(self.data)]

    def made(self) -> Recipe:
        """The recipe at this size and budget; pictures and checkpoints only at the end."""
        recipe = CATALOG[self.recipe]()
        if self.size is not None:
            recipe = replace(recipe, data=replace(recipe.data, size=(self.size, self.size)))
        if self.width is not None:
            assert isinstance(recipe.architecture, DCGAN | R3GAN)
            recipe = replace(recipe, architecture=replace(recipe.architecture, width=self.width))
        if self.gamma is not None:
            both = PenaltySettings(weight=self.gamma)
            objective = replace(recipe.objective, penalties=Penalties(r1=both, r2=both))
            recipe = replace(recipe, objective=objective)
        return budgeted(recipe, self.images, self.looks)


def budgeted(recipe: Recipe, images: int, looks: int) -> Recipe:
    """The recipe for so many images, probed so often or at the default interval."""
    probes = min(Intervals().probes, max(recipe.batch, images // looks))
    intervals = Intervals(
        history=max(1, probes // 2), samples=images, checkpoint=images, probes=probes
    )
    return replace(recipe, images=images, intervals=intervals)


BASES: dict[str, Base] = {
    "mlp": Base(recipe="mlp", size=32, images=48_000, images_per_second=1_500),
    "dcgan": Base(
        recipe="dcgan",
        size=32,
        images=25_600,
        images_per_second=650,
    ),
    "dcgan-16": Base(
        recipe="dcgan",
        size=16,
        images=56_000,
        images_per_second=1_600,
        metrics=(*IMAGE_METRICS, "swd", "memorised-lite0"),
    ),
    "dcgan-narrow": Base(
        recipe="dcgan", size=16, width=8, images=24_000, images_per_second=3_000, looks=8
    ),
    "lsgan": Base(
        recipe="lsgan",
        size=16,
        images=56_000,
        images_per_second=1_600,
        metrics=(*IMAGE_METRICS, "swd", "memorised-lite0"),
    ),
    "wgan": Base(recipe="wgan", size=16, images=56_000, images_per_second=1_600),
    "wgan-gp": Base(recipe="wgan-gp", size=16, images=48_000, images_per_second=1_100),
    "resnet": Base(recipe="resnet", size=16, images=24_000, images_per_second=700),
    "resnet-wgan-gp": Base(recipe="resnet-wgan-gp", size=16, images=20_000, images_per_second=440),
    "r3gan": Base(
        recipe="r3gan",
        size=16,
        gamma=Ramp(shape="cosine", start=1.25, end=0.125),
        images=9_600,
        images_per_second=135,
    ),
    "wgan-paper": Base(recipe="wgan-paper", size=16, images=48_000, images_per_second=1_300),
    "wgan-gp-paper": Base(recipe="wgan-gp-paper", size=16, images=36_000, images_per_second=700),
    "resnet-paper": Base(
        recipe="resnet-paper", size=16, images=2_560, images_per_second=46, looks=4
    ),
    "resnet-wgan-gp-paper": Base(
        recipe="resnet-wgan-gp-paper", size=16, images=2_560, images_per_second=50, looks=4
    ),
    "r3gan-paper": Base(
        recipe="r3gan-paper",
        size=16,
        width=16,
        gamma=Ramp(shape="cosine", start=0.125, end=0.0125, images=20_000_000),
        images=10_240,
        images_per_second=200,
        looks=4,
    ),
    "pacgan-points": Base(
        recipe="pacgan-points",
        images=120_000,
        images_per_second=4_000,
        data=("ring", "grid"),
        metrics=POINT_METRICS,
        samples=2_500,
    ),
    "points-modern": Base(
        recipe="points-modern",
        images=120_000,
        images_per_second=4_000,
        data=("ring", "grid"),
        metrics=POINT_METRICS,
        samples=2_500,
    ),
    "pacgan-stacked": Base(
        recipe="pacgan-stacked",
        images=64_000,
        images_per_second=1_500,
        data=("stacked:fashion",),
        built_to_fail=True,
    ),
    "stacked-modern": Base(
        recipe="stacked-modern",
        images=12_000,
        images_per_second=250,
        data=("stacked:fashion",),
    ),
}
"""Every recipe of the catalogue; dcgan also at 16x16, and narrow beside a wide discriminator."""
