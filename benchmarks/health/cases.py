"""What is trained: healthy runs of every named recipe, and runs that are sabotaged in one way each.

A sabotage changes one thing in a healthy recipe, its base, and trains on the same budget. So each
sabotaged run has healthy counterparts, the base's own runs, that its scores are compared with.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from bases import BASES, POINT_METRICS, Changes, change, with_budget
from networks import ConstantLatentsGenerator, HalfPrecisionDiscriminator, ThreeTapGenerator

from ganvas.networks.dcgan import DCGANDiscriminator
from ganvas.networks.resnet import BlockSettings, ResNetDiscriminator, ResNetGenerator
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import Recipe

HEALTHY = "healthy"
"""The kind of a run without sabotage."""

HEALTHY_SEEDS = 4
SABOTAGED_SEEDS = 5
"""Of each base, and of each kind."""

FEW = 100
"""Training images of the sabotage `few-images`."""
FEW_DATA = "few"
"""The data of that sabotage; each seed has images of its own."""
HELD_OUT = 1_000
"""Of the built-in images, the tenth that every recipe holds out."""
SHOWN_EVERYWHERE = ("fd-lite0", "coverage-lite0", "high-quality", "reverse-kl")
"""Scores of images, and of points."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way to sabotage training.

    what: for the report.
    changes: of the healthy recipe.
    bases: which healthy recipes are sabotaged; each pair of seeds takes the next, so that both
        halves of the seeds have all of them.
    symptoms: which ones name the cause; the first is the expected one.
    shown_by: scores, of which one must be worse than the counterparts' for a failure.
    data: in place of the base's.
    cost: training time relative to the base.
    """

    what: str
    changes: Changes
    bases: tuple[str, ...]
    symptoms: tuple[str, ...]
    shown_by: tuple[str, ...] = ("fd-lite0", "coverage-lite0")
    data: str | None = None
    cost: float = 1.0


def learning_rate_times_30(player: str) -> Changes:
    """One network that learns far too fast."""
    return {f"{player}.learning_rate": lambda rate: 30 * rate}


def frozen(player: str) -> Changes:
    """One network that does not learn: its learning rate is practically zero."""
    return {f"{player}.learning_rate": 1e-12}


DEEP = BlockSettings(width=16, blocks_per_resolution=4, residual=False, block="postactivation")
"""The tutorial's blocks without shortcuts. Half the width makes up for the depth."""

KINDS: dict[str, Kind] = {
    "fast-generator": Kind(
        what="generator's learning rate x 30",
        changes=learning_rate_times_30("generator"),
        bases=("points-modern", "stacked-modern"),
        # Training with steps that are too large is what people call diverging.
        symptoms=("updates-too-large", "diverging"),
        shown_by=SHOWN_EVERYWHERE,
    ),
    "fast-discriminator": Kind(
        what="discriminator's learning rate x 30",
        changes=learning_rate_times_30("discriminator"),
        bases=("points-modern", "stacked-modern"),
        symptoms=("updates-too-large", "diverging"),
        shown_by=SHOWN_EVERYWHERE,
    ),
    "deep-and-bare": Kind(
        what="deep post-activation blocks, no normalisation, no shortcuts",
        # The loss of a beginner, too.
        changes={
            "generator.network": ResNetGenerator(norm="none", **vars(DEEP)),
            "discriminator.network": ResNetDiscriminator(**vars(DEEP)),
            "objective": ObjectiveSettings(loss="non-saturating"),
        },
        bases=("resnet",),
        # The effect of depth on gradients, in either direction (Gulrajani 2017, figure 1b), and on
        # images: rectifiers without norms map all latents to nearly one direction.
        symptoms=("vanishing-generator-gradient", "exploding-gradients", "mode-collapse"),
        cost=1.5,
    ),
    "tiny-clip": Kind(
        what="weights clipped at 1e-4",
        changes={"objective.clip_weights": 1e-4},
        bases=("wgan",),
        # A flat critic gives the generator no gradient: two symptoms of one fact.
        symptoms=("clip-too-small", "vanishing-generator-gradient"),
    ),
    "huge-clip": Kind(
        what="weights clipped at 10",
        changes={"objective.clip_weights": 10.0},
        bases=("wgan",),
        # A bound that no weight reaches does not limit the critic's gradient.
        symptoms=("clip-too-large", "not-lipschitz"),
    ),
    "two-latents": Kind(
        what="latents of two dimensions",
        changes={"latent_dim": 2},
        bases=("dcgan-16", "wgan-gp"),
        # The same lack of diversity, in degrees.
        symptoms=("partial-collapse", "mode-collapse"),
    ),
    "tiny-discriminator": Kind(
        what="discriminator of width 1",
        changes={"discriminator.network.width": 1},
        bases=("dcgan-16", "resnet"),
        symptoms=("discriminator-too-weak",),
        cost=0.8,
    ),
    "wide-discriminator": Kind(
        what="discriminator 16 times too wide",
        changes={"discriminator.network.width": 128},
        bases=("dcgan-narrow",),
        # A perfect discriminator leaves no gradient (Arjovsky and Bottou 2017).
        symptoms=("discriminator-overpowers", "vanishing-generator-gradient"),
        cost=9.0,
    ),
    "normalised-critic": Kind(
        what="batch-normalised critic, clipping, momentum 0.9",
        changes={
            "discriminator.network.norm": "batch",
            "discriminator.beta1": 0.9,
            "discriminator.beta2": 0.999,
        },
        bases=("wgan",),
        # Batch normalisation removes the bound; momentum makes the critic unstable (Arjovsky 2017).
        symptoms=("not-lipschitz", "oscillation"),
    ),
    "few-images": Kind(
        what=f"{FEW} training images, no augmentation",
        # All but a hundred of the images are held out (`running.few_images`).
        changes={"data.held_out": HELD_OUT / (HELD_OUT + FEW)},
        bases=("dcgan-16", "lsgan"),
        symptoms=("discriminator-memorises",),
        shown_by=("swd", "memorised-lite0", "fd-lite0", "coverage-lite0"),
        data=FEW_DATA,
    ),
    "three-taps": Kind(
        what="transposed convolutions of kernel 3, stride 2",
        changes={"generator.network": ThreeTapGenerator()},
        bases=("dcgan-16",),
        symptoms=("checkerboard",),
        shown_by=("swd", "fd-lite0"),
    ),
    "half-precision": Kind(
        what="logits overflow in half precision",
        changes={"discriminator.network": HalfPrecisionDiscriminator(norm="batch")},
        bases=("dcgan-16",),
        symptoms=("diverging",),
        cost=0.5,
    ),
    "frozen-generator": Kind(
        what="frozen generator",
        changes=frozen("generator"),
        bases=("dcgan-16", "wgan-gp"),
        symptoms=("generator-stands-still",),
    ),
    "frozen-discriminator": Kind(
        what="frozen discriminator",
        changes=frozen("discriminator"),
        bases=("dcgan-16", "resnet"),
        symptoms=("discriminator-too-weak",),
    ),
    "no-label-strength": Kind(
        what="labels of strength 0",
        changes={"label_strength": 0.0},
        bases=("dcgan-conditional",),
        symptoms=("ignores-labels",),
        shown_by=("label-accuracy",),
    ),
    "unlabelled-discriminator": Kind(
        what="a discriminator that sees no labels",
        changes={
            "data.labels": "folders",  # read, and no network is changed for them
            "discriminator.network": DCGANDiscriminator(norm="batch"),
        },
        bases=("dcgan-conditional",),
        symptoms=("ignores-labels",),
        shown_by=("label-accuracy",),
    ),
    "constant-latents": Kind(
        what="the same latents for every sample of a label",
        changes={
            "generator.network": ConstantLatentsGenerator(norm="batch", conditioning="chunks")
        },
        bases=("dcgan-conditional",),
        # One image a label is also few images in all.
        symptoms=("class-collapse", "mode-collapse"),
    ),
}
"""Every sabotage by its name."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run.

    kind: a name of `KINDS`, or `HEALTHY`.
    base: the name in `BASES` of the healthy recipe, whose runs are its counterparts.
    data: an argument of `ganvas.train`, or `FEW_DATA`.
    metrics, samples: how it is scored.
    seconds: of training, approximately.
    """

    kind: str
    base: str
    seed: int
    recipe: Recipe
    data: str = "fashion"
    metrics: tuple[str, ...] = ()
    samples: int = 0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.kind}-{self.base}-{self.seed}"

    @property
    def is_healthy(self) -> bool:
        """Whether it is not sabotaged."""
        return self.kind == HEALTHY


