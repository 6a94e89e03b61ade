"""The named recipes against the published settings."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from ganvas import recipes
from ganvas.errors import RecipeError
from ganvas.networks import DCGANDiscriminator, DCGANGenerator
from ganvas.recipes import CATALOG, PlayerSettings, Recipe, load_recipe, recipe_table
from ganvas.schedules import Ramp, value_at

LINEARLY_TO_ZERO = "2e-4 linearly to 0"

PUBLISHED: dict[str, dict[str, Any]] = {
    # Arjovsky 2017, algorithm 1 and section 4.
    "wgan-paper": {
        "loss": "wasserstein",
        "gradient_penalty": 0.0,
        "clip_weights": 0.01,
        "spectral_norm": False,
        "optimizer": "rmsprop",
        "learning_rate": 5e-5,
        "beta1": 0.0,
        "discriminator_steps": 5,
        "batch": 64,
        "generator_batch": 64,
        "generator_steps": 100_000,
        "dequantize": False,
        "network": "dcgan",
    },
    # Gulrajani 2017, algorithm 1.
    "wgan-gp-paper": {
        "loss": "wasserstein",
        "gradient_penalty": 10.0,
        "clip_weights": 0.0,
        "spectral_norm": False,
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "beta1": 0.0,
        "beta2": 0.9,
        "discriminator_steps": 5,
        "batch": 64,
        "generator_batch": 64,
        "generator_steps": 100_000,
        "dequantize": False,
        "network": "dcgan",
    },
    # Miyato 2018, section 4 and the authors' code.
    "resnet-paper": {
        "loss": "hinge",
        "gradient_penalty": 0.0,
        "clip_weights": 0.0,
        "spectral_norm": True,
        "optimizer": "adam",
        "learning_rate": LINEARLY_TO_ZERO,
        "beta1": 0.0,
        "beta2": 0.9,
        "discriminator_steps": 5,
        "batch": 64,
        "generator_batch": 128,
        "generator_steps": 50_000,
        "latent_dim": 128,
        "dequantize": False,
        "network": "resnet",
        "generator_width": 256,
        "discriminator_width": 128,
        "head": "sum",
    },
    # Gulrajani 2017, appendix F and the authors' code.
    "resnet-wgan-gp-paper": {
        "loss": "wasserstein",
        "gradient_penalty": 10.0,
        "clip_weights": 0.0,
        "spectral_norm": False,
        "optimizer": "adam",
        "learning_rate": LINEARLY_TO_ZERO,
        "beta1": 0.0,
        "beta2": 0.9,
        "discriminator_steps": 5,
        "batch": 64,
        "generator_batch": 128,
        "generator_steps": 100_000,
        "latent_dim": 128,
        "dequantize": True,
        "network": "resnet",
        "generator_width": 128,
        "discriminator_width": 128,
        "head": "mean",
    },
    # Huang 2024, table 9, CIFAR-10: over the first 20 million images.
    "r3gan-paper": {
        "loss": "relativistic",
        "gradient_penalty": 0.0,
        "gamma": (0.05, 0.005),
        "clip_weights": 0.0,
        "spectral_norm": False,
        "optimizer": "adam",
        "learning_rate": (2e-4, 5e-5),
        "beta1": 0.0,
        "beta2": (0.9, 0.99),
        "ema_half_life": (0.0, 5e6),
        "augmentation": (0.0, 0.55),
        "discriminator_steps": 1,
        "batch": 512,
        "generator_batch": 512,
        "generator_steps": 250e6 / 512,
        "latent_dim": 64,
        "dequantize": False,
        "network": "r3gan",
        "width": 768,
        "full_grids": 4,
        "blocks_per_resolution": 2,
        "group_channels": 16,
    },
    # Liu 2021, the authors' code (train.py) at 256x256: 50,000 iterations, average 0.999.
    "fastgan-paper": {
        "loss": "hinge",
        "gradient_penalty": 0.0,
        "reconstruction": 1.0,
        "clip_weights": 0.0,
        "spectral_norm": True,
        "optimizer": "adam",
        "learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "ema_half_life": 5_542,  # 8 images, 692.8 times: 0.999 ** 692.8 = 0.5
        "augmentation": 1.0,
        "discriminator_steps": 1,
        "batch": 8,
        "generator_batch": None,
        "generator_steps": 50_000,
        "latent_dim": 256,
        "dequantize": False,
        "flip": True,
        "network": "fastgan",
        "norm": "batch",
        "generator_width": 64,
        "discriminator_width": 64,
    },
    # Brock 2019 by StudioGAN's configuration for CIFAR-10: average 0.9999 from step 1,000 on.
    "biggan-paper": {
        "loss": "hinge",
        "gradient_penalty": 0.0,
        "reconstruction": 0.0,
        "clip_weights": 0.0,
        "spectral_norm": True,
        "optimizer": "adam",
        "learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        # 320 images a step, 6931.1 times: 0.9999 ** 6931.1 = 0.5
        "ema_half_life": (1_000 * 320, 2_217_960),
        "discriminator_steps": 5,
        "batch": 64,
        "generator_batch": 64,
        "generator_steps": 100_000,
        "latent_dim": 80,
        "dequantize": False,
        "flip": True,
        "network": "biggan",
        "generator_width": 4 * 96,
        "discriminator_width": 2 * 96,
        "largest_multiplier": 1,
        "attention": 16,
        "final_grid": "double",
        "final_blocks": 2,
    },
}
BURN_IN = 20_000_000
"""Of Huang 2024 on CIFAR-10, in images."""


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """A recipe's settings by the papers' names."""
    learning = ("optimizer", "learning_rate", "beta1", "beta2")
    for name in learning:
        assert getattr(recipe.generator, name) == getattr(recipe.discriminator, name)
    generator, discriminator = recipe.generator.network, recipe.discriminator.network
    assert generator.name == discriminator.name
    rate = recipe.generator.learning_rate
    if isinstance(rate, Ramp) and rate.shape == "linear":
        halves = [value_at(rate, recipe.images * part // 4) for part in range(5)]
        assert halves == pytest.approx([2e-4, 1.5e-4, 1e-4, 0.5e-4, 0.0])
        rate = LINEARLY_TO_ZERO
    assert recipe.objective.penalties.r1 == recipe.objective.penalties.r2
    found = {
        **vars(generator),
        **vars(discriminator),
        "generator_width": vars(generator)["width"],
        "discriminator_width": vars(discriminator)["width"],
        **vars(recipe.objective),
        **vars(recipe.generator),
        "gradient_penalty": recipe.objective.penalties.gradient_penalty.weight,
        "gamma": recipe.objective.penalties.r1.weight,
        "reconstruction": recipe.objective.penalties.reconstruction.weight,
        "ema_half_life": recipe.ema_half_life,
        "augmentation": recipe.augmentation,
        "learning_rate": rate,
        "discriminator_steps": recipe.discriminator_steps,
        "batch": recipe.batch,
        "generator_batch": recipe.generator_batch,
        "generator_steps": recipe.images / recipe.batch / recipe.discriminator_steps,
        "latent_dim": recipe.latent_dim,
        "dequantize": recipe.data.dequantize,
        "flip": recipe.data.flip,
        "network": generator.name,
    }
    return {name: ends_of(value) for name, value in found.items()}


def ends_of(value: Any) -> Any:
    """Start and end of a cosine over the burn-in; where a step from 0 is, and to what; other values
    unchanged."""
    if not isinstance(value, Ramp):
        return value
    if value.shape == "linear":
        images = value.images or 0
        assert (value_at(value, images - 320), value_at(value, images)) == (0.0, value.end)
        return images, value.end
    assert (value.shape, value.images) == ("cosine", BURN_IN)
    return value.start, value.end


def test_every_paper_recipe_has_published_numbers_to_compare() -> None:
    papers = {name for name in CATALOG if name.endswith("-paper")}
    elsewhere = {"style-paper"}  # tests/parity/test_style_networks.py: its players learn apart
    assert set(PUBLISHED) | elsewhere == papers


@pytest.mark.parametrize("name", PUBLISHED)
def test_paper_recipe_holds_the_published_numbers(name: str) -> None:
    recipe = CATALOG[name]().with_fixed_schedules()
    ours = settings_of(recipe)
    assert {key: ours[key] for key in PUBLISHED[name]} == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_paper_recipe_has_no_settings_beyond_the_papers(name: str) -> None:
    recipe = CATALOG[name]()
    penalties = vars(recipe.objective.penalties)
    active = {key for key, penalty in penalties.items() if penalty.weight != 0}
    published = {"gradient_penalty"} if PUBLISHED[name]["gradient_penalty"] else set()
    published |= {"r1", "r2"} if "gamma" in PUBLISHED[name] else set()
    published |= {"reconstruction"} if PUBLISHED[name].get("reconstruction") else set()
    assert active == published
    assert all(penalty.every == 1 for penalty in penalties.values())
    assert not any(it.weight for it in vars(recipe.generator.regularisers).values())
    assert recipe.objective.real_label == 1.0
    assert "ema_half_life" in PUBLISHED[name] or recipe.ema_half_life == 0
    assert "augmentation" in PUBLISHED[name] or recipe.augmentation == 0
    assert "flip" in PUBLISHED[name] or not recipe.data.flip
    assert "norm" in PUBLISHED[name] or not recipe.discriminator.network.uses_batch_statistics


def test_dcgan_tutorial_says_every_field_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that moves must not move it. What the tutorial leaves open is Radford 2016's."""
    recipe = CATALOG["dcgan-tutorial"]()
    table = recipe_table(recipe)
    adam = {"optimizer": "adam", "learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999}
    networks = {
        "generator": {"upsampling": "transposed"},
        "discriminator": {"activation": "leaky-relu"},
    }
    for role, special in networks.items():
        player = table[role]
        assert {key: player[key] for key in adam} == adam
        shared = {"name": "dcgan", "width": 32, "norm": "batch", "conditioning": "none"}
        assert player["network"] == shared | special
    assert {key: table["objective"][key] for key in ("loss", "real_label", "pac")} == {
        "loss": "non-saturating",
        "real_label": 1.0,
        "pac": 1,
    }
    assert not any(penalty["weight"] for penalty in table["objective"]["penalties"].values())
    assert (recipe.batch, recipe.latent_dim, recipe.ema_half_life) == (128, 100, 0)
    assert (recipe.discriminator_steps, recipe.generator_batch) == (1, None)
    assert recipe.data.size == (32, 32)
    # Without defaults, a field that is not given is an error.
    for kind in (DCGANGenerator, DCGANDiscriminator, PlayerSettings):
        monkeypatch.setattr(kind.__init__, "__kwdefaults__", {})
    with pytest.raises(TypeError, match="missing 4 required"):
        DCGANGenerator()
    assert CATALOG["dcgan-tutorial"]() == recipe


RATES: dict[str, tuple[tuple[float, float], float, float]] = {
    "mlp": ((2e-4, 2e-4), 0.5, 0.999),
    "dcgan": ((2e-4, 2e-4), 0.5, 0.999),
    "lsgan": ((2e-4, 2e-4), 0.5, 0.999),
    "few": ((2e-4, 2e-4), 0.5, 0.999),
    "resnet-dcgan": ((8e-4, 4e-4), 0.5, 0.999),
    "resnet-dcgan-conditional": ((4e-4, 4e-4), 0.5, 0.999),
    "wgan": ((5e-4, 5e-4), 0.0, 0.9),
    "wgan-gp": ((5e-4, 5e-4), 0.5, 0.9),
    "resnet-wgan-gp": ((5e-4, 5e-4), 0.5, 0.9),
    "resnet": ((2e-4, 2e-4), 0.0, 0.9),
    "fastgan": ((1e-3, 1e-3), 0.5, 0.999),
    "style": ((2.5e-3, 2.5e-3), 0.0, 0.99),
    "biggan": ((1e-3, 4e-4), 0.0, 0.9),
}
"""Learning rates of generator and discriminator, and Adam's betas, that docs/recipes.md measured
or the papers chose (Radford 2016 for the first ones)."""


@pytest.mark.parametrize("name", RATES)
def test_a_recipe_for_a_laptop_has_the_rates_that_were_measured(name: str) -> None:
    recipe = CATALOG[name]()
    rates, beta1, beta2 = RATES[name]
    assert (recipe.generator.learning_rate, recipe.discriminator.learning_rate) == rates
    for player in (recipe.generator, recipe.discriminator):
        assert (player.optimizer, player.beta1, player.beta2) == ("adam", beta1, beta2)
    assert (recipe.ema_half_life, recipe.ema_rampup) == (10_000, 0.1)
    assert (recipe.batch, recipe.latent_dim, recipe.images) == (32, 128, 200_000)


def test_the_discriminator_of_style_sees_groups_of_four() -> None:
    """As the published code at its automatic settings (Karras 2020, ADA)."""
    for name in ("style", "style-conditional"):
        assert CATALOG[name]().discriminator.network.group_size == 4


def test_wgan_is_the_tutorials_critic_clipped_and_trainable_at_small_budgets() -> None:
    recipe = CATALOG["wgan"]()
    assert recipe.generator.network.name == recipe.discriminator.network.name == "dcgan"
    assert recipe.objective.loss == "wasserstein"
    assert 0.03 <= recipe.objective.clip_weights <= 0.1
    assert recipe.discriminator_steps == 1
    for player in (recipe.generator, recipe.discriminator):
        assert (player.optimizer, player.beta1, player.beta2) == ("adam", 0.0, 0.9)


def test_dcgan_normalises_both_players_and_wasserstein_critics_are_never_batch_normalised() -> None:
    assert CATALOG["dcgan"]().discriminator.network.uses_batch_statistics
    for name, make in CATALOG.items():
        recipe = make()
        if recipe.objective.loss == "wasserstein":
            assert not recipe.discriminator.network.uses_batch_statistics, name


def test_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"'wgna' is no recipe\. Did you mean wgan\?"):
        load_recipe("wgna")


