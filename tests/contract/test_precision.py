"""bfloat16 trains whatever float32 trains: gradients the same within rounding, exact resumes."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.precision import FP32, Precision
from ganvas.training.inputs import draw_generator_inputs, next_real_batch
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.strong_penalties import (
    CLEAR_FRACTION,
    penalty_fraction,
    relative_distance,
    steepen,
    with_strong_penalties,
)
from tests.builders.tiny import FAMILIES, Networks, fill_zero_weights, small, start, tiny_recipe

BF16 = Precision("bf16", "for a test")

ROUNDING = 0.15
"""Of a gradient's length. Ten layers and back round by 2^-9 each, which is a hundredth; the rest is
ReLUs that round to the other side of zero. A term left out is beyond `CLEAR_FRACTION`."""


def penalised(*names: str, weight: float = 1.0) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=weight) for name in names})


def wide(family: str) -> Networks:
    """Both networks of a family, with 16 channels where they have a width."""
    networks = small(family)
    generator, discriminator = (
        {"width": 16} if "width" in vars(network) else {} for network in networks
    )
    return small(family, generator=generator, discriminator=discriminator)


def gradients(state: TrainState, objective: Objective, precision: Precision) -> dict[str, Tensor]:
    """Of both players' losses, on the same batch in the same state, as one row each."""
    recipe = tiny_recipe(batch=8)
    random = {name: generator.get_state() for name, generator in state.random.items()}
    real = next_real_batch(state, recipe, 8).images
    latents = draw_generator_inputs(state, recipe, 8, None).latents
    fake = precision.through(state.generator)(latents)
    discriminator = precision.through(state.discriminator)
    batch = objective.prepare_batch(
        real, fake, discriminator, step=0, images_seen=0, random=state.random["penalties"]
    )
    terms = {
        "discriminator": objective.discriminator_terms(batch),
        "generator": objective.generator_terms(discriminator, fake, real),
    }
    found = {
        player: gradient_of_sum(terms[player].values(), state.modules()[player]) for player in terms
    }
    state.stream.samples_drawn = 0
    for name, generator in state.random.items():
        generator.set_state(random[name])
    return found


def gradient_of_sum(terms: Iterable[Tensor], network: nn.Module) -> Tensor:
    total = torch.stack(list(terms)).sum()
    weights = list(network.parameters())
    found = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
    return torch.cat([one.flatten() for one in found if one is not None])


@pytest.mark.parametrize(
    ("loss", "penalty"), [*((loss, "none") for loss in LOSSES), *in_turns(LOSSES, PENALTIES)]
)
def test_gradients_are_those_of_float32_within_rounding(loss: Any, penalty: str) -> None:
    settings = ObjectiveSettings(loss=loss)
    state = steepen(start(tiny_recipe(wide("dcgan"))))
    if penalty != "none":
        settings = with_strong_penalties(state, settings, penalty)
        assert penalty_fraction(state, settings) > CLEAR_FRACTION > 3 * ROUNDING
    objective = Objective.build(settings)
    exact = gradients(state, objective, FP32)
    rough = gradients(state, objective, BF16)
    for player, found in exact.items():
        assert rough[player].dtype == torch.float32
        assert 0 < relative_distance(rough[player], found) < ROUNDING, player


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_the_gradients_of_float32_within_rounding(family: str) -> None:
    recipe = tiny_recipe(wide(family), objective=ObjectiveSettings(spectral_norm=True))
    state = start(recipe)
    for network in (state.generator, state.discriminator):
        fill_zero_weights(network).eval()  # spectral norms and batch statistics as they are, twice
    exact = gradients(state, state.objective, FP32)
    rough = gradients(state, state.objective, BF16)
    for player, found in exact.items():
        assert relative_distance(rough[player], found) < ROUNDING, player


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

    state, resumed = start(recipe), start(recipe)
    state.precision = resumed.precision = BF16
    for _ in range(3):
        train_step(state, recipe)
    kept = {name: tensor.clone() for name, tensor in state.tensors().items()}
    values = copy.deepcopy(state.values())
    floating = {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()}
    assert floating == {torch.float32}
    if constraint == "clip":
        assert all(weight.abs().max() <= 0.05 for weight in state.discriminator.parameters())
    resumed.restore(kept, values)
    for training in (state, resumed):
        for _ in range(2):
            train_step(training, recipe)
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, resumed.tensors()[name]), name
