"""Every discriminator trains with frozen stages: under constraints, penalties, graphs, probes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.health.columns import MISSING
from ganvas.health.probes import measure
from ganvas.networks import DISCRIMINATORS, GENERATORS
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe
from ganvas.training.freezing import frozen_stages
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.probe_contexts import copied_context
from tests.builders.tape import assert_captured_steps_are_the_steps
from tests.builders.tiny import fill_zero_weights, narrow, same, start, tiny_recipe
from tests.contract.test_probes import unbounded

EVERY_FAMILY = pytest.mark.parametrize("family", sorted(DISCRIMINATORS))
OBJECTIVES: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipped": {"clip_weights": 1e-3},
    "spectral norm": {"spectral_norm": True},
    "penalty": {"penalties": Penalties(r1=PenaltySettings(weight=1.0))},
    "packs": {"pac": 2},
}


def recipe_with(family: str, count: int, **objective: Any) -> Recipe:
    network = narrow(DISCRIMINATORS[family])
    if network.uses_batch_statistics:  # which no gradient penalty takes
        network = narrow(DISCRIMINATORS[family], norm="none")
    return tiny_recipe(
        (narrow(GENERATORS["dcgan"]), network),
        objective=ObjectiveSettings(**objective),
        freeze_discriminator=count,
    )


def split_weights(state: TrainState) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Copies of the frozen parameters and of the others, by name."""
    frozen, trained = {}, {}
    for name, weight in state.discriminator.named_parameters():
        (trained if weight.requires_grad else frozen)[name] = weight.detach().clone()
    return frozen, trained


def most_stages(recipe: Recipe) -> int:
    """How many stages can be frozen."""
    children = start(recipe).discriminator.children()
    return sum(any(True for _ in stage.parameters()) for stage in children) - 1


@pytest.mark.parametrize(
    ("family", "objective"),
    [
        *((family, "plain") for family in sorted(DISCRIMINATORS)),
        *in_turns(sorted(DISCRIMINATORS), [name for name in OBJECTIVES if name != "plain"]),
    ],
)
def test_frozen_stages_keep_every_bit_and_the_others_train(family: str, objective: str) -> None:
    most = most_stages(recipe_with(family, 0))
    for count in {1, most}:
        recipe = recipe_with(family, count, **OBJECTIVES[objective])
        state = start(recipe)
        fill_zero_weights(state.discriminator)
        before, trained_before = split_weights(state)
        for _ in range(2):
            train_step(state, recipe)
        after, trained = split_weights(state)
        assert len(frozen_stages(state.discriminator)) == count
        assert before.keys() == after.keys()
        assert same(before.values(), after.values())
        assert not any(torch.equal(trained[name], old) for name, old in trained_before.items())


@EVERY_FAMILY
def test_captured_steps_of_frozen_stages_are_the_steps(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_captured_steps_are_the_steps(recipe_with(family, 1), monkeypatch)


@pytest.mark.parametrize(
    ("family", "objective"), in_turns(sorted(DISCRIMINATORS), ["plain", "clipped"])
)
def test_probes_measure_the_stages_that_train(family: str, objective: str) -> None:
    """A frozen layer has neither gradient nor update, which would look like a dead network."""
    records = {}
    for count in (0, 1):
        recipe = recipe_with(family, count, **OBJECTIVES[objective])
        state = start(recipe)
        fill_zero_weights(state.discriminator)
        train_step(state, recipe)
        records[count] = measure(copied_context(state, recipe))
    assert records[0].keys() <= records[1].keys() | {MISSING, "probe/r_v"}
    unmeasurable = {"probe/r_v", *unbounded(family)}
    assert set(records[1].get(MISSING, {})) <= unmeasurable, "of an untrained network"
    if objective == "clipped":
        assert records[1]["probe/clip/share"] > 0  # type: ignore[operator]
    whole, part = (records[n]["probe/gradient/discriminator/layers"] for n in (0, 1))
    assert isinstance(whole, list)
    assert isinstance(part, list)
    assert 0 < len(part) < len(whole)
    assert min(part) > 0
    assert records[1]["probe/update/discriminator"] > 0  # type: ignore[operator]


@EVERY_FAMILY
def test_a_checkpoint_of_another_runs_weights_holds_the_frozen_ones(family: str) -> None:
    """They are no function of the seed, so a state of another seed must get them back."""
    recipe = recipe_with(family, 1)
    straight, resumed = start(recipe, seed=1), start(recipe, seed=2)
    straight.keeps_frozen = True  # as weights of another run set it
    train_step(straight, recipe)
    tensors = {name: tensor.clone() for name, tensor in straight.tensors().items()}
    resumed.restore(tensors, straight.values())
    assert resumed.keeps_frozen
    assert same(straight.tensors().values(), resumed.tensors().values())
