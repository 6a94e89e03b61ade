"""What is trained: healthy runs of every named recipe, and runs that are sabotaged in one way each.

A sabotage changes one thing in a healthy recipe, its base, and trains on the same budget. So each
sabotaged run has healthy counterparts, the base's own runs, that its scores are held against.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from bases import BASES, POINT_METRICS, budgeted
from networks import HalfPrecisionDCGAN, ThreeTapDCGAN, UnevenDCGAN

from ganvas.networks import DCGAN, ResNet
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import Recipe

HEALTHY = "healthy"
"""What the kind of a run without sabotage is called."""

HEALTHY_SEEDS = 4
SABOTAGED_SEEDS = 5
"""How many of each base, and of each kind."""

FEW = 100
"""Images that the sabotage by too few of them trains on."""
FEW_DATA = "few"
"""The data of that sabotage; each seed has images of its own."""
SHOWN_EVERYWHERE = ("fd-lite0", "coverage-lite0", "high-quality", "reverse-kl")
"""Scores of pictures, and of points."""
HELD_OUT = 1_000
"""Of the built-in images, the tenth that every recipe holds out."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One way to spoil training.

    what: in words, for the report.
    change: from the healthy recipe to the spoiled one.
    bases: which healthy recipes are spoiled; each pair of seeds takes the next, so that both
        halves of the seeds have seen all of them.
    symptoms: which ones name the cause; the first is the one that is expected.
    shown_by: the scores of which one must be worse than the counterparts' for it to be a failure.
    cost: how many times as long as its base it takes.
    """

    what: str
    change: Callable[[Recipe], Recipe]
    bases: tuple[str, ...]
    symptoms: tuple[str, ...]
    shown_by: tuple[str, ...] = ("fd-lite0", "coverage-lite0")
    data: str | None = None
    """In place of the base's."""
    cost: float = 1.0


def faster(recipe: Recipe, player: str, factor: float = 30.0) -> Recipe:
    """One player's learning rate times the factor."""
    return with_rate(recipe, player, factor * float(getattr(recipe, player).learning_rate))


def frozen(recipe: Recipe, player: str) -> Recipe:
    """One player that does not learn: its learning rate is as good as zero."""
    return with_rate(recipe, player, 1e-12)


def with_rate(recipe: Recipe, player: str, rate: float) -> Recipe:
    """One player's learning rate."""
    settings = replace(getattr(recipe, player), learning_rate=rate)
    if player == "generator":
        return replace(recipe, generator=settings)
    return replace(recipe, discriminator=settings)


def with_clip(recipe: Recipe, bound: float) -> Recipe:
    """Another bound of the clipped weights."""
    return replace(recipe, objective=replace(recipe.objective, clip_weights=bound))


def with_discriminator(recipe: Recipe, width: int) -> Recipe:
    """The discriminator alone at another width."""
    if isinstance(recipe.architecture, ResNet):
        return replace(recipe, architecture=replace(recipe.architecture, discriminator_width=width))
    assert isinstance(recipe.architecture, DCGAN)
    uneven = UnevenDCGAN(
        generator_width=recipe.architecture.width,
        discriminator_width=width,
        discriminator_norm=recipe.architecture.discriminator_norm,
    )
    return replace(recipe, architecture=uneven)


def deep_and_bare(recipe: Recipe) -> Recipe:
    """The tutorial's post-activation blocks, four a resolution, without norms and shortcuts.

    The loss that a beginner would take. Half the width pays for the depth.
    """
    deep = ResNet(
        generator_width=16,
        discriminator_width=16,
        blocks_per_resolution=4,
        residual=False,
        block="postactivation",
        generator_norm="none",
    )
    return replace(recipe, architecture=deep, objective=ObjectiveSettings(loss="non-saturating"))


def normalised_under_clipping(recipe: Recipe) -> Recipe:
    """Batch normalisation undoes what clipping does to the scale; momentum does the rest."""
    assert isinstance(recipe.architecture, DCGAN)
    return replace(
        recipe,
        architecture=replace(recipe.architecture, discriminator_norm="batch"),
        discriminator=replace(recipe.discriminator, beta1=0.9, beta2=0.999),
    )


