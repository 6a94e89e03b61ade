"""The named recipes: one function each, whose docstring describes and justifies the settings.

Recipes without a suffix suit a laptop's budget: 200k images at 32x32 on two CPU cores. Those that
end in -paper repeat published settings and need the published budgets (`papers.py`), and
dcgan-tutorial those of the tutorial that ganvas started from. Those of the mode benchmarks
are in `modes.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

from ganvas.errors import RecipeError, did_you_mean
from ganvas.fields import format_field, get_field, replace_field
from ganvas.networks import (
    ROLES,
    BigGANDiscriminator,
    BigGANGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    FastGANDiscriminator,
    FastGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    R3GANDiscriminator,
    R3GANGenerator,
    ResNetDiscriminator,
    ResNetGenerator,
    StyleDiscriminator,
    StyleGenerator,
)
from ganvas.objectives.settings import (
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
    Regularisers,
    RegulariserSettings,
)
from ganvas.recipes.files import read_recipe
from ganvas.recipes.modes import pacgan_points, pacgan_stacked, points_modern, stacked_modern
from ganvas.recipes.papers import (
    WGAN_GP,
    biggan_paper,
    biggan_paper_conditional,
    cosine,
    dcgan_tutorial,
    fastgan_paper,
    lazy_r1,
    r3gan_adam,
    r3gan_paper,
    relativistic,
    resnet_paper,
    resnet_paper_conditional,
    resnet_wgan_gp_paper,
    style_paper,
    style_paper_conditional,
    wgan_gp_paper,
    wgan_paper,
)
from ganvas.recipes.players import conditional
from ganvas.recipes.recipe import (
    PlayerSettings,
    Recipe,
    discriminator,
    generator,
)
from ganvas.schedules import Adaptive
from ganvas.storage import given_path

AUTO = "auto"
"""Stands for a recipe's name where one is to be chosen for the images."""

LAPTOP_BATCH = 32
"""At a small budget, more updates help more than smoother ones (docs/recipes.md)."""


def mlp() -> Recipe:
    """A shallow fully-connected GAN, as a baseline.

    With batch normalisation in the generator, because it scored better (docs/recipes.md).
    """
    return Recipe(
        name="mlp",
        generator=generator(MLPGenerator(norm="batch")),
        discriminator=discriminator(MLPDiscriminator()),
        objective=ObjectiveSettings(loss="non-saturating"),
        batch=LAPTOP_BATCH,
    )


def dcgan() -> Recipe:
    """Convolutions and batch normalisation in both players (Radford 2016)."""
    return Recipe(
        name="dcgan",
        generator=generator(DCGANGenerator()),
        discriminator=discriminator(DCGANDiscriminator(norm="batch")),
        objective=ObjectiveSettings(loss="non-saturating"),
        batch=LAPTOP_BATCH,
    )


def resnet_dcgan() -> Recipe:
    """dcgan with the residual generator of resnet, and higher learning rates.

    That the generator learns twice as fast as the discriminator was better on clothes and on
    characters than 4e-4 in both (docs/results/factors.md).
    """
    return replace(
        dcgan(),
        name="resnet-dcgan",
        generator=generator(ResNetGenerator(), PlayerSettings(learning_rate=8e-4)),
        discriminator=discriminator(
            DCGANDiscriminator(norm="batch"), PlayerSettings(learning_rate=4e-4)
        ),
    )


def lsgan() -> Recipe:
    """The dcgan networks with the least-squares loss (Mao 2017)."""
    return replace(dcgan(), name="lsgan", objective=ObjectiveSettings(loss="least-squares"))


def wgan() -> Recipe:
    """The dcgan networks, critic without normalisation; Wasserstein loss, clipped weights.

    One critic step, Adam without momentum, and a clip ten times the paper's: with the paper's
    settings (`wgan-paper`) the generator gets 625 updates from 200k images.
    """
    adam = PlayerSettings(learning_rate=5e-4, beta1=0.0, beta2=0.9)
    return Recipe(
        name="wgan",
        generator=generator(DCGANGenerator(), adam),
        discriminator=discriminator(DCGANDiscriminator(), adam),
        objective=ObjectiveSettings(loss="wasserstein", clip_weights=0.1),
        batch=LAPTOP_BATCH,
    )


def wgan_gp() -> Recipe:
    """The networks of wgan, Wasserstein loss, gradient penalty instead of clipping.

    One critic step instead of five, for the reason given at `wgan`.
    """
    adam = PlayerSettings(learning_rate=5e-4, beta1=0.5, beta2=0.9)
    return Recipe(
        name="wgan-gp",
        generator=generator(DCGANGenerator(), adam),
        discriminator=discriminator(DCGANDiscriminator(), adam),
        objective=WGAN_GP,
        batch=LAPTOP_BATCH,
    )


