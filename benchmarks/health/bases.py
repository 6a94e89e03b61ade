"""Healthy recipes at sizes and budgets that take a minute, and changes of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ganvas.fields import get_field, replace_field
from ganvas.health.assessment import applicable_rules
from ganvas.health.evidence import Evidence
from ganvas.objectives.settings import Penalties, PenaltySettings
from ganvas.recipes import CATALOG, Intervals, Recipe
from ganvas.schedules import Ramp
from ganvas.training.due import Due

IMAGE_METRICS = ("fd-lite0", "prdc-lite0")
POINT_METRICS = ("modes",)

Changes = Mapping[str, Any]
"""Recipe fields by their dotted names: a new value, or a function of the old one."""


def change(recipe: Recipe, changes: Changes) -> Recipe:
    """The recipe with these changes, which are not checked."""
    for path, value in changes.items():
        new = value(get_field(recipe, path)) if callable(value) else value
        recipe = replace_field(recipe, path, new)
    return recipe


@dataclass(frozen=True, kw_only=True)
class Base:
    """A healthy recipe at a size and budget that take a minute.

    changes: of the named recipe, beside size and budget.
    size: side in pixels; None leaves the recipe's own.
    data: what pairs of seeds train on, in turn.
    samples: generated images per score.
    images_per_second: approximately, on one thread beside another busy one; for the plan alone.
    built_to_fail: whether the recipe repeats networks that are published because they collapse. Its
        runs are shown, and count neither as healthy nor as sabotaged.
    looks: how often health is probed, but at least every 4,000 images.
    """

    recipe: str
    images: int
    changes: Changes = field(default_factory=dict)
    size: int | None = 16
    data: tuple[str, ...] = ("fashion",)
    metrics: tuple[str, ...] = IMAGE_METRICS
    samples: int = 1_000
    images_per_second: float = 1_600
    built_to_fail: bool = False
    looks: int = 12

    def data_of(self, seed: int) -> str:
        """What a seed trains on."""
        return self.data[seed // 2 % len(self.data)]

    def build(self) -> Recipe:
        """The recipe at this size and budget; samples and checkpoints only at the end."""
        size = {} if self.size is None else {"data.size": (self.size, self.size)}
        recipe = change(CATALOG[self.recipe](), {**size, **self.changes})
        return with_budget(recipe, self.images, self.looks)


def with_budget(recipe: Recipe, images: int, looks: int) -> Recipe:
    """The recipe for so many images, probed so often or at the default interval."""
    probes = min(Intervals().probes, max(recipe.batch, images // looks))
    intervals = Intervals(
        history=max(1, probes // 2), samples=images, checkpoint=images, probes=probes
    )
    return replace(recipe, images=images, intervals=intervals)


def symptoms_checked(recipe: Recipe) -> tuple[int, int]:
    """How many symptoms a run is long enough to find, and how many its recipe can show.

    A finding takes `patience` probes at which its rule is evaluated, but for extreme values. Rules
    that compare more records, or wait for labels, may need more: these are the most.
    """
    recipe = recipe.with_fixed_schedules()
    nothing = Evidence((), recipe)
    step = recipe.images_per_step
    ends = range(step, recipe.images + step, step)
    probed = [seen for seen in ends if Due.after(seen - step, seen, recipe).probes]
    enough = probed[-min(nothing.thresholds.patience, len(probed))]
    rules = applicable_rules(recipe)
    return sum(rule.active_from(nothing) <= enough for rule in rules), len(rules)


def widths(width: int) -> Changes:
    """Both networks at this width."""
    return {"generator.network.width": width, "discriminator.network.width": width}


def r1_and_r2(start: float, end: float, images: int | None = None) -> Changes:
    """R3GAN's two penalties with a weight that suits the size."""
    both = PenaltySettings(weight=Ramp(shape="cosine", start=start, end=end, images=images))
    return {"objective.penalties": Penalties(r1=both, r2=both)}


LABEL_METRICS = (*IMAGE_METRICS, "label-accuracy")
MORE_METRICS = (*IMAGE_METRICS, "swd", "memorised-lite0")
ON_POINTS: dict[str, Any] = {
    "images": 120_000,
    "images_per_second": 4_000,
    "size": None,
    "data": ("ring", "grid"),
    "metrics": POINT_METRICS,
    "samples": 2_500,
}

