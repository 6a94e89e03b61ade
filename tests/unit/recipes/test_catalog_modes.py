"""Recipes for benchmarks of modes hold what is published, or say how they differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ganvas.data.settings import DataSettings
from ganvas.networks import network_table
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import CATALOG, checked, describe, recipe_table

MODE_BENCHMARKS: dict[str, dict[str, Any]] = {
    # Lin 2018, the configuration and networks in the authors' code for points.
    "pacgan-points": {
        "networks": (
            {"name": "maxout", "width": 400, "hidden_layers": 4, "norm": "batch"},
            {"name": "maxout", "width": 200, "hidden_layers": 3, "norm": "none", "pieces": 5},
        ),
        "generator": ("adam", 1e-4, 0.8, 0.999),
        "discriminator": ("adam", 1e-4, 0.8, 0.999),
        "batch": 100,
        "steps": 400 * 100_000 / 100,
        "latent_dim": 2,
        "size": (1, 1),
    },
    # Metz 2017 as repeated by Lin 2018, the authors' code for D = 1/4 G.
    "pacgan-stacked": {
        "networks": (
            {"name": "strided", "width": 8, "norm": "batch"},
            {"name": "strided", "width": 2, "norm": "batch"},
        ),
        "generator": ("adam", 1e-4, 0.5, 0.99),
        "discriminator": ("adam", 2e-4, 0.5, 0.99),
        "batch": 128,
        "steps": 500_000,
        "latent_dim": 256,
        "size": (28, 28),
    },
}


@pytest.mark.parametrize("name", MODE_BENCHMARKS)
def test_mode_benchmark_holds_the_published_numbers_and_nothing_else(name: str) -> None:
    recipe = CATALOG[name]()
    players = {
        player: (adam.optimizer, adam.learning_rate, adam.beta1, adam.beta2)
        for player, adam in (
            ("generator", recipe.generator),
            ("discriminator", recipe.discriminator),
        )
    }
    assert MODE_BENCHMARKS[name] == {
        "networks": (
            network_table(recipe.generator.network),
            network_table(recipe.discriminator.network),
        ),
        **players,
        "batch": recipe.batch,
        "steps": recipe.images / recipe.batch / recipe.discriminator_steps,
        "latent_dim": recipe.latent_dim,
        "size": recipe.data.size,
    }
    assert recipe.objective == ObjectiveSettings(loss="non-saturating")
    assert recipe.discriminator_steps == 1
    assert recipe.generator_batch is None  # both players' steps use the same latents there
    assert recipe.ema_half_life == 0
    assert recipe.data == DataSettings(size=recipe.data.size)


@pytest.mark.parametrize("name", ["points-modern", "stacked-modern"])
def test_modern_mode_recipes_are_relativistic_penalised_and_without_normalisation(
    name: str,
) -> None:
    """Huang 2024: RpGAN with R1 and R2 at every step, no normalisation in either player."""
    recipe = CATALOG[name]()
    objective, table = recipe.objective, recipe_table(recipe)
    assert objective.loss == "relativistic"
    active = {key: penalty for key, penalty in vars(objective.penalties).items() if penalty.weight}
    assert set(active) == {"r1", "r2"}
    assert active["r1"] == active["r2"]
    assert active["r1"].every == 1  # lazy ones fail on these very data
    assert objective.pac == 1
    assert not objective.spectral_norm
    assert objective.clip_weights == 0
    assert {table[role]["network"]["norm"] for role in ("generator", "discriminator")} == {"none"}


@pytest.mark.parametrize("name", MODE_BENCHMARKS)
@pytest.mark.parametrize("pac", [2, 3, 4])
def test_flags_for_published_packs_are_valid(name: str, pac: int) -> None:
    """The number of packs per step and of steps is that without packing."""
    plain = CATALOG[name]()
    words = describe(name).replace("\n", " ")
    batch, images = plain.batch * pac, plain.images * pac
    for number in (str(batch), f"{images // 10**6}M"):
        assert number in words
    packed = checked(
        replace(plain, batch=batch, images=images, objective=replace(plain.objective, pac=pac))
    )
    assert packed.batch / pac == plain.batch
    assert packed.images / packed.batch == plain.images / plain.batch
