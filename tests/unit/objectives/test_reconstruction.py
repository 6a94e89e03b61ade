"""The penalty `reconstruction`: its wall to the network, its passes, and who may have it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.errors import RecipeError
from ganvas.networks import DISCRIMINATORS, GENERATORS
from ganvas.objectives.batch import bind_reconstruct
from ganvas.objectives.objective import Objective
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.precision import FP32, Precision
from ganvas.recipes import Recipe, checked
from ganvas.training.engine import Compiled, Eager
from ganvas.training.inputs import next_real_batch
from ganvas.training.step import train_step, update_discriminator
from tests.builders.tape import assert_captured_steps_are_the_steps
from tests.builders.tiny import narrow, same, start, tiny_recipe

WEIGHT = 0.5
REAL, FAKE = torch.ones(4, 1, 2, 2), torch.zeros(4, 1, 2, 2)


class Remembering(nn.Module):
    """Logits are means; what is made again is black; counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[str] = []
        self.uniform = torch.empty(0)

    def forward(self, images: Tensor) -> Tensor:
        self.passes.append("forward")
        return images.mean((1, 2, 3))

    def reconstruct(self, images: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        self.passes.append("reconstruct")
        self.uniform = uniform
        return images.mean((1, 2, 3)), (images + 1).square().mean((1, 2, 3))


def terms_of(network: Remembering, step: int = 0, **others: PenaltySettings) -> dict[str, float]:
    penalties = Penalties(reconstruction=PenaltySettings(weight=WEIGHT, every=2), **others)
    objective = Objective.build(ObjectiveSettings(loss="wasserstein", penalties=penalties))
    batch = objective.prepare_batch(
        REAL,
        FAKE,
        network,
        reconstruct=bind_reconstruct(network, FP32),
        step=step,
        images_seen=0,
        random=torch.Generator().manual_seed(0),
    )
    terms = objective.discriminator_terms(batch)
    return {name: float(term.detach()) for name, term in terms.items()}


def test_error_of_reals_is_a_term_from_the_pass_that_gives_their_logits() -> None:
    network = Remembering()
    terms = terms_of(network)
    # Of ones made again as -1: 2^2; every other step, so twice as strong.
    assert terms == {"adversarial": -1.0, "reconstruction": 2 * WEIGHT * 4.0}
    assert network.passes == ["reconstruct", "forward"], "reals once, fakes once"
    assert network.uniform.shape == (4, 1, 1, 1)
    assert bool(((network.uniform >= 0) & (network.uniform < 1)).all())


def test_between_its_steps_the_discriminator_does_not_reconstruct() -> None:
    network = Remembering()
    assert terms_of(network, step=1) == {"adversarial": -1.0}
    assert network.passes == ["forward", "forward"]


def test_gradient_penalties_use_the_same_pass() -> None:
    network = Remembering()
    terms = terms_of(network, r1=PenaltySettings(weight=1.0))
    assert terms["r1"] == pytest.approx(4 * (1 / 4) ** 2 / 2)
    assert network.passes == ["reconstruct", "forward"]


def test_errors_in_bfloat16_come_as_float32() -> None:
    network = Remembering()
    reconstruct = bind_reconstruct(network, Precision("bf16", "for a test"))
    assert reconstruct is not None
    assert [outputs.dtype for outputs in reconstruct(REAL, REAL[:, :, :1, :1])] == [
        torch.float32
    ] * 2


def test_a_network_without_the_method_is_asked_for_nothing() -> None:
    assert bind_reconstruct(nn.Identity(), FP32) is None


def recipe_with(weight: float = WEIGHT, **changes: Any) -> Recipe:
    objective = ObjectiveSettings(
        loss="hinge",
        spectral_norm=True,
        penalties=Penalties(reconstruction=PenaltySettings(weight=weight)),
    )
    decoding = narrow(DISCRIMINATORS["fastgan"], decoders=True, norm="batch")
    networks = (narrow(GENERATORS["fastgan"]), changes.pop("discriminator", decoding))
    return tiny_recipe(networks, objective=objective, **changes)


def test_decoders_train_under_batch_normalisation_and_spectral_norm() -> None:
    state = start(recipe := recipe_with())
    decoders = [w.detach().clone() for w in state.discriminator.decoders.parameters()]
    train_step(state, recipe)
    assert state.metrics.counts["discriminator/loss/reconstruction"] == 1
    assert not same(decoders, state.discriminator.decoders.parameters())


def test_captured_steps_are_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What chooses quadrants is drawn outside the graph: a captured step sees new ones."""
    assert_captured_steps_are_the_steps(recipe_with(batch=8), monkeypatch)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code
def test_a_compiled_update_is_the_update() -> None:
    """Takes seconds of the compiler, which alone shows what it cannot trace."""
    recipe = recipe_with()
    plain, compiled = start(recipe), start(recipe)
    torch._dynamo.reset()
    compiled.use_engine(Compiled(Eager(), backend="aot_eager"))
    for state in (plain, compiled):
        real = next_real_batch(state, recipe, recipe.batch)
        update_discriminator(state, recipe, real, torch.zeros_like(real.images))
    assert isinstance(compiled.engine, Compiled)
    assert compiled.engine.fallback is None
    assert compiled.metrics.sums == pytest.approx(plain.metrics.sums, rel=1e-3, abs=1e-4)


def test_the_term_decreases_when_trained() -> None:
    recipe = recipe_with(weight=10.0)
    state = start(recipe)
    values = []
    for _ in range(30):
        train_step(state, recipe)
        values.append(state.metrics.sums["discriminator/loss/reconstruction"])
    assert values[-1] - values[-6] < 0.9 * values[4], "the last five beside the first five"


@pytest.mark.parametrize(
    ("network", "weight", "expected"),
    [
        (
            narrow(DISCRIMINATORS["dcgan"]),
            1.0,
            "objective.penalties.reconstruction.weight: the discriminator network dcgan has no "
            "decoders",
        ),
        (
            narrow(DISCRIMINATORS["fastgan"]),
            1.0,
            "objective.penalties.reconstruction.weight: the discriminator network fastgan has no "
            "decoders",
        ),
        (
            narrow(DISCRIMINATORS["fastgan"], decoders=True),
            0.0,
            "discriminator.network.decoders: they do nothing while "
            "objective.penalties.reconstruction.weight is 0",
        ),
    ],
)
def test_decoders_and_penalty_need_each_other(network: Any, weight: float, expected: str) -> None:
    with pytest.raises(RecipeError) as caught:
        checked(recipe_with(weight, discriminator=network))
    (problem,) = caught.value.problems
    assert problem.startswith(expected)