BASES: dict[str, Base] = {
    "biggan": Base(recipe="biggan", images=12_800, images_per_second=400),
    "biggan-conditional": Base(
        recipe="biggan-conditional", images=12_800, images_per_second=400, metrics=LABEL_METRICS
    ),
    "biggan-paper": Base(
        recipe="biggan-paper", changes=widths(32), images=5_120, images_per_second=400, looks=4
    ),
    "biggan-paper-conditional": Base(
        recipe="biggan-paper-conditional",
        changes=widths(32),
        images=5_120,
        images_per_second=400,
        looks=4,
    ),
    "mlp": Base(recipe="mlp", size=32, images=48_000, images_per_second=1_500),
    "dcgan": Base(recipe="dcgan", size=32, images=25_600, images_per_second=1_000),
    "dcgan-16": Base(recipe="dcgan", images=56_000, images_per_second=2_500, metrics=MORE_METRICS),
    "dcgan-conditional": Base(
        recipe="dcgan-conditional",
        images=40_000,
        images_per_second=2_300,
        metrics=LABEL_METRICS,
    ),
    "resnet-dcgan": Base(recipe="resnet-dcgan", images=12_800, images_per_second=1_000),
    "resnet-dcgan-conditional": Base(
        recipe="resnet-dcgan-conditional",
        images=12_800,
        images_per_second=900,
        metrics=LABEL_METRICS,
    ),
    "dcgan-narrow": Base(
        recipe="dcgan",
        changes=widths(8),
        images=24_000,
        images_per_second=3_000,
        looks=8,
    ),
    "dcgan-tutorial": Base(recipe="dcgan-tutorial", images=96_000, images_per_second=3_500),
    "fastgan": Base(recipe="fastgan", images=12_000, images_per_second=300),
    "fastgan-conditional": Base(
        recipe="fastgan-conditional",
        images=12_000,
        images_per_second=290,
        metrics=LABEL_METRICS,
    ),
    "fastgan-paper": Base(
        recipe="fastgan-paper", changes=widths(16), images=5_120, images_per_second=80, looks=4
    ),
    "style": Base(recipe="style", images=6_400, images_per_second=130),
    "style-conditional": Base(
        recipe="style-conditional", images=6_400, images_per_second=130, metrics=LABEL_METRICS
    ),
    "style-paper": Base(
        recipe="style-paper", changes=widths(32), images=24_000, images_per_second=500
    ),
    "style-paper-conditional": Base(
        recipe="style-paper-conditional",
        changes=widths(32),
        images=24_000,
        images_per_second=500,
        metrics=LABEL_METRICS,
    ),
    "few": Base(recipe="few", images=24_000, images_per_second=1_500),
    "lsgan": Base(recipe="lsgan", images=56_000, metrics=MORE_METRICS),
    "wgan": Base(recipe="wgan", images=56_000),
    "wgan-gp": Base(recipe="wgan-gp", images=48_000, images_per_second=1_100),
    "resnet": Base(recipe="resnet", images=24_000, images_per_second=700),
    "resnet-conditional": Base(
        recipe="resnet-conditional", images=24_000, images_per_second=650, metrics=LABEL_METRICS
    ),
    "resnet-wgan-gp": Base(recipe="resnet-wgan-gp", images=20_000, images_per_second=440),
    "r3gan": Base(
        recipe="r3gan", changes=r1_and_r2(1.25, 0.125), images=9_600, images_per_second=135
    ),
    "r3gan-conditional": Base(
        recipe="r3gan-conditional",
        changes=r1_and_r2(1.25, 0.125),
        images=9_600,
        images_per_second=135,
    ),
    "wgan-paper": Base(recipe="wgan-paper", images=48_000, images_per_second=1_300),
    "wgan-gp-paper": Base(recipe="wgan-gp-paper", images=36_000, images_per_second=700),
    "resnet-paper": Base(recipe="resnet-paper", images=2_560, images_per_second=46, looks=4),
    "resnet-paper-conditional": Base(
        recipe="resnet-paper-conditional", images=2_560, images_per_second=46, looks=4
    ),
    "resnet-wgan-gp-paper": Base(
        recipe="resnet-wgan-gp-paper", images=2_560, images_per_second=50, looks=4
    ),
    "r3gan-paper": Base(
        recipe="r3gan-paper",
        changes={**widths(16), **r1_and_r2(0.125, 0.0125, images=20_000_000)},
        images=10_240,
        images_per_second=200,
        looks=4,
    ),
    "pacgan-points": Base(recipe="pacgan-points", **ON_POINTS),
    "points-modern": Base(recipe="points-modern", **ON_POINTS),
    "pacgan-stacked": Base(
        recipe="pacgan-stacked",
        size=None,
        images=64_000,
        images_per_second=1_500,
        data=("stacked:fashion",),
        built_to_fail=True,
    ),
    "stacked-modern": Base(
        recipe="stacked-modern",
        size=None,
        images=12_000,
        images_per_second=250,
        data=("stacked:fashion",),
    ),
}
"""Every recipe of the catalog; dcgan also at 16x16, and narrow beside a wide discriminator."""
