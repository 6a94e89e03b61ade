"""The named recipes with published settings and budgets, and the settings they share."""

from __future__ import annotations

import math

from ganvas.data.settings import DataSettings
from ganvas.networks import (
    BigGANDiscriminator,
    BigGANGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    FastGANDiscriminator,
    FastGANGenerator,
    R3GANDiscriminator,
    R3GANGenerator,
    ResNetDiscriminator,
    ResNetGenerator,
    StyleDiscriminator,
    StyleGenerator,
)
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes.players import conditional
from ganvas.recipes.recipe import PlayerSettings, Recipe, discriminator, generator
from ganvas.schedules import Adaptive, Ramp, Schedule

TO_ZERO = Ramp(shape="linear", start=2e-4, end=0.0)
"""The papers' learning rate: 2e-4, linearly to zero over the whole budget."""

WGAN_GP = ObjectiveSettings(
    loss="wasserstein", penalties=Penalties(gradient_penalty=PenaltySettings(weight=10.0))
)
"""Gulrajani 2017, algorithm 1."""


def dcgan_tutorial() -> Recipe:
    """The tutorial's DCGAN: its networks layer by layer, trained as Radford 2016 prescribes.

    The generator is the tutorial's first table. It prints no discriminator for DCGAN: this is its
    critic, the second table, with the batch normalisation and the LeakyReLU that the text asks for.
    What it leaves open is Radford's: Adam 2e-4 (0.5, 0.999), batches of 128. No averaged weights.
    Every field is written out, so that later defaults change nothing here.
    """
    adam = PlayerSettings(optimizer="adam", learning_rate=2e-4, beta1=0.5, beta2=0.999)
    return Recipe(
        name="dcgan-tutorial",
        generator=generator(
            DCGANGenerator(width=32, norm="batch", upsampling="transposed", conditioning="none"),
            adam,
        ),
        discriminator=discriminator(
            DCGANDiscriminator(
                width=32, norm="batch", activation="leaky-relu", conditioning="none"
            ),
            adam,
        ),
        objective=ObjectiveSettings(
            loss="non-saturating", pac=1, real_label=1.0, clip_weights=0.0, spectral_norm=False
        ),
        data=DataSettings(size=(32, 32), flip=False, dequantize=False),
        images=200_000,
        batch=128,
        generator_batch=None,
        fresh_reals_for_generator=False,
        discriminator_steps=1,
        latent_dim=100,
        ema_half_life=0,
        augmentation=0.0,
    )


def wgan_paper() -> Recipe:
    """Arjovsky 2017, algorithm 1: clip 0.01, RMSprop 5e-5, 5 critic steps, batch 64.

    The critic is the tutorial's, without batch normalisation, at the paper's width of 64. It trains
    100,000 generator steps; 200k images would give 625, which is why `wgan` exists.
    """
    rmsprop = PlayerSettings(optimizer="rmsprop", learning_rate=5e-5, beta1=0.0, beta2=0.99)
    return Recipe(
        name="wgan-paper",
        generator=generator(DCGANGenerator(width=64), rmsprop),
        discriminator=discriminator(DCGANDiscriminator(width=64), rmsprop),
        objective=ObjectiveSettings(loss="wasserstein", clip_weights=0.01),
        discriminator_steps=5,
        generator_batch=64,
        images=32_000_000,
        latent_dim=100,
        ema_half_life=0,
    )


def wgan_gp_paper() -> Recipe:
    """Gulrajani 2017, algorithm 1: penalty 10, Adam 1e-4 (0, 0.9), 5 critic steps, batch 64.

    On the DCGAN networks at width 64 without normalisation in the critic; 100,000 generator steps.
    """
    adam = PlayerSettings(learning_rate=1e-4, beta1=0.0, beta2=0.9)
    return Recipe(
        name="wgan-gp-paper",
        generator=generator(DCGANGenerator(width=64), adam),
        discriminator=discriminator(DCGANDiscriminator(width=64), adam),
        objective=WGAN_GP,
        discriminator_steps=5,
        generator_batch=64,
        images=32_000_000,
        ema_half_life=0,
    )


def resnet_paper() -> Recipe:
    """Miyato 2018, the 32x32 ResNet: hinge, spectral norm, Adam 2e-4 (0, 0.9) linearly to 0.

    5 critic steps of 64 images per generator step of 128; 50,000 generator steps.
    """
    adam = PlayerSettings(learning_rate=TO_ZERO, beta1=0.0, beta2=0.9)
    return Recipe(
        name="resnet-paper",
        generator=generator(ResNetGenerator(width=256, largest_multiplier=1), adam),
        discriminator=discriminator(
            ResNetDiscriminator(width=128, largest_multiplier=1, head="sum"), adam
        ),
        objective=ObjectiveSettings(loss="hinge", spectral_norm=True),
        discriminator_steps=5,
        generator_batch=128,
        images=16_000_000,
        ema_half_life=0,
    )


