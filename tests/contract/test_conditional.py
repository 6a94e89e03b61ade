"""Training with labels: every family that takes them, every loss, penalty and form.

Labels reach both networks, weights of labels move, and a resumed run is the same bit for bit.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.data.prepared import PreparedData
from ganvas.networks import GENERATORS
from ganvas.networks.labels import LabelStrength
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import CATALOG, Recipe, checked
from ganvas.recipes.catalog import with_rates_of_namesake
from ganvas.recipes.players import conditional, unconditional
from ganvas.schedules import Ramp
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.tiny import same, small, tiny_data, tiny_recipe

NAMES = ("a", "b", "c")
FAMILIES = [name for name, kind in GENERATORS.items() if kind().conditional() is not None]


def labelled(count: int = 14) -> PreparedData:
    labels = np.arange(count) % len(NAMES)
    return dataclasses.replace(tiny_data(count=count), labels=labels, label_names=NAMES)


def start(recipe: Recipe) -> TrainState:
    return TrainState.start(checked(recipe), labelled(), 0, torch.device("cpu"))


def recipe_of(family: str, **changes: Any) -> Recipe:
    return conditional(tiny_recipe(small(family), **changes))


def label_weights(state: TrainState) -> dict[str, torch.Tensor]:
    """The weights that exist for labels alone, of both players."""
    return {
        f"{role}/{name}": weight.detach().clone()
        for role, player in state.players.items()
        for name, weight in player.network.named_parameters()
        if any(part in name for part in ("labels.", "embedding", ".affine."))
    }


@pytest.mark.parametrize(("family", "loss"), in_turns(FAMILIES, LOSSES))
def test_every_family_learns_labels_and_so_does_every_loss(family: str, loss: Any) -> None:
    state = start(recipe := recipe_of(family, objective=ObjectiveSettings(loss=loss)))
    before = label_weights(state)
    assert {name.partition("/")[0] for name in before} == {"generator", "discriminator"}
    for _ in range(6):  # fix-up and zero gains need some steps before labels have a gradient
        train_step(state, recipe)
    for name, weight in label_weights(state).items():
        assert weight.isfinite().all(), name
        assert not torch.equal(weight, before[name]), name


@pytest.mark.parametrize(("family", "penalty"), in_turns(FAMILIES, PENALTIES))
def test_every_penalty_works_with_labels(family: str, penalty: str) -> None:
    penalties = Penalties(**{penalty: PenaltySettings(weight=1.0)})
    objective = ObjectiveSettings(loss="wasserstein", penalties=penalties)
    state = start(recipe := recipe_of(family, objective=objective))
    train_step(state, recipe)
    assert all(weight.isfinite().all() for weight in state.discriminator.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_resumed_run_is_the_same_bit_for_bit(family: str) -> None:
    recipe = recipe_of(family)
    if not recipe.discriminator.network.needs_labels:
        ramp = Ramp(shape="linear", start=0, end=1)
        recipe = dataclasses.replace(recipe, label_strength=ramp).with_fixed_schedules()
    straight, resumed = start(recipe), start(recipe)
    for _ in range(2):
        train_step(straight, recipe)
    tensors = {name: tensor.clone() for name, tensor in straight.tensors().items()}
    resumed.restore(tensors, straight.values())
    for state in (straight, resumed):
        for _ in range(2):
            train_step(state, recipe)
    assert same(straight.tensors().values(), resumed.tensors().values())


def test_label_strength_follows_its_schedule_in_both_networks() -> None:
    ramp = Ramp(shape="linear", start=0, end=1, images=16, after=8)
    state = start(recipe := recipe_of("dcgan", label_strength=ramp))

    def strengths() -> set[float]:
        return {
            float(module.value)
            for network in (state.generator, state.discriminator)
            for module in network.modules()
            if isinstance(module, LabelStrength)
        }

    seen = [strengths()]
    for _ in range(4):
        train_step(state, recipe)
        seen.append(strengths())
    assert seen == [{0.0}, {0.0}, {0.0}, {0.5}, {1.0}]


def test_spectral_norm_holds_the_embedding_too() -> None:
    recipe = recipe_of("resnet", objective=ObjectiveSettings(loss="hinge", spectral_norm=True))
    state = start(recipe)
    for _ in range(30):  # one power iteration at every forward pass
        train_step(state, recipe)
    embedding = state.discriminator.get_submodule("projection.embedding")
    weight = embedding.weight
    assert isinstance(weight, torch.Tensor)
    assert float(torch.linalg.matrix_norm(weight.detach(), 2)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("name", [name for name in CATALOG if name.endswith("-conditional")])
def test_a_conditional_recipe_is_its_base_but_for_labels_and_rates(name: str) -> None:
    recipe, base = CATALOG[name](), CATALOG[name.removesuffix("-conditional")]()
    plain, about = with_rates_of_namesake(recipe, unconditional(recipe))
    assert bool(about) == (name == "resnet-dcgan-conditional")
    different = {
        field.name
        for field in dataclasses.fields(Recipe)
        if getattr(plain, field.name) != getattr(base, field.name)
    }
    assert different <= {"name", "data", "fresh_reals_for_generator"}
    assert dataclasses.replace(recipe.data, labels="scores") == base.data
