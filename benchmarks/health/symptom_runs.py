"""Extra runs for symptoms that no sabotage of the benchmark causes, with their healthy twins.

Each is a recipe of the catalog with a few fields changed, and its twin is that recipe without the
change: same size, budget, probes and seed. They are for figures alone; no rate counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bases import Base, Changes, change
from cases import HEALTHY, Case
from networks import HalfPrecisionDiscriminator

from ganvas.networks.resnet import BlockSettings, ResNetDiscriminator, ResNetGenerator
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import Recipe


@dataclass(frozen=True, kw_only=True)
class SymptomRun:
    """A run that should show one symptom.

    what: the change, as text.
    base: the recipe, its size and budget.
    changes: from the twin's recipe to its own.
    twin: from the base's recipe to the twin's.
    """

    what: str
    base: Base
    changes: Changes
    twin: Changes = field(default_factory=dict)

    def twin_recipe(self) -> Recipe:
        """Without the change."""
        return change(self.base.build(), self.twin)


def rates(generator: float, discriminator: float, momentum: float) -> Changes:
    """The learning rates of both networks, and their momentum."""
    return {
        "generator.learning_rate": generator,
        "discriminator.learning_rate": discriminator,
        **momentum_of(momentum),
    }


def momentum_of(value: float) -> Changes:
    """The momentum of both networks."""
    return {"generator.beta1": value, "discriminator.beta1": value}


def r1(weight: float) -> Changes:
    """R1, which needs a discriminator without batch normalisation."""
    return {
        "discriminator.network.norm": "none",
        "objective.penalties.r1.weight": weight,
    }


BARE_FAST_GENERATOR: Changes = {
    "generator.network.norm": "none",
    "generator.learning_rate": 3.5e-3,
}
DEEP = BlockSettings(width=16, blocks_per_resolution=8)
SMALL_BATCH: Changes = {"batch": 16}
"""Twice the updates from as many images: slow symptoms are checked from 1,000 updates on."""

SYMPTOM_RUNS: dict[str, SymptomRun] = {
    "clip-too-large": SymptomRun(
        what="weights clipped at 10, momentum 0.9, the critic's learning rate x 2",
        base=Base(recipe="wgan", images=40_000, looks=10),
        changes={
            "discriminator.learning_rate": 1e-3,
            **momentum_of(0.9),
            "objective.clip_weights": 10.0,
        },
    ),
    "not-lipschitz": SymptomRun(
        what="weights not clipped at all, momentum 0.9, learning rates x 2",
        base=Base(recipe="wgan", images=24_000, looks=12),
        changes={**rates(1e-3, 1e-3, 0.9), "objective.clip_weights": 0.0},
    ),
    "updates-too-large": SymptomRun(
        what="nothing normalised, the generator's learning rate x 100",
        base=Base(recipe="dcgan", images=8_000, looks=25),
        twin={"intervals.samples": 320},
        changes={
            "discriminator.network.norm": "none",
            "generator.network.norm": "none",
            "generator.learning_rate": 2e-2,
        },
    ),
    "vanishing-generator-gradient": SymptomRun(
        what="minimax loss, bare discriminator, momentum 0.9, learning rates x 5",
        base=Base(recipe="dcgan", images=32_000, looks=16),
        changes={
            **rates(1e-3, 1e-3, 0.9),
            "discriminator.network.norm": "none",
            "objective.loss": "minimax",
        },
    ),
    "exploding-gradients": SymptomRun(
        what="8 residual blocks a resolution, nothing normalised, least squares",
        base=Base(recipe="resnet", images=4_000, looks=8),
        changes={
            "generator.network": ResNetGenerator(norm="none", **vars(DEEP)),
            "discriminator.network": ResNetDiscriminator(**vars(DEEP)),
            "objective": ObjectiveSettings(loss="least-squares"),
        },
    ),
    "diverging": SymptomRun(
        what="logits that pass through half precision, and overflow",
        base=Base(recipe="dcgan", images=8_000, looks=25),
        twin={"intervals.samples": 320},
        changes={"discriminator.network": HalfPrecisionDiscriminator(norm="batch", scale=10_000)},
    ),
    "oscillation": SymptomRun(
        what="generator not normalised, its learning rate x 7",
        base=Base(recipe="wgan-gp", images=26_000, looks=13),
        twin={**SMALL_BATCH, "ema_half_life": 0, "intervals.samples": 2_000},
        changes=BARE_FAST_GENERATOR,
    ),
    "saturated-output": SymptomRun(
        what="generator not normalised, its learning rate x 7",
        base=Base(recipe="wgan-gp", images=16_000, looks=8),
        twin={"ema_half_life": 0, "intervals.samples": 2_000},
        changes=BARE_FAST_GENERATOR,
    ),
    "checkerboard": SymptomRun(
        what="discriminator not normalised, an R1 penalty of weight 1e-9",
        base=Base(recipe="dcgan", images=40_000, looks=10),
        changes=r1(1e-9),
    ),
    "stagnation": SymptomRun(
        what="learning rates x 7.5",
        base=Base(recipe="dcgan", images=64_000, looks=16),
        twin={
            "evaluation.every": 4_000,
            "evaluation.metrics": ("swd",),
            "evaluation.samples": 1_000,
        },
        changes=rates(1.5e-3, 1.5e-3, 0.5),
    ),
    "idle-penalty": SymptomRun(
        what="an R1 penalty of weight 1e-9 in place of 0.1",
        base=Base(recipe="dcgan", images=40_000, looks=10),
        twin=r1(0.1),
        changes=r1(1e-9),
    ),
    "average-lags": SymptomRun(
        what="an average that reaches back through the whole run",
        base=Base(recipe="dcgan", images=24_000, looks=80),
        # In small steps, so that the images change steadily.
        twin={**SMALL_BATCH, **rates(5e-5, 5e-5, 0.5), "intervals.samples": 300},
        changes={"ema_half_life": 1_000_000, "ema_rampup": 1.0},
    ),
}
"""By the symptom that each should show, which is for the rules to decide."""


def sick_case(symptom: str) -> Case:
    """The run that should show the symptom."""
    run = SYMPTOM_RUNS[symptom]
    recipe = change(run.twin_recipe(), run.changes)
    return Case(kind=symptom, base=run.base.recipe, seed=0, recipe=recipe)


def healthy_twin(symptom: str) -> Case:
    """Its healthy twin; runs with equal twins share one."""
    recipe = SYMPTOM_RUNS[symptom].twin_recipe()
    first = next(name for name, run in SYMPTOM_RUNS.items() if run.twin_recipe() == recipe)
    return Case(kind=HEALTHY, base=f"{recipe.name}-for-{first}", seed=0, recipe=recipe)
