"""The named recipes of the mode benchmarks: points in the plane, and stacked digits.

They name their data: pacgan- has published settings, -modern current ones that score better.
"""

from __future__ import annotations

from ganvas.data.settings import DataSettings
from ganvas.networks import (
    POINT,
    MaxoutDiscriminator,
    MaxoutGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResNetDiscriminator,
    ResNetGenerator,
    StridedDiscriminator,
    StridedGenerator,
)
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes.papers import relativistic
from ganvas.recipes.recipe import Intervals, PlayerSettings, Recipe, discriminator, generator
from ganvas.schedules import Ramp

BENCHMARK_INTERVALS = Intervals(history=10_000, samples=200_000, checkpoint=200_000)
"""Longer than the defaults: steps of the mode benchmarks take milliseconds."""


def pacgan_points() -> Recipe:
    """Lin 2018, points in the plane: maxout networks, Adam 1e-4 (0.8, 0.999), 400,000 steps.

    For `ring` and `grid` of 100,000 points, which gives 400 epochs. Without changes it is the GAN
    of the published table. The paper's batch counts packs (100 of any size), ours counts points:
    PacGAN2 is --objective.pac 2 --batch 200 --images 80M, PacGAN3 300 and 120M, PacGAN4 400 and
    160M. The published code updates both players at once; here the discriminator is first.
    """
    adam = PlayerSettings(learning_rate=1e-4, beta1=0.8)
    return Recipe(
        name="pacgan-points",
        generator=generator(MaxoutGenerator(), adam),
        discriminator=discriminator(MaxoutDiscriminator(), adam),
        objective=ObjectiveSettings(loss="non-saturating"),
        data=DataSettings(size=POINT),
        intervals=BENCHMARK_INTERVALS,
        images=40_000_000,
        batch=100,
        latent_dim=2,
        ema_half_life=0,
    )


def pacgan_stacked() -> Recipe:
    """Metz 2017 and Lin 2018, stacked MNIST: a discriminator of 2, 4, 8 channels, 500,000 steps.

    For `stacked:DATA` of digits at 28x28. The published table's DCGAN with a discriminator of a
    quarter of the width; --discriminator.network.width 4 is half. The paper's batch counts packs
    (128), ours counts images: PacDCGAN2 is --objective.pac 2 --batch 256 --images 128M, 3 is 384
    and 192M, 4 is 512 and 256M. Published scores use samples normalised by the statistics of their
    own batch of 128; ours are normalised by the running statistics.
    """
    return Recipe(
        name="pacgan-stacked",
        generator=generator(
            StridedGenerator(), PlayerSettings(learning_rate=1e-4, beta1=0.5, beta2=0.99)
        ),
        discriminator=discriminator(
            StridedDiscriminator(norm="batch"),
            PlayerSettings(learning_rate=2e-4, beta1=0.5, beta2=0.99),
        ),
        objective=ObjectiveSettings(loss="non-saturating"),
        data=DataSettings(size=(28, 28)),
        intervals=BENCHMARK_INTERVALS,
        images=64_000_000,
        batch=128,
        latent_dim=256,
        ema_half_life=0,
    )


def points_modern() -> Recipe:
    """Points in the plane: relativistic loss, R1 and R2, fully-connected, no normalisation.

    For `ring` and `grid`; the objective of Huang 2024 (R3GAN) on two hidden layers of 256.
    """
    adam = PlayerSettings(learning_rate=1e-3, beta1=0.0, beta2=0.99)
    return Recipe(
        name="points-modern",
        generator=generator(MLPGenerator(width=256), adam),
        discriminator=discriminator(MLPDiscriminator(width=256), adam),
        objective=relativistic(penalty=0.1),
        data=DataSettings(size=POINT),
        intervals=BENCHMARK_INTERVALS,
        images=2_000_000,
        batch=128,
        latent_dim=2,
        ema_half_life=20_000,
    )


def stacked_modern() -> Recipe:
    """Stacked MNIST: relativistic loss, R1 and R2, a small ResNet, no normalisation.

    For `stacked:DATA` of digits at 28x28; the objective of Huang 2024 (R3GAN, table 1) on residual
    networks of 16 to 64 channels, small enough for a CPU. The penalties fall from 1 to 0.1 as in
    its stacked-MNIST run, here over the whole budget.
    """
    adam = PlayerSettings(learning_rate=5e-4, beta1=0.0, beta2=0.99)
    return Recipe(
        name="stacked-modern",
        generator=generator(ResNetGenerator(width=16, norm="none"), adam),
        discriminator=discriminator(
            ResNetDiscriminator(width=16, final_grid="base", final_blocks=0, head="flatten"), adam
        ),
        objective=relativistic(penalty=Ramp(shape="cosine", start=1.0, end=0.1)),
        data=DataSettings(size=(28, 28)),
        batch=32,
        latent_dim=64,
    )