def few_images(recipe: Recipe) -> Recipe:
    """So much held out that a hundred images are left (`running.few_images`)."""
    share = HELD_OUT / (HELD_OUT + FEW)
    return replace(recipe, data=replace(recipe.data, held_out=share))


KINDS: dict[str, Kind] = {
    "fast-generator": Kind(
        what="generator's learning rate x 30",
        change=lambda recipe: faster(recipe, "generator"),
        bases=("points-modern", "stacked-modern"),
        # Training with too large steps is what people call diverging.
        symptoms=("updates-too-large", "diverging"),
        shown_by=SHOWN_EVERYWHERE,
    ),
    "fast-discriminator": Kind(
        what="discriminator's learning rate x 30",
        change=lambda recipe: faster(recipe, "discriminator"),
        bases=("points-modern", "stacked-modern"),
        # As above.
        symptoms=("updates-too-large", "diverging"),
        shown_by=SHOWN_EVERYWHERE,
    ),
    "deep-and-bare": Kind(
        what="deep post-activation blocks, no normalisation, no shortcuts",
        change=deep_and_bare,
        bases=("resnet",),
        # What depth does to gradients, in one direction or the other (Gulrajani 2017, figure 1b),
        # and to images: rectifiers without norms turn all latents to nearly one direction.
        symptoms=("vanishing-generator-gradient", "exploding-gradients", "mode-collapse"),
        cost=1.5,
    ),
    "tiny-clip": Kind(
        what="weights clipped at 1e-4",
        change=lambda recipe: with_clip(recipe, 1e-4),
        bases=("wgan",),
        # A critic that is flat gives no gradient: the same fact at the generator's end.
        symptoms=("clip-too-small", "vanishing-generator-gradient"),
    ),
    "huge-clip": Kind(
        what="weights clipped at 10",
        change=lambda recipe: with_clip(recipe, 10.0),
        bases=("wgan",),
        # A bound that bounds nothing leaves the critic free to be steep.
        symptoms=("clip-too-large", "not-lipschitz"),
    ),
    "two-latents": Kind(
        what="latents of two dimensions",
        change=lambda recipe: replace(recipe, latent_dim=2),
        bases=("dcgan-16", "wgan-gp"),
        # The same lack of variety, in degrees.
        symptoms=("partial-collapse", "mode-collapse"),
    ),
    "tiny-discriminator": Kind(
        what="discriminator of width 1",
        change=lambda recipe: with_discriminator(recipe, 1),
        bases=("dcgan-16", "resnet"),
        symptoms=("discriminator-too-weak",),
        cost=0.8,
    ),
    "wide-discriminator": Kind(
        what="discriminator 16 times too wide",
        change=lambda recipe: with_discriminator(recipe, 128),
        bases=("dcgan-narrow",),
        # A perfect discriminator leaves no gradient (Arjovsky and Bottou 2017).
        symptoms=("discriminator-overpowers", "vanishing-generator-gradient"),
        cost=9.0,
    ),
    "normalised-critic": Kind(
        what="batch-normalised critic, clipping, momentum 0.9",
        change=normalised_under_clipping,
        bases=("wgan",),
        # Batch normalisation undoes the bound; momentum makes the critic unstable (Arjovsky 2017).
        symptoms=("not-lipschitz", "oscillation"),
    ),
    "few-images": Kind(
        what=f"{FEW} training images, no augmentation",
        change=few_images,
        bases=("dcgan-16", "lsgan"),
        symptoms=("discriminator-memorises",),
        shown_by=("swd", "memorised-lite0", "fd-lite0", "coverage-lite0"),
        data=FEW_DATA,
    ),
    "three-taps": Kind(
        what="transposed convolutions of kernel 3, stride 2",
        change=lambda recipe: replace(recipe, architecture=ThreeTapDCGAN()),
        bases=("dcgan-16",),
        symptoms=("checkerboard",),
        shown_by=("swd", "fd-lite0"),
    ),
    "half-precision": Kind(
        what="logits overflow in half precision",
        change=lambda recipe: replace(recipe, architecture=HalfPrecisionDCGAN()),
        bases=("dcgan-16",),
        symptoms=("diverging",),
        cost=0.5,
    ),
    "frozen-generator": Kind(
        what="frozen generator",
        change=lambda recipe: frozen(recipe, "generator"),
        bases=("dcgan-16", "wgan-gp"),
        symptoms=("generator-stands-still",),
    ),
    "frozen-discriminator": Kind(
        what="frozen discriminator",
        change=lambda recipe: frozen(recipe, "discriminator"),
        bases=("dcgan-16", "resnet"),
        symptoms=("discriminator-too-weak",),
    ),
}
"""Every sabotage by its name."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run.

    kind: a name of `KINDS`, or `HEALTHY`.
    base: the name in `BASES` of the healthy recipe, whose runs are its counterparts.
    data: whatever `ganvas.train` takes, or `FEW_DATA`.
    metrics, samples: how it is scored.
    seconds: what training takes, about.
    """

    kind: str
    base: str
    seed: int
    recipe: Recipe
    data: str
    metrics: tuple[str, ...]
    samples: int
    seconds: float

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"{self.kind}-{self.base}-{self.seed}"

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.kind == HEALTHY