def resnet_paper_conditional() -> Recipe:
    """Miyato 2018 (projection), the 32x32 ResNet with labels; everything else as resnet-paper.

    A gain and a bias for each label in the blocks' batch norms, and the projection of the summed
    features on an embedding of the label, spectrally normalised.
    """
    recipe = resnet_paper()
    network = ResNetGenerator(width=256, largest_multiplier=1, conditioning="batch-norm")
    return conditional(recipe.with_networks(generator=network))


def resnet_wgan_gp_paper() -> Recipe:
    """Gulrajani 2017, the CIFAR-10 ResNet: penalty 10, Adam 2e-4 (0, 0.9) linearly to 0.

    5 critic steps of 64 images per generator step of 128; 100,000 generator steps; dequantized
    images.
    """
    adam = PlayerSettings(learning_rate=TO_ZERO, beta1=0.0, beta2=0.9)
    return Recipe(
        name="resnet-wgan-gp-paper",
        generator=generator(ResNetGenerator(width=128, largest_multiplier=1), adam),
        discriminator=discriminator(
            ResNetDiscriminator(width=128, largest_multiplier=1, head="mean"), adam
        ),
        objective=WGAN_GP,
        data=DataSettings(dequantize=True),
        discriminator_steps=5,
        generator_batch=128,
        images=32_000_000,
        ema_half_life=0,
    )


def r3gan_paper() -> Recipe:
    """Huang 2024 on CIFAR-10 (table 9), without labels: width 768, 250 million images, gamma 0.05.

    Batches of 512. Five cosine schedules over the first 20 million images: learning rate 2e-4 to
    5e-5, beta2 0.9 to 0.99, gamma to a tenth, the EMA's half-life from 0 to 5 million images,
    augmentation from 0 to 0.55.
    """
    burn_in = 20_000_000
    adam = r3gan_adam(2e-4, burn_in)
    return Recipe(
        name="r3gan-paper",
        generator=generator(R3GANGenerator(width=768, full_grids=4), adam),
        discriminator=discriminator(R3GANDiscriminator(width=768, full_grids=4), adam),
        objective=relativistic(penalty=cosine(0.05, 0.005, burn_in)),
        batch=512,
        generator_batch=512,
        fresh_reals_for_generator=True,
        latent_dim=64,
        images=250_000_000,
        ema_half_life=cosine(0.0, 5_000_000.0, burn_in),
        augmentation=cosine(0.0, 0.55, burn_in),
    )


def fastgan_paper() -> Recipe:
    """Liu 2021 at 256x256: hinge, spectral norm, DiffAugment, Adam 2e-4 (0.5, 0.999), batch 8.

    50,000 steps, widths of 64, decoders on reals, mirrored images; the average keeps 0.999 of
    itself at each step. The hinge's margins are 1, where the code draws them from 0.8 to 1, and the
    decoders are compared by mean squares, where the paper has a perceptual distance. DiffAugment
    has cutout besides. The generator's noise is fixed, it has no spectral norm and no second image
    at 128x128.
    """
    adam = PlayerSettings(learning_rate=2e-4, beta1=0.5, beta2=0.999)
    batch = 8
    return Recipe(
        name="fastgan-paper",
        generator=generator(FastGANGenerator(width=64, skip=4), adam),
        discriminator=discriminator(
            FastGANDiscriminator(width=64, norm="batch", skip=3, decoders=True), adam
        ),
        objective=ObjectiveSettings(
            loss="hinge",
            spectral_norm=True,
            penalties=Penalties(reconstruction=PenaltySettings(weight=1.0)),
        ),
        data=DataSettings(size=(256, 256), flip=True),
        images=50_000 * batch,
        batch=batch,
        latent_dim=256,
        ema_half_life=round(batch * math.log(0.5) / math.log(0.999)),
        ema_rampup=0.0,
        augmentation=1.0,
        augmentation_policy="diffaugment",
    )


