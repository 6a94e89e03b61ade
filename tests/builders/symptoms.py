"""Synthetic histories with symptoms: the changes of each symptom to a healthy history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ganvas.health.assessment import apply_rules
from ganvas.health.evidence import Evidence, Record
from ganvas.health.finding import Finding
from ganvas.networks import DCGANDiscriminator, Discriminator, StridedDiscriminator
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import CATALOG
from tests.builders.histories import HEALTHY, Courses, written


@dataclass(frozen=True)
class Case:
    """A symptom and its changes to the healthy history of a recipe.

    changes: courses that replace the healthy ones.
    settings: fields that replace the recipe's.
    """

    symptom: str
    recipe: str
    changes: Courses
    settings: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[Record, ...] = ()
    stopped: str = ""

    @property
    def evidence(self) -> Evidence:
        """The evidence of the changed history."""
        recipe = replace(CATALOG[self.recipe](), **self.settings).with_fixed_schedules()
        return Evidence(
            written(recipe, {**HEALTHY[self.recipe], **self.changes}),
            recipe,
            training_images=9_000,
            scores=self.scores,
            stopped=self.stopped,
        )


def evidence(recipe: str, changes: Courses | None = None, **settings: Any) -> Evidence:
    """A healthy history but for the changes."""
    return Case("", recipe, changes or {}, settings).evidence


def symptoms(evidence: Evidence) -> list[str]:
    """The symptoms that the rules find, the first first."""
    return [finding.symptom for finding in apply_rules(evidence)]


def only(evidence: Evidence) -> Finding:
    """The one finding of the rules."""
    (finding,) = apply_rules(evidence)
    return finding


def rate(recipe: str, player: str, factor: float) -> dict[str, Any]:
    """A recipe's settings with one player's learning rate times a factor."""
    settings: Any = getattr(CATALOG[recipe](), player)
    return {player: replace(settings, learning_rate=settings.learning_rate * factor)}


def objective(recipe: str, **changes: Any) -> dict[str, Any]:
    """A recipe's settings with another objective."""
    return {"objective": replace(CATALOG[recipe]().objective, **changes)}


def against(recipe: str, network: Discriminator) -> dict[str, Any]:
    """A recipe's settings with another discriminator network."""
    return {"discriminator": replace(CATALOG[recipe]().discriminator, network=network)}


def scored(*values: float, metric: str = "fd-lite0", every: int = 4_000) -> tuple[Record, ...]:
    """Scores while training, at equal intervals."""
    return tuple(
        {
            "images_seen": every * (index + 1),
            "while_training": True,
            "metric": metric,
            "value": value,
            "interval": [value - 2.0, value + 2.0],
            "floor": 10.0,
        }
        for index, value in enumerate(values)
    )


MINIMAX = {"objective": ObjectiveSettings(loss="minimax")}