def healthy_case(base: str, seed: int) -> Case:
    """A base as it is."""
    row = BASES[base]
    recipe = row.made()
    return Case(
        kind=HEALTHY,
        base=base,
        seed=seed,
        recipe=recipe,
        data=row.data_of(seed),
        metrics=row.metrics,
        samples=row.samples,
        seconds=recipe.images / row.images_per_second,
    )


def sabotaged_case(kind: str, seed: int) -> Case:
    """A kind of sabotage on the base whose turn it is with this seed."""
    row = KINDS[kind]
    base = row.bases[seed // 2 % len(row.bases)]
    healthy = healthy_case(base, seed)
    return replace(
        healthy,
        kind=kind,
        recipe=replace(row.change(healthy.recipe), name=kind),
        data=row.data or healthy.data,
        seconds=row.cost * healthy.seconds,
    )


def every_case() -> list[Case]:
    """The whole benchmark, seed by seed, so that one that is cut short has seen every kind."""
    cases = []
    for seed in range(max(HEALTHY_SEEDS, SABOTAGED_SEEDS)):
        if seed < HEALTHY_SEEDS:
            cases += [healthy_case(base, seed) for base in BASES]
        if seed < SABOTAGED_SEEDS:
            cases += [sabotaged_case(kind, seed) for kind in KINDS]
    return cases


def chosen(cases: list[Case], only: Collection[str], seeds: Collection[int]) -> list[Case]:
    """Those of the named kinds or bases, and of the seeds; an empty choice takes all."""
    return [
        case
        for case in cases
        if (not only or case.kind in only or (case.is_healthy and case.base in only))
        and (not seeds or case.seed in seeds)
    ]


def quick(case: Case) -> Case:
    """The same case so small that it shows nothing but whether everything runs."""
    images = 12 * case.recipe.batch * case.recipe.discriminator_steps
    metrics = POINT_METRICS if case.metrics == POINT_METRICS else ("swd",)
    return replace(
        case,
        recipe=budgeted(case.recipe, images, looks=3),
        metrics=metrics,
        samples=100,
        seconds=0.0,
    )


def quick_cases() -> list[Case]:
    """A handful of tiny cases: images, points, sabotages with networks or data of their own."""
    some = [
        healthy_case("dcgan-narrow", 0),
        healthy_case("points-modern", 0),
        sabotaged_case("wide-discriminator", 0),
        sabotaged_case("few-images", 2),
        sabotaged_case("half-precision", 0),
    ]
    return [quick(case) for case in some]
