"""Small extra runs for symptoms that no sabotage of the benchmark brings about, with their twins.

Each is a recipe of the catalogue with a few fields changed, and its twin is that recipe without the
change: same size, budget, looks and seed. They are for pictures alone; no figure counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bases import Base
from cases import HEALTHY, Case, with_clip, with_rate
from networks import HalfPrecisionDCGAN

from ganvas.networks import DCGAN, ResNet
from ganvas.objectives.settings import LossName, ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe
from ganvas.recipes.recipe import EvaluationSettings

Recast = Callable[[Recipe], Recipe]
"""From one recipe to another."""


def as_it_is(recipe: Recipe) -> Recipe:
    """No change."""
    return recipe


@dataclass(frozen=True, kw_only=True)
class Sitter:
    """A run that is to show one symptom.

    what: the change, in words.
    base: the recipe, its size and budget.
    change: from the twin's recipe to its own.
    twin: from the base's recipe to the twin's, where that is not the base as it is.
    """

    what: str
    base: Base
    change: Recast
    twin: Recast = as_it_is

    def twin_recipe(self) -> Recipe:
        """Without the change."""
        return self.twin(self.base.made())

    def recipe(self) -> Recipe:
        """With the change."""
        return self.change(self.twin_recipe())


def dcgan(images: int, looks: int) -> Base:
    """The recipe dcgan at 16x16."""
    return small("dcgan", images, looks, 1_600)


def wgan(images: int, looks: int) -> Base:
    """The recipe wgan at 16x16."""
    return small("wgan", images, looks, 1_600)


def wgan_gp(images: int, looks: int) -> Base:
    """The recipe wgan-gp at 16x16."""
    return small("wgan-gp", images, looks, 1_100)


def small(recipe: str, images: int, looks: int, images_per_second: float) -> Base:
    """A recipe at 16x16."""
    return Base(
        recipe=recipe, size=16, images=images, looks=looks, images_per_second=images_per_second
    )


def trained(
    recipe: Recipe, generator: float | None, discriminator: float | None, momentum: float
) -> Recipe:
    """Other learning rates (None leaves one) and another momentum for both players."""
    rates = {"generator": generator, "discriminator": discriminator}
    for player, rate in rates.items():
        if rate is not None:
            recipe = with_rate(recipe, player, rate)
    return replace(
        recipe,
        generator=replace(recipe.generator, beta1=momentum),
        discriminator=replace(recipe.discriminator, beta1=momentum),
    )


def with_loss(recipe: Recipe, loss: LossName) -> Recipe:
    """Another loss."""
    return replace(recipe, objective=replace(recipe.objective, loss=loss))


def without_norm(recipe: Recipe, player: str) -> Recipe:
    """A DCGAN one of whose players is not normalised."""
    assert isinstance(recipe.architecture, DCGAN)
    if player == "generator":
        architecture = replace(recipe.architecture, generator_norm="none")
    else:
        architecture = replace(recipe.architecture, discriminator_norm="none")
    return replace(recipe, architecture=architecture)


def with_r1(recipe: Recipe, weight: float) -> Recipe:
    """R1 of a weight, for a discriminator without batch normalisation."""
    penalties = Penalties(r1=PenaltySettings(weight=weight))
    bare = without_norm(recipe, "discriminator")
    return replace(bare, objective=replace(bare.objective, penalties=penalties))


def deep(recipe: Recipe, blocks: int) -> Recipe:
    """Many residual blocks a resolution, nothing normalised, the least-squares loss."""
    architecture = ResNet(
        generator_width=16,
        discriminator_width=16,
        blocks_per_resolution=blocks,
        generator_norm="none",
    )
    return replace(
        recipe, architecture=architecture, objective=ObjectiveSettings(loss="least-squares")
    )


def drawn_often(recipe: Recipe) -> Recipe:
    """A grid of samples at every look."""
    intervals = replace(recipe.intervals, samples=recipe.intervals.probes)
    return replace(recipe, intervals=intervals)


def unaveraged(recipe: Recipe) -> Recipe:
    """The generator as it is at each moment, drawn often."""
    return drawn_often(replace(recipe, ema_half_life=0))


def in_small_batches(recipe: Recipe) -> Recipe:
    """Twice the updates from as many images: slow symptoms are looked for from 1,000 on."""
    return replace(recipe, batch=16)


def slowly(recipe: Recipe) -> Recipe:
    """In small batches and small steps, so that the images change steadily."""
    return trained(in_small_batches(drawn_often(recipe)), 5e-5, 5e-5, momentum=0.5)


def scored(recipe: Recipe) -> Recipe:
    """Scored while it trains, by a metric that costs little."""
    evaluation = EvaluationSettings(every=recipe.intervals.probes, metrics=("swd",), samples=1_000)
    return replace(recipe, evaluation=evaluation)


SITTERS: dict[str, Sitter] = {
    "clip-too-large": Sitter(
        what="weights clipped at 10, momentum 0.9, the critic's learning rate x 2",
        base=wgan(40_000, looks=10),
        change=lambda recipe: with_clip(trained(recipe, None, 1e-3, momentum=0.9), 10.0),
    ),
    "not-lipschitz": Sitter(
        what="weights not clipped at all, momentum 0.9, learning rates x 2",
        base=wgan(24_000, looks=12),
        change=lambda recipe: with_clip(trained(recipe, 1e-3, 1e-3, momentum=0.9), 0.0),
    ),
    "updates-too-large": Sitter(
        what="nothing normalised, the generator's learning rate x 100",
        base=dcgan(8_000, looks=25),
        twin=drawn_often,
        change=lambda recipe: with_rate(
            without_norm(without_norm(recipe, "discriminator"), "generator"), "generator", 2e-2
        ),
    ),
    "vanishing-generator-gradient": Sitter(
        what="minimax loss, bare discriminator, momentum 0.9, learning rates x 5",
        base=dcgan(32_000, looks=16),
        change=lambda recipe: with_loss(
            without_norm(trained(recipe, 1e-3, 1e-3, momentum=0.9), "discriminator"), "minimax"
        ),
    ),
    "exploding-gradients": Sitter(
        what="8 residual blocks a resolution, nothing normalised, least squares",
        base=small("resnet", 4_000, 8, 700),
        change=lambda recipe: deep(recipe, blocks=8),
    ),
    "diverging": Sitter(
        what="logits that pass through half precision, and overflow",
        base=dcgan(8_000, looks=25),
        twin=drawn_often,
        change=lambda recipe: replace(recipe, architecture=HalfPrecisionDCGAN(scale=10_000)),
    ),
    "oscillation": Sitter(
        what="generator not normalised, its learning rate x 7",
        base=wgan_gp(26_000, looks=13),
        twin=lambda recipe: in_small_batches(unaveraged(recipe)),
        change=lambda recipe: with_rate(without_norm(recipe, "generator"), "generator", 3.5e-3),
    ),
    "saturated-output": Sitter(
        what="generator not normalised, its learning rate x 7",
        base=wgan_gp(16_000, looks=8),
        twin=unaveraged,
        change=lambda recipe: with_rate(without_norm(recipe, "generator"), "generator", 3.5e-3),
    ),
    "checkerboard": Sitter(
        what="discriminator not normalised, an R1 penalty of weight 1e-9",
        base=dcgan(40_000, looks=10),
        change=lambda recipe: with_r1(recipe, 1e-9),
    ),
    "stagnation": Sitter(
        what="learning rates x 7.5",
        base=dcgan(64_000, looks=16),
        twin=scored,
        change=lambda recipe: trained(recipe, 1.5e-3, 1.5e-3, momentum=0.5),
    ),
    "idle-penalty": Sitter(
        what="an R1 penalty of weight 1e-9 in place of 0.1",
        base=dcgan(40_000, looks=10),
        twin=lambda recipe: with_r1(recipe, 0.1),
        change=lambda recipe: with_r1(recipe, 1e-9),
    ),
    "average-lags": Sitter(
        what="an average that reaches back through the whole run",
        base=dcgan(24_000, looks=80),
        twin=slowly,
        change=lambda recipe: replace(recipe, ema_half_life=1_000_000, ema_ramp_up=1.0),
    ),
}
"""By the symptom that each is to show. Whether the rules name it is for them to say."""


def sick_case(symptom: str) -> Case:
    """The run that is to show the symptom."""
    sitter = SITTERS[symptom]
    return case_of(symptom, sitter.base, sitter.recipe())


def twin_case(symptom: str) -> Case:
    """Its healthy twin; sitters whose twins are alike share one."""
    recipe = SITTERS[symptom].twin_recipe()
    first = next(name for name in SITTERS if SITTERS[name].twin_recipe() == recipe)
    return replace(case_of(HEALTHY, SITTERS[first].base, recipe), base=f"{recipe.name}-for-{first}")


def case_of(kind: str, base: Base, recipe: Recipe) -> Case:
    """A run on the built-in images, as the benchmark trains them."""
    return Case(
        kind=kind,
        base=base.recipe,
        seed=0,
        recipe=recipe,
        data="fashion",
        metrics=(),
        samples=0,
        seconds=recipe.images / base.images_per_second,
    )