def test_r3gan_differs_from_the_paper_only_as_described() -> None:
    """Huang 2024, table 9: the shapes of four of its five schedules.

    Rates and penalties are those of a laptop's budget (docs/r3gan.md).
    """
    recipe = CATALOG["r3gan"]().with_fixed_schedules()
    assert recipe.generator.network.name == recipe.discriminator.network.name == "r3gan"
    assert recipe.objective.loss == "relativistic"
    penalties = recipe.objective.penalties
    assert penalties.r1 == penalties.r2
    assert penalties.r1.every == 1
    for player in (recipe.generator, recipe.discriminator):
        assert (player.optimizer, player.beta1) == ("adam", 0.0)
        rate = player.learning_rate
        assert isinstance(rate, Ramp)
        assert rate.end / rate.start == pytest.approx(5e-5 / 2e-4)
        assert rate.shape == "cosine"
    assert recipe.generator.beta2 == recipe.discriminator.beta2
    schedules = {
        "beta2": recipe.generator.beta2,
        "half_life": recipe.ema_half_life,
        "gamma": penalties.r1.weight,
    }
    for schedule in schedules.values():
        assert isinstance(schedule, Ramp)
        assert schedule.shape == "cosine"
    ends = {
        name: (value_at(schedule, 0), value_at(schedule, recipe.images))
        for name, schedule in schedules.items()
    }
    assert ends["beta2"] == pytest.approx((0.9, 0.99))
    assert ends["half_life"][0] == 0
    assert ends["gamma"] == pytest.approx((10 * 32 * 32 / 2048, 32 * 32 / 2048))
    assert recipe.latent_dim == 64
    assert recipe.fresh_reals_for_generator
    assert recipe.augmentation == 0  # the paper's fifth schedule; docs/r3gan.md


GAMMA = {
    "S-MNIST": (1.0, 32, 512),
    "CIFAR-10": (0.05, 32, 512),
    "FFHQ-64": (2.0, 64, 256),
    "FFHQ-256": (150.0, 256, 256),
    "ImageNet-32": (0.5, 32, 4096),
    "ImageNet-64": (1.0, 64, 4096),
}
"""Huang 2024, table 9: gamma at the start, side, batch. All fall to a tenth."""


def test_gamma_of_docs_r3gan_is_the_median_of_the_papers_and_within_ten_times_of_each() -> None:
    shares = [gamma / side**2 for gamma, side, _ in GAMMA.values()]
    assert median(shares) == pytest.approx(1 / 2048)
    assert all(0.1 <= share * 2048 <= 10 for share in shares)
    ada = [gamma / (0.0002 * side**2 / batch) for gamma, side, batch in GAMMA.values()]
    assert (round(min(ada)), round(max(ada))) == (125, 10_000)  # docs/r3gan.md says so


@pytest.mark.parametrize("name", CATALOG)
def test_every_recipe_is_a_function_of_the_package(name: str) -> None:
    assert getattr(recipes, name.replace("-", "_")) is CATALOG[name]