def style_paper() -> Recipe:
    """Karras 2020 (ADA) on CIFAR-10, without labels: width 512, 100 million images, gamma 0.01.

    The published code's settings for CIFAR-10, which switch off StyleGAN2's additions to its
    generator: path lengths, style mixing, and the discriminator's shortcuts. Batches of 64, groups
    of 32 whose standard deviation the discriminator sees, two mapping layers, an average with a
    half-life of 500,000 images.

    The code takes a separate step for a lazy penalty, so k + 1 steps where ours takes k, and
    scales learning rate and betas by k / (k + 1) for it (Karras 2020, appendix B). Ours adds the
    penalty to an ordinary step, so nothing is scaled: Adam 2.5e-3 (0, 0.99). The code
    scales the generator's by 4 / 5 here too, where its regulariser is off and the added step does
    nothing: so that is 2e-3 (0, 0.99^0.8). Augmentation follows held-out images, where the code
    follows the signs of logits. Its arithmetic in float16, and the clamp for it, are left out.
    """
    scale = 4 / 5
    return Recipe(
        name="style-paper",
        generator=generator(
            StyleGenerator(width=512, full_grids=5, mapping_layers=2),
            PlayerSettings(learning_rate=2.5e-3 * scale, beta1=0.0, beta2=0.99**scale),
        ),
        discriminator=discriminator(
            StyleDiscriminator(width=512, full_grids=5, residual=False, deviation_group=32),
            PlayerSettings(learning_rate=2.5e-3, beta1=0.0, beta2=0.99),
        ),
        objective=lazy_r1(0.01),
        images=100_000_000,
        batch=64,
        generator_batch=64,
        latent_dim=512,
        ema_half_life=500_000,
        ema_rampup=0.05,
        augmentation=Adaptive(),
    )


def style_paper_conditional() -> Recipe:
    """Karras 2020 (ADA) on CIFAR-10 with labels; everything else as style-paper.

    An embedding of the label beside the latents, and the discriminator's last features times a
    mapped label, which is all of the logit.
    """
    return conditional(style_paper())


def lazy_r1(gamma: float) -> ObjectiveSettings:
    """The non-saturating loss with R1 at every 16th step (Karras 2020, appendix B).

    Our R1 has the half that the papers write beside gamma, so the weight is gamma.
    """
    return ObjectiveSettings(
        loss="non-saturating", penalties=Penalties(r1=PenaltySettings(weight=gamma, every=16))
    )


def biggan_paper() -> Recipe:
    """Brock 2019 as StudioGAN trains it on CIFAR-10, without labels: hinge, Adam 2e-4 (0.5, 0.999).

    Width 96, which is 384 channels in the generator and 192 in the discriminator at every grid;
    attention at 16x16, mirrored images. 5 critic steps of 64 images per generator step of 64;
    100,000 generator steps. From step 1,000 on, the average keeps 0.9999 of itself at each step.
    """
    adam = PlayerSettings(learning_rate=2e-4, beta1=0.5, beta2=0.999)
    batch, critic_steps = 64, 5
    step = critic_steps * batch
    half_life = round(step * math.log(0.5) / math.log(0.9999))
    first = 1_000 * step
    return Recipe(
        name="biggan-paper",
        generator=generator(BigGANGenerator(width=384, largest_multiplier=1), adam),
        discriminator=discriminator(BigGANDiscriminator(width=192, largest_multiplier=1), adam),
        objective=ObjectiveSettings(loss="hinge", spectral_norm=True),
        data=DataSettings(flip=True),
        discriminator_steps=critic_steps,
        generator_batch=batch,
        images=100_000 * step,
        batch=batch,
        latent_dim=80,
        ema_half_life=Ramp(
            shape="linear", start=0.0, end=half_life, after=first - step, images=first
        ),
        ema_rampup=0.0,
    )


def biggan_paper_conditional() -> Recipe:
    """Brock 2019 as StudioGAN trains it on CIFAR-10; everything else as biggan-paper.

    An embedding of 128 and 20 of the 80 latents in each block's batch norms, and the projection of
    the summed features on an embedding of the label, spectrally normalised.
    """
    return conditional(biggan_paper())


def relativistic(penalty: Schedule) -> ObjectiveSettings:
    """Huang 2024, section 2: the relativistic loss with R1 and R2 of equal weight at every step.

    `penalty` is the paper's gamma; its best value depends on the data. With penalties at every 8th
    step only, the paper's authors could not train on these benchmarks.
    """
    settings = PenaltySettings(weight=penalty)
    return ObjectiveSettings(loss="relativistic", penalties=Penalties(r1=settings, r2=settings))


def r3gan_adam(rate: float, images: int | None = None) -> PlayerSettings:
    """Huang 2024, table 9: the rate falls to a quarter while beta2 rises, over `images` images."""
    return PlayerSettings(
        learning_rate=cosine(rate, rate / 4, images), beta1=0.0, beta2=cosine(0.9, 0.99, images)
    )


def cosine(start: float, end: float, images: int | None = None) -> Ramp:
    """Half a cosine wave over `images` images; None is the whole budget."""
    return Ramp(shape="cosine", start=start, end=end, images=images)
