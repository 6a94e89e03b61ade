"""A compiled step is the step: the same gradients, for every loss, penalty and network.

Traced and differentiated by the compiler, and run by torch's own kernels, so that only what the
compiler understands can differ; one step goes through the compiler's own kernels too.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.architectures import ARCHITECTURES, DCGAN, MLP, Architecture
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe
from ganvas.training.engine import Compiled, Eager
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.unit.tiny import small, start, tiny_recipe

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code


def penalised(*names: str) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=1.0, every=2) for name in names})


def trained(recipe: Recipe, backend: str | None, steps: int) -> TrainState:
    """After so many steps, the last of them without penalties that are due at every second."""
    torch._dynamo.reset()
    state, objective = start(recipe)
    if backend is not None:
        state.engine = Compiled(Eager(), backend=backend)
    for _ in range(steps):
        train_step(state, recipe, objective)
    if backend is not None:
        assert isinstance(state.engine, Compiled)
        assert state.engine.failed is None
    return state


def results(state: TrainState) -> dict[str, Tensor]:
    """The gradients of the last step, and what normalisation remembers.

    Not weights: where a gradient is nothing but rounding, Adam makes a whole step of it.
    """
    found = {}
    for player, network in state.modules().items():
        for name, weight in network.named_parameters():
            if weight.grad is not None:
                found[f"gradient of {player}/{name}"] = weight.grad
        for name, buffer in network.named_buffers():
            found[f"{player}/{name}"] = buffer
    return found


def assert_alike(recipe: Recipe, backend: str = "aot_eager", steps: int = 2) -> None:
    compiled, plain = trained(recipe, backend, steps), trained(recipe, None, steps)
    found = results(compiled)
    for name, expected in results(plain).items():
        torch.testing.assert_close(
            found[name],
            expected,
            rtol=1e-3,
            atol=1e-4,
            msg=lambda text, name=name: f"{name}: {text}",
        )
    assert compiled.means.sums == pytest.approx(plain.means.sums, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_with_all_penalties(loss: Any) -> None:
    settings = ObjectiveSettings(loss=loss, penalties=penalised(*PENALTIES))
    assert_alike(tiny_recipe(objective=settings))


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_penalty_alone(penalty: str) -> None:
    settings = ObjectiveSettings(loss="hinge", penalties=penalised(penalty), clip_weights=0.05)
    assert_alike(tiny_recipe(objective=settings))


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_architecture(kind: type[Architecture]) -> None:
    settings = ObjectiveSettings(penalties=penalised("r1"), spectral_norm=True)
    assert_alike(tiny_recipe(architecture=small(kind), objective=settings), steps=1)


def test_batch_statistics_move_once() -> None:
    assert_alike(tiny_recipe(architecture=small(DCGAN, discriminator_norm="batch")))


def test_the_compilers_own_kernels_within_rounding() -> None:
    settings = ObjectiveSettings(penalties=penalised("gradient_penalty"))
    recipe = tiny_recipe(architecture=small(MLP), objective=settings)
    assert_alike(recipe, "inductor", steps=1)