def resnet() -> Recipe:
    """Residual blocks in both players, hinge loss, spectral norm (Miyato 2018, smaller)."""
    adam = PlayerSettings(learning_rate=2e-4, beta1=0.0, beta2=0.9)
    return Recipe(
        name="resnet",
        generator=generator(ResNetGenerator(), adam),
        discriminator=discriminator(ResNetDiscriminator(), adam),
        objective=ObjectiveSettings(loss="hinge", spectral_norm=True),
        batch=LAPTOP_BATCH,
    )


def resnet_wgan_gp() -> Recipe:
    """Residual blocks in both players, Wasserstein loss, gradient penalty (Gulrajani 2017).

    The critic sums over the last grid; the paper takes the mean. At this width and budget the sum
    learns much faster (docs/recipes.md).
    """
    recipe = wgan_gp().with_networks(ResNetGenerator(), ResNetDiscriminator())
    return replace(recipe, name="resnet-wgan-gp")


def r3gan() -> Recipe:
    """The modern baseline at a CPU's width: relativistic loss, R1 and R2 (Huang 2024).

    Networks, loss, penalties and four of the five schedules are the paper's; augmentation, the
    fifth, is off. A laptop's budget is a thousandth of the paper's. So learning rates are ten and
    five times as high (2e-3 and 1e-3, falling by the paper's factor of four), penalties are
    stronger, and schedules end with the budget, not after a tenth or fifth of it. docs/r3gan.md has
    the measurements, and settings for other sizes. The generator's step sees new reals, as in the
    paper's code.
    """
    return Recipe(
        name="r3gan",
        generator=generator(R3GANGenerator(), r3gan_adam(2e-3)),
        discriminator=discriminator(R3GANDiscriminator(), r3gan_adam(1e-3)),
        objective=relativistic(penalty=cosine(5.0, 0.5)),
        batch=LAPTOP_BATCH,
        fresh_reals_for_generator=True,
        latent_dim=64,
        ema_half_life=cosine(0.0, 10_000.0),
    )


def fastgan() -> Recipe:
    """Gated convolutions, excitation by much coarser maps, decoders on reals (Liu 2021, smaller).

    An eighth of the paper's width, and five times its learning rate, which at 10,000 images learned
    most (docs/recipes.md). Without augmentation, as the other recipes for a laptop.
    """
    adam = PlayerSettings(learning_rate=1e-3)
    return Recipe(
        name="fastgan",
        generator=generator(FastGANGenerator(width=8), adam),
        discriminator=discriminator(
            FastGANDiscriminator(width=8, norm="batch", decoders=True), adam
        ),
        objective=ObjectiveSettings(
            loss="hinge",
            spectral_norm=True,
            penalties=Penalties(reconstruction=PenaltySettings(weight=1.0)),
        ),
        batch=LAPTOP_BATCH,
    )


def style() -> Recipe:
    """Styles in every layer, and a space of them to work with: StyleGAN2 (Karras 2020, smaller).

    A quarter of the paper's width. Loss, penalty, learning rate and the mapping's depth are those
    of the published code at its automatic settings (Karras 2020, ADA): R1 at every 16th step with
    gamma = 0.0002 H W / batch, here for 32x32, Adam 2.5e-3 (0, 0.99), groups of 4 whose
    standard deviation the discriminator sees. Styles are not mixed and path lengths not
    regularised, as published at 32x32. Use it for the tools of the style space, not for quality
    at a small budget (docs/recipes.md).
    """
    adam = PlayerSettings(learning_rate=2.5e-3, beta1=0.0, beta2=0.99)
    return Recipe(
        name="style",
        generator=generator(StyleGenerator(), adam),
        discriminator=discriminator(StyleDiscriminator(deviation_group=4), adam),
        objective=lazy_r1(0.0002 * 32 * 32 / LAPTOP_BATCH),
        batch=LAPTOP_BATCH,
    )


def biggan() -> Recipe:
    """Latents in every block, self-attention, spectral norms in both players (Brock 2019, smaller).

    Learning rates 1e-3 and 4e-4, which scored best of three at 8,000 images, within their intervals
    (docs/recipes.md); orthogonal regularisation of the paper's weight.
    """
    adam = PlayerSettings(learning_rate=1e-3, beta1=0.0, beta2=0.9)
    regularisers = Regularisers(orthogonal=RegulariserSettings(weight=1e-4))
    return Recipe(
        name="biggan",
        generator=replace(generator(BigGANGenerator(), adam), regularisers=regularisers),
        discriminator=discriminator(BigGANDiscriminator(), replace(adam, learning_rate=4e-4)),
        objective=ObjectiveSettings(loss="hinge", spectral_norm=True),
        batch=LAPTOP_BATCH,
    )


