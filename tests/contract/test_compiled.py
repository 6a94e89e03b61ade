"""A compiled step is the step: the same gradients, for every loss, penalty and network.

Traced and differentiated by the compiler, and run by torch's own kernels, so that only what the
compiler understands can differ; one step goes through the compiler's own kernels too.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.networks import DISCRIMINATORS, GENERATORS
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import (
    ObjectiveSettings,
    Regularisers,
    RegulariserSettings,
)
from ganvas.recipes import Recipe
from ganvas.training.engine import Compiled, Eager
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.strong_penalties import (
    CLEAR_FRACTION,
    penalty_fraction,
    relative_distance,
    steepen,
    step_gradient,
    with_strong_penalties,
)
from tests.builders.tiny import FAMILIES, ONE_EACH, Networks, small, start, tiny_recipe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code

ROUNDING = 1e-3
"""Of a gradient's length: another order of sums. A penalty left out is beyond `CLEAR_FRACTION`."""


def shallow(family: str) -> Networks:
    """Both networks of a family, with one each of what a field repeats."""
    generator, discriminator = (
        {field.name: 1 for field in dataclasses.fields(kind) if field.name in ONE_EACH}
        for kind in (GENERATORS[family], DISCRIMINATORS[family])
    )
    return small(family, generator=generator, discriminator=discriminator)


def compiled(state: TrainState, backend: str = "aot_eager") -> TrainState:
    """The state, whose functions are compiled from now on."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    state.use_engine(Compiled(Eager(), backend=backend))
    return state


def assert_alike(
    recipe: Recipe, *penalties: str, every: int = 1, backend: str = "aot_eager", steps: int = 1
) -> tuple[TrainState, TrainState]:
    """Both ways end every step with the same gradients, sums and normalisation, of both players.

    Returns the state after plain steps and the one after compiled steps.

    Not weights: where a gradient is nothing but rounding, Adam makes a whole step of it.
    """
    plain, ours = (steepen(start(recipe)) for _ in range(2))
    settings = with_strong_penalties(plain, recipe.objective, *penalties, every=every)
    if penalties:
        assert penalty_fraction(plain, settings) > CLEAR_FRACTION
    for state in (plain, ours):
        state.objective = Objective.build(settings)
    compiled(ours, backend)
    for _ in range(steps):
        ours.discriminator.load_state_dict(plain.discriminator.state_dict())
        ours.generator.load_state_dict(plain.generator.state_dict())
        for state in (plain, ours):
            train_step(state, recipe)
        for name in ("generator", "discriminator"):
            exact, found = (step_gradient(state.modules()[name]) for state in (plain, ours))
            assert relative_distance(found, exact) < ROUNDING, name
    assert ours.metrics.sums == pytest.approx(plain.metrics.sums, rel=1e-3, abs=1e-4)
    assert isinstance(ours.engine, Compiled)
    assert ours.engine.fallback is None
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 3, "images and both players"
    return plain, ours


def assert_same_buffers(plain: TrainState, ours: TrainState) -> None:
    found = buffers(ours)
    for name, expected in buffers(plain).items():
        torch.testing.assert_close(found[name], expected, rtol=1e-3, atol=1e-4, msg=name)


def buffers(state: TrainState) -> dict[str, Tensor]:
    """What normalisation has gathered."""
    return {
        f"{player}/{name}": buffer
        for player, network in state.modules().items()
        for name, buffer in network.named_buffers()
    }


@pytest.mark.parametrize(("loss", "penalty"), in_turns(LOSSES, PENALTIES))
def test_every_loss_with_a_penalty_at_every_second_step(loss: Any, penalty: str) -> None:
    """Of the network that is compiled fastest: losses and penalties know nothing of layers."""
    settings = ObjectiveSettings(loss=loss, clip_weights=0.5)
    recipe = tiny_recipe(shallow("mlp"), objective=settings)
    assert_alike(recipe, penalty, every=2, steps=3)


def test_all_penalties_together() -> None:
    settings = ObjectiveSettings(loss="relativistic")
    assert_alike(tiny_recipe(shallow("mlp"), objective=settings), *PENALTIES)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("mlp", "style")])
def test_every_other_family_computes_the_same_compiled(family: str) -> None:
    """The network of the tests above is mlp, and style has a test with all of its own."""
    assert_alike(tiny_recipe(shallow(family)), "r1")


@pytest.mark.parametrize("name", ["mode_seeking", "orthogonal"])
def test_regularisers_of_images_and_of_weights(name: str) -> None:
    recipe = tiny_recipe()
    regularisers = Regularisers(**{name: RegulariserSettings(weight=10.0)})
    player = dataclasses.replace(recipe.generator, regularisers=regularisers)
    assert_alike(dataclasses.replace(recipe, generator=player))


def test_spectral_norms_and_batch_statistics_move_once() -> None:
    for recipe in (
        tiny_recipe(small("dcgan", discriminator={"norm": "batch"})),
        tiny_recipe(objective=ObjectiveSettings(spectral_norm=True), precision="bf16"),
    ):
        plain, ours = start(recipe), compiled(start(recipe))
        for state in (plain, ours):
            train_step(state, recipe)
        assert_same_buffers(plain, ours)
        assert isinstance(ours.engine, Compiled)
        assert ours.engine.fallback is None


def test_weights_stay_clipped_and_averaged_and_go_on_exactly() -> None:
    settings = ObjectiveSettings(loss="wasserstein", clip_weights=0.05)
    recipe = tiny_recipe(shallow("mlp"), objective=settings)
    state = start(recipe)
    before = [weight.clone() for weight in state.ema.parameters()]
    compiled(state)
    for _ in range(2):
        train_step(state, recipe)
    assert all(weight.abs().max() <= 0.05 for weight in state.discriminator.parameters())
    assert not all(map(torch.equal, before, state.ema.parameters()))
    kept = {name: tensor.clone() for name, tensor in state.tensors().items()}
    values = copy.deepcopy(state.values())
    train_step(state, recipe)
    again = compiled(start(recipe))
    again.restore(kept, values)
    train_step(again, recipe)
    for name, tensor in state.tensors().items():
        assert torch.equal(tensor, again.tensors()[name]), name


def test_mixed_styles_and_path_lengths() -> None:
    one_layer, groups = {"mapping_layers": 1}, {"deviation_group": 2}
    recipe = tiny_recipe(small("style", generator=one_layer, discriminator=groups))
    regularisers = Regularisers(path_length=RegulariserSettings(weight=100.0))
    player = dataclasses.replace(recipe.generator, style_mixing=0.9, regularisers=regularisers)
    recipe = dataclasses.replace(recipe, generator=player)
    plain, ours = assert_alike(recipe, "r1")
    torch.testing.assert_close(ours.path_average, plain.path_average)
    assert_same_buffers(plain, ours)


def test_the_compilers_own_kernels_within_rounding() -> None:
    """Takes ten seconds, of a compiler of C++: no other test runs a kernel that torch wrote."""
    recipe = tiny_recipe(shallow("mlp"))
    assert_alike(recipe, "gradient_penalty", backend="inductor")
