"""Any generator trains against any discriminator, is sampled, and resumes bit for bit."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

from ganvas.errors import RecipeError
from ganvas.generators import files as generator_files
from ganvas.networks import DISCRIMINATORS, GENERATORS
from ganvas.objectives.regularisers import REGULARISERS
from ganvas.objectives.settings import (
    REGULARISERS_OF_STYLES,
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
    Regularisers,
    RegulariserSettings,
)
from ganvas.recipes import Recipe, exchange_networks
from ganvas.recipes.catalog import CATALOG
from ganvas.runs import Run
from ganvas.tensor_file import read
from ganvas.training.run_files import RunFiles
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders import run_files
from tests.builders.choices import in_turns
from tests.builders.tiny import (
    SIDE,
    fill_zero_weights,
    narrow,
    same,
    start,
    tiny_recipe,
    weights_of,
)

EVERY_GENERATOR = pytest.mark.parametrize("generator", GENERATORS)
EVERY_DISCRIMINATOR = pytest.mark.parametrize("discriminator", DISCRIMINATORS)


def recipe_of(generator: str, discriminator: str) -> Recipe:
    return tiny_recipe((narrow(GENERATORS[generator]), narrow(DISCRIMINATORS[discriminator])))


@EVERY_GENERATOR
@EVERY_DISCRIMINATOR
def test_a_gradient_passes_from_any_discriminator_to_any_generator(
    generator: str, discriminator: str
) -> None:
    """Images and their gradients are all that two networks exchange."""
    recipe = recipe_of(generator, discriminator)
    state = start(recipe)
    for network in (state.generator, state.discriminator):
        fill_zero_weights(network)
    assert_a_gradient_passes_from_the_logits_to_every_weight_of_the_generator(state, recipe)


@pytest.mark.parametrize(
    ("generator", "discriminator"),
    [
        *in_turns(sorted(GENERATORS), sorted(DISCRIMINATORS)),
        *in_turns(sorted(GENERATORS), sorted(DISCRIMINATORS, reverse=True)),
    ],
)
def test_a_pair_trains_samples_and_resumes_bit_for_bit(
    generator: str, discriminator: str, tmp_path: Path
) -> None:
    recipe = recipe_of(generator, discriminator)
    state = start(recipe)
    before = {name: weights_of(network) for name, network in state.modules().items()}
    for _ in range(2):
        train_step(state, recipe)
    for name, network in state.modules().items():
        assert not same(before[name], network.parameters()), f"the {name} stands still"

    run = Run.create(tmp_path / "run", recipe, run_files.environment(), run_files.data())
    RunFiles(run, recipe).checkpoint(state, last=False)
    samples = generator_files.load(run).sample(3, seed=1)
    assert samples.shape == (3, SIDE, SIDE, 1)

    resumed = start(recipe)
    (path,) = run.checkpoint_paths()
    assert resumed.restore(*read(path))
    for training in (state, resumed):
        train_step(training, recipe)
    ours, theirs = resumed.tensors(), state.tensors()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert_a_gradient_passes_from_the_logits_to_every_weight_of_the_generator(state, recipe)


def assert_a_gradient_passes_from_the_logits_to_every_weight_of_the_generator(
    state: TrainState, recipe: Recipe
) -> None:
    """Of networks without weights that are zero, as some are before the first steps (fix-up)."""
    latents = torch.randn(4, recipe.latent_dim, generator=torch.Generator().manual_seed(0))
    logits = state.discriminator(state.generator(latents))
    gradients = torch.autograd.grad(logits.sum(), list(state.generator.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert sum(bool(gradient.any()) for gradient in gradients) >= len(gradients) - 1


@pytest.mark.parametrize("regulariser", REGULARISERS)
@EVERY_GENERATOR
def test_every_regulariser_trains_every_generator(generator: str, regulariser: str) -> None:
    networks = (narrow(GENERATORS[generator]), narrow(DISCRIMINATORS["dcgan"]))
    plain = tiny_recipe(networks)
    settings = Regularisers(**{regulariser: RegulariserSettings(weight=1.0, every=2)})
    recipe = dataclasses.replace(
        plain, generator=dataclasses.replace(plain.generator, regularisers=settings)
    )
    needs_styles = regulariser in REGULARISERS_OF_STYLES
    if needs_styles and not recipe.generator.network.has_styles:
        with pytest.raises(RecipeError, match="has no style space"):
            start(recipe)
        return
    state, without = start(recipe), start(plain)
    for _ in range(3):
        train_step(state, recipe)
        train_step(without, plain)
    assert state.metrics.counts[f"generator/loss/{regulariser}"] == 2
    assert f"generator/loss/{regulariser}" not in without.metrics.counts
    assert not same(state.generator.parameters(), without.generator.parameters())


def test_exchanged_networks_keep_the_other_player_and_name_the_recipe() -> None:
    dcgan = CATALOG["dcgan"]()
    both = exchange_networks(dcgan, "resnet", "resnet")
    one = exchange_networks(dcgan, generator="resnet")
    assert (both.name, one.name) == ("dcgan-resnet", "dcgan-resnet-generator")
    assert one.generator.network == GENERATORS["resnet"]()
    assert one.discriminator == dcgan.discriminator
    assert exchange_networks(dcgan, "dcgan", "dcgan") == dcgan, "its own network keeps its fields"
    mixed = exchange_networks(dcgan, "mlp", "resnet")
    assert mixed.name == "dcgan-mlp-generator-resnet-discriminator"


def test_a_penalty_is_refused_by_the_discriminators_network_alone() -> None:
    penalties = Penalties(r1=PenaltySettings(weight=1.0))
    bare = tiny_recipe(
        (narrow(GENERATORS["dcgan"], norm="batch"), narrow(DISCRIMINATORS["resnet"])),
        objective=ObjectiveSettings(penalties=penalties),
    )
    state = start(bare)
    train_step(state, bare)
    assert copy.deepcopy(state.metrics.counts)["discriminator/loss/r1"] == 1