SICK: dict[str, Case] = {
    "fast discriminator": Case(
        "updates-too-large",
        "dcgan",
        {"probe/update/discriminator": (0.2, 0.06)},
        rate("dcgan", "discriminator", 30),
    ),
    "fast generator": Case(
        "updates-too-large",
        "wgan-gp",
        {"probe/update/generator": (0.2, 0.06)},
        rate("wgan-gp", "generator", 30),
    ),
    "clip 1e-4": Case(
        "clip-too-small",
        "wgan",
        {
            "probe/clip/share": 0.97,
            "probe/input_gradient/between": 1e-11,
            "generator/gradient_norm": 1e-9,
        },
        objective("wgan", clip_weights=1e-4),
    ),
    "clip 10": Case(
        "clip-too-large",
        "wgan",
        {"probe/clip/share": 0.0, "probe/input_gradient/between": (20.0, 4e3)},
        objective("wgan", clip_weights=10.0),
    ),
    "critic without a constraint": Case(
        "not-lipschitz",
        "wgan-gp",
        {
            "probe/input_gradient/between": (30.0, 900.0),
            "discriminator/loss/gradient_penalty": None,
        },
        {"objective": ObjectiveSettings(loss="wasserstein")},
    ),
    "normalised critic under clipping": Case(
        "not-lipschitz",
        "wgan",
        {"probe/input_gradient/between": (4e3, 3e4), "probe/clip/share": 0.6},
        against("wgan", DCGANDiscriminator(norm="batch")),
    ),
    "penalty that is not kept": Case(
        "not-lipschitz", "wgan-gp", {"probe/input_gradient/between": (5.0, 14.0)}
    ),
    "frozen discriminator": Case(
        "discriminator-too-weak",
        "dcgan",
        {"probe/update/discriminator": 5e-11},
        rate("dcgan", "discriminator", 1e-9),
    ),
    "discriminator of width 1": Case(
        "discriminator-too-weak",
        "dcgan",
        {"probe/ranking/train": (0.55, 0.35), "probe/likeness/mean_gap": (1.1, 0.9)},
        against("dcgan", StridedDiscriminator(width=1)),
    ),
    "frozen generator": Case(
        "generator-stands-still",
        "resnet",
        {"probe/update/generator": 5e-12, "probe/movement/last": 0.0},
        rate("resnet", "generator", 1e-9),
    ),
    "deep generator": Case(
        "vanishing-generator-gradient",
        "resnet",
        {"probe/gradient/generator/first": 1e-12},
    ),
    "saturated minimax": Case(
        "vanishing-generator-gradient",
        "dcgan",
        {"probe/logits/fake": (-12.0, -25.0), "generator/loss/adversarial": -1e-6},
        MINIMAX,
    ),
    "no gradient": Case(
        "vanishing-generator-gradient", "stacked-modern", {"generator/gradient_norm": 2e-7}
    ),
    "dead generator": Case(  # training's norm is a mean: some batches still had a gradient
        "vanishing-generator-gradient",
        "mlp",
        {
            "probe/gradient/generator/norm": 0.0,
            "probe/gradient/generator/first": 0.0,
            "probe/gradient/generator/last": 0.0,
            "generator/gradient_norm": 0.03,
        },
    ),
    "exploding critic": Case(
        "exploding-gradients",
        "wgan-gp",
        {"discriminator/gradient_norm": [80.0] * 14 + [2e4, 9e4, 4e5]},
    ),
    "gradients that grow on their way back": Case(
        "exploding-gradients",
        "resnet",
        {
            "probe/gradient/generator/first": 3e4,
            "probe/gradient/generator/last": 1e-3,
        },
    ),
    "slope on fakes explodes": Case(
        "diverging",
        "stacked-modern",
        {"probe/input_gradient/fake": [1.0] * 14 + [3.0, 9.0, 30.0, 90.0, 300.0, 900.0]},
    ),
    "numbers overflow": Case("diverging", "dcgan", {}, stopped="loss term became infinite"),
    "loss explodes": Case("diverging", "dcgan", {"discriminator/loss/adversarial": 4e3}),
    "a hundred images": Case(
        "discriminator-memorises",
        "dcgan",
        {
            "probe/ranking/memory": (0.6, 0.97),
            "probe/r_v": (0.3, 0.95),
            "probe/accuracy/held_out": (0.8, 0.3),
        },
    ),
    "memory under a loss without a zero": Case(
        "discriminator-memorises",
        "stacked-modern",
        {"probe/ranking/memory": (0.64, 0.68), "probe/r_v": 0.8},
    ),
    "wide discriminator": Case(
        "discriminator-overpowers",
        "dcgan",
        {
            "probe/ranking/train": 1.0,
            "discriminator/loss/adversarial": (0.01, 0.002),
            "generator/loss/adversarial": (7.0, 9.7),
        },
    ),
    "no progress against a perfect discriminator": Case(
        "discriminator-overpowers",
        "resnet",
        {"probe/ranking/train": 0.999, "probe/likeness/mean_gap": 1.3},
    ),
    "one image for all": Case(
        "mode-collapse",
        "dcgan",
        {
            "probe/diversity/distance": 0.05,
            "probe/diversity/vendi": 0.03,
            "probe/diversity/duplicates": 1.0,
        },
    ),
    "a few points of a ring": Case(
        "mode-collapse", "pacgan-points", {"probe/diversity/vendi": 0.15}
    ),
    "half of the modes": Case(
        "partial-collapse",
        "wgan-gp",
        {"probe/diversity/vendi": 0.5, "probe/diversity/duplicates": 0.5},
    ),
    "two latents": Case(
        "partial-collapse", "dcgan", {"probe/diversity/vendi": 0.7}, {"latent_dim": 2}
    ),
    "labels of no effect": Case(
        "ignores-labels",
        "dcgan-conditional",
        {"probe/labels/effect": 0.0, "probe/labels/told": 0.0},
        {"label_strength": 0.0},
    ),
    "labels that are not told": Case(
        "ignores-labels", "dcgan-conditional", {"probe/labels/told": 0.05}
    ),
    "one image for each label": Case(
        "class-collapse",
        "dcgan-conditional",
        {
            "probe/labels/effect": 0.99,
            "probe/labels/diversity": 0.02,
            "probe/labels/diversity_least": 0.01,
            "probe/diversity/vendi": 0.2,
            "probe/diversity/duplicates": 1.0,
        },
    ),
    "one image for one label": Case(
        "class-collapse", "dcgan-conditional", {"probe/labels/diversity_least": 0.03}
    ),
    "kernel 3, stride 2": Case("checkerboard", "dcgan", {"probe/checkerboard/ratio": 30.0}),
    "circles": Case(
        "oscillation",
        "wgan",
        {"probe/movement/last": 0.6, "probe/movement/before_last": 0.2},
    ),
    "nothing lasts": Case(
        "oscillation",
        "dcgan",
        {"probe/movement/last": 1.0, "probe/movement/before_last": 1.0},
    ),
    "worse and worse": Case(
        "stagnation", "dcgan", {}, scores=scored(90, 60, 49, 70, 103, 131, 137)
    ),
    "no better any more": Case(
        "stagnation", "lsgan", {}, scores=scored(90, 60, 49, 50, 52, 51, 50, 49.5, 50)
    ),
    "images that stay": Case("stagnation", "resnet", {"probe/movement/last": 0.005}),
    "black and white": Case("saturated-output", "dcgan", {"probe/output/saturated": 0.95}),
    "idle penalty": Case("idle-penalty", "stacked-modern", {"discriminator/loss/r1": 1e-6}),
    "slow average": Case(
        "average-lags",
        "dcgan",
        {"probe/movement/average_lag": 0.9, "probe/movement/last": 0.15},
    ),
}
"""By what was done to the run."""
