"""bfloat16 trains whatever float32 trains: gradients the same within rounding, exact resumes."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.networks import ARCHITECTURES, DCGAN, Architecture
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.precision import FP32, Precision
from ganvas.training.state import TrainState
from ganvas.training.step import make_fakes, next_real, train_step
from tests.builders.telling import TELLING, distance, lacks, steep, told
from tests.builders.tiny import awake, start, tiny_recipe

BF16 = Precision("bf16", "for a test")

ROUNDING = 0.15
"""Of a gradient's length. Ten layers and back round by 2^-9 each, which is a hundredth; the rest is
ReLUs that round to the other side of zero. A term left out is beyond `TELLING`."""


def penalised(*names: str, weight: float = 1.0) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=weight) for name in names})


def gradients(state: TrainState, objective: Objective, precision: Precision) -> dict[str, Tensor]:
    """Of both players' losses, on the same batch in the same state, as one row each."""
    recipe = tiny_recipe(batch=8)
    random = {name: generator.get_state() for name, generator in state.random.items()}
    state.precision = precision
    real, fake = next_real(state, recipe, 8), make_fakes(state, recipe, 8)
    judge = precision.through(state.discriminator)
    shown = objective.show(real, fake, step=0, images_seen=0, random=state.random["penalties"])
    terms, _ = objective.judged(judge, shown)
    found = {
        "discriminator": of(terms.values(), state.discriminator),
        "generator": of(objective.generator_terms(judge, fake, real).values(), state.generator),
    }
    state.stream.samples_drawn = 0
    for name, generator in state.random.items():
        generator.set_state(random[name])
    return found


def of(terms: Any, network: nn.Module) -> Tensor:
    total = torch.stack(list(terms)).sum()
    weights = list(network.parameters())
    found = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
    return torch.cat([one.flatten() for one in found if one is not None])


@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_float32_within_rounding(loss: Any, penalty: str) -> None:
    settings = ObjectiveSettings(loss=loss)
    state = start(tiny_recipe(architecture=DCGAN(width=16)))
    steep(state)
    if penalty != "none":
        settings = told(state, settings, penalty)
        assert lacks(state, settings) > TELLING > 3 * ROUNDING
    objective = Objective.build(settings)
    exact = gradients(state, objective, FP32)
    rough = gradients(state, objective, BF16)
    for player, found in exact.items():
        assert rough[player].dtype == torch.float32
        assert 0 < distance(rough[player], found) < ROUNDING, player


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_architecture_has_the_gradients_of_float32_within_rounding(
    kind: type[Architecture],
) -> None:
    widths = [field.name for field in dataclasses.fields(kind) if field.name.endswith("width")]
    wider = kind(**dict.fromkeys(widths, 16))
    recipe = tiny_recipe(architecture=wider, objective=ObjectiveSettings(spectral_norm=True))
    state = start(recipe)
    for network in (state.generator, state.discriminator):
        awake(network).eval()  # spectral norms and batch statistics as they are, twice
    exact = gradients(state, objective, FP32)
    rough = gradients(state, objective, BF16)
    for player, found in exact.items():
        assert distance(rough[player], found) < ROUNDING, player


@pytest.mark.parametrize("constraint", ["clip", "spectral"])
def test_steps_keep_float32_weights_clipped_and_averaged_and_go_on_exactly(
    constraint: str,
) -> None:
    settings = ObjectiveSettings(
        loss="wasserstein",
        penalties=penalised(*PENALTIES),
        clip_weights=0.05 if constraint == "clip" else 0.0,
        spectral_norm=constraint == "spectral",
    )
    recipe = tiny_recipe(objective=settings)

    def started() -> tuple[TrainState, Objective]:
        state = start(recipe)
        return dataclasses.replace(state, precision=BF16), objective

    state, objective = started()
    for _ in range(3):
        train_step(state, recipe)
    kept = {name: tensor.clone() for name, tensor in state.tensors().items()}
    values = copy.deepcopy(state.values())
    floating = {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()}
    assert floating == {torch.float32}
    if constraint == "clip":
        assert all(weight.abs().max() <= 0.05 for weight in state.discriminator.parameters())
    again, _ = started()
    again.restore(kept, values)
    for one in (state, again):
        for _ in range(2):
            train_step(one, recipe)
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, again.tensors()[name]), name