def dcgan_conditional() -> Recipe:
    """dcgan with labels: gains from an embedding and latents (Brock 2019), projection."""
    return conditional(dcgan())


def resnet_dcgan_conditional() -> Recipe:
    """resnet-dcgan with labels: gains from an embedding and latents (Brock 2019), projection.

    Both players learn at 4e-4: at 8e-4 the generator lost most of its variety (docs/labels.md).
    """
    plain = resnet_dcgan()
    slower = replace(plain.generator, learning_rate=4e-4)
    return conditional(replace(plain, generator=slower))


def resnet_conditional() -> Recipe:
    """resnet with labels: gains from an embedding and latents (Brock 2019), projection."""
    return conditional(resnet())


def r3gan_conditional() -> Recipe:
    """r3gan with labels: an embedding beside the latents, and projection alone (Huang 2024's code).

    A real and a fake image of a pair share their label, so the generator's step takes the
    discriminator's last real images instead of new ones.
    """
    return conditional(r3gan())


def fastgan_conditional() -> Recipe:
    """fastgan with labels: gains from an embedding (Sauer 2021's code), projection."""
    return conditional(fastgan())


def style_conditional() -> Recipe:
    """style with labels: an embedding beside the latents, and projection alone (Karras 2020)."""
    return conditional(style())


def biggan_conditional() -> Recipe:
    """biggan with labels: an embedding beside the latents of every block, projection."""
    return conditional(biggan())


def with_rates_of_namesake(before: Recipe, after: Recipe) -> tuple[Recipe, str]:
    """`after`, which took labels or lost them, with the learning rates of the recipe of that name.

    Only rates change that are those of `before`'s name, so others that a user set stay.

    Returns:
        The recipe, and what changed: `generator.learning_rate 0.0004, as in NAME`; else nothing.
    """
    if after.name == before.name or not {before.name, after.name} <= CATALOG.keys():
        return after, ""
    own, namesake, changed = CATALOG[before.name](), CATALOG[after.name](), []
    for field in (f"{role}.learning_rate" for role in ROLES):
        rate = get_field(namesake, field)
        if get_field(before, field) == get_field(own, field) != rate:
            after = replace_field(after, field, rate)
            changed.append(f"{field} {format_field(rate)}")
    return after, f"{', '.join(changed)}, as in {after.name}" if changed else ""


def few() -> Recipe:
    """dcgan for few images: diffaugment, with a probability that follows overfitting.

    The best of what was tried (docs/results/few-images.md, five seeds). Short runs were as good as
    without augmentation, while a fixed probability of 0.3 cost 27 and 38 % on 200 images of two
    kinds. When each image had been seen 200 times, all were alike on 200 images; on 1,000 clothes
    fd-lite0 was 26 % better than without, on 1,000 photographs 9.5 %, and there swd was worse.
    """
    return replace(dcgan(), name="few", augmentation=Adaptive(), augmentation_policy="diffaugment")


CATALOG: dict[str, Callable[[], Recipe]] = {
    recipe().name: recipe
    for recipe in (
        mlp,
        dcgan,
        resnet_dcgan,
        lsgan,
        wgan,
        wgan_gp,
        resnet,
        resnet_wgan_gp,
        r3gan,
        fastgan,
        style,
        biggan,
        few,
        dcgan_conditional,
        resnet_dcgan_conditional,
        resnet_conditional,
        r3gan_conditional,
        fastgan_conditional,
        style_conditional,
        biggan_conditional,
        dcgan_tutorial,
        wgan_paper,
        wgan_gp_paper,
        resnet_paper,
        resnet_paper_conditional,
        resnet_wgan_gp_paper,
        r3gan_paper,
        fastgan_paper,
        style_paper,
        style_paper_conditional,
        biggan_paper,
        biggan_paper_conditional,
        pacgan_points,
        points_modern,
        pacgan_stacked,
        stacked_modern,
    )
}
"""Every named recipe, by name."""

NAMES = (*CATALOG, AUTO)
"""What `train` takes for a recipe, beside files."""


def describe(name: str) -> str:
    """The description of a named recipe; its first line is a summary."""
    return inspect.getdoc(CATALOG[name]) or ""


def load_recipe(name: str) -> Recipe:
    """A named recipe, or one from a .toml or .json file.

    Raises:
        RecipeError: there is no such name or file, or the file has problems (all are listed).
    """
    if name.endswith((".toml", ".json")):
        return read_recipe(given_path(name))
    if name not in CATALOG:
        raise RecipeError(
            [f"{name!r} is no recipe.{did_you_mean(name, NAMES)} All: ganvas recipes"]
        )
    return CATALOG[name]()