def healthy_case(name: str, seed: int) -> Case:
    """A base without sabotage."""
    base = BASES[name]
    return Case(
        kind=HEALTHY,
        base=name,
        seed=seed,
        recipe=base.build(),
        data=base.data_of(seed),
        metrics=base.metrics,
        samples=base.samples,
        seconds=base.images / base.images_per_second,
    )


def sabotaged_case(name: str, seed: int) -> Case:
    """A kind of sabotage on the base whose turn it is with this seed."""
    kind = KINDS[name]
    healthy = healthy_case(kind.bases[seed // 2 % len(kind.bases)], seed)
    return replace(
        healthy,
        kind=name,
        recipe=replace(change(healthy.recipe, kind.changes), name=name),
        data=kind.data or healthy.data,
        seconds=kind.cost * healthy.seconds,
    )


def every_case() -> list[Case]:
    """The whole benchmark, seed by seed, so that a part of it has every kind."""
    cases = []
    for seed in range(max(HEALTHY_SEEDS, SABOTAGED_SEEDS)):
        if seed < HEALTHY_SEEDS:
            cases += [healthy_case(base, seed) for base in BASES]
        if seed < SABOTAGED_SEEDS:
            cases += [sabotaged_case(kind, seed) for kind in KINDS]
    return cases


def select(cases: list[Case], only: Collection[str], seeds: Collection[int]) -> list[Case]:
    """Those of the named kinds or bases, and of the seeds; an empty selection takes all."""
    return [
        case
        for case in cases
        if (not only or case.kind in only or (case.is_healthy and case.base in only))
        and (not seeds or case.seed in seeds)
    ]


def quick(case: Case) -> Case:
    """The same case so small that it only shows whether everything runs."""
    images = 12 * case.recipe.images_per_step
    metrics = POINT_METRICS if case.metrics == POINT_METRICS else ("swd",)
    recipe = with_budget(case.recipe, images, looks=3)
    return replace(case, recipe=recipe, metrics=metrics, samples=100, seconds=0.0)


def quick_cases() -> list[Case]:
    """A few tiny cases: images, points, sabotages with networks or data of their own."""
    cases = [
        healthy_case("dcgan-narrow", 0),
        healthy_case("points-modern", 0),
        sabotaged_case("wide-discriminator", 0),
        sabotaged_case("few-images", 2),
        sabotaged_case("half-precision", 0),
    ]
    return [quick(case) for case in cases]
