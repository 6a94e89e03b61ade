"""LeCam's term against its formula, its published strength, and its averages in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from ganvas import tensor_file
from ganvas.objectives import lecam as module
from ganvas.objectives.batch import DiscriminatorBatch
from ganvas.objectives.lecam import DECAY, FIRST_STEP, STRENGTHS, lecam
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.settings import LossName, ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe, checked
from ganvas.training.engine import WARMUP_STEPS, CudaGraphs
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tape import pretend_cuda_graphs
from tests.builders.tiny import same, small, start, tiny_recipe

AFTER = 3
"""Steps before the term begins, in these tests."""


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_STEP", AFTER)


def penalised(loss: LossName = "hinge", weight: float = 1.0, **changes: Any) -> Recipe:
    penalties = Penalties(lecam=PenaltySettings(weight=weight))
    return tiny_recipe(objective=ObjectiveSettings(loss=loss, penalties=penalties), **changes)


def trained(recipe: Recipe, steps: int) -> TrainState:
    state = start(recipe)
    for _ in range(steps):
        train_step(state, recipe)
    return state


def batch_of(real_logits: Tensor, fake_logits: Tensor, averages: Tensor) -> DiscriminatorBatch:
    """A batch whose images are their logits."""
    nothing = real_logits[:0]
    return DiscriminatorBatch(
        real_logits, fake_logits, None, nothing, nothing, averages, lambda images: images, {}
    )


def test_term_equals_the_formula() -> None:
    """Reals count above the average fake, fakes below the average real."""
    real, fake = torch.tensor([2.0, -3.0, 0.0]), torch.tensor([-1.0, 5.0, 0.5])
    value = lecam(batch_of(real, fake, torch.tensor([1.0, -2.0])), strength=0.5)
    expected = [0.5 * ((2 + 2) ** 2 + (1 + 1) ** 2), 0.0, 0.5 * ((0 + 2) ** 2 + (1 - 0.5) ** 2)]
    assert value.tolist() == pytest.approx(expected)


def test_a_logit_of_every_head_counts() -> None:
    real, fake = torch.ones(3, 2), -torch.ones(3, 2)
    assert lecam(batch_of(real, fake, torch.tensor([1.0, -1.0])), strength=1.0).shape == (3, 2)


def settled_distance(loss: LossName) -> float:
    """The distance of separable real and fake logits, where the discriminator's gradient is 0."""
    centre = 0.5 if loss == "least-squares" else 0.0

    def slope(distance: float) -> float:
        ends = [centre + distance / 2, centre - distance / 2]
        real, fake = (torch.tensor([end], dtype=torch.float64, requires_grad=True) for end in ends)
        term = lecam(batch_of(real, fake, torch.tensor(ends).double()), STRENGTHS[loss])
        total = LOSSES[loss].discriminator(real, fake, 1.0) + term
        (gradient,) = torch.autograd.grad(total.sum(), real)
        return float(gradient)

    low, high = 0.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return low


def test_strengths_mean_what_their_table_says() -> None:
    assert set(STRENGTHS) == set(get_args(LossName))
    assert settled_distance("hinge") == pytest.approx(1 / 0.6) == pytest.approx(5 / 6 * 2)
    assert settled_distance("least-squares") == pytest.approx(5 / 6)
    assert settled_distance("wasserstein") == pytest.approx(50)
    for loss in ("minimax", "non-saturating"):
        distance = torch.tensor(settled_distance(loss))  # type: ignore[arg-type]
        assert float(torch.sigmoid(distance / 2)) == pytest.approx(0.9, abs=0.015)
    paired = torch.tensor(settled_distance("relativistic"))
    assert float(torch.sigmoid(paired)) == pytest.approx(0.9, abs=0.015)


@pytest.mark.parametrize("loss", get_args(LossName))
def test_term_begins_after_its_first_step_and_changes_the_weights(soon: None, loss: Any) -> None:
    plain = tiny_recipe(objective=ObjectiveSettings(loss=loss))
    recipe = penalised(loss, weight=1e3)
    before, after = trained(recipe, AFTER), trained(recipe, AFTER + 1)
    assert "discriminator/loss/lecam" not in before.metrics.sums
    assert same(before.discriminator.parameters(), trained(plain, AFTER).discriminator.parameters())
    assert after.metrics.counts["discriminator/loss/lecam"] == 1
    assert all(weight.isfinite().all() for weight in after.discriminator.parameters())
    other = trained(plain, AFTER + 1)
    assert not same(after.discriminator.parameters(), other.discriminator.parameters())


def test_it_begins_when_the_averages_no_longer_depend_on_their_start() -> None:
    assert DECAY**FIRST_STEP < 1e-4
    state = start(penalised())
    (term,) = state.objective.penalties
    assert not term.is_due(FIRST_STEP - 1)
    assert term.is_due(FIRST_STEP)


def test_averages_follow_the_mean_logits_of_each_step(soon: None) -> None:
    recipe = penalised()
    state, expected = start(recipe), torch.zeros(2)
    for _ in range(AFTER + 2):
        train_step(state, recipe)
        means = state.metrics.compute()
        logits = [means[f"discriminator/logits/{kind}"] for kind in ("real", "fake")]
        expected = DECAY * expected + (1 - DECAY) * torch.tensor(logits)
    torch.testing.assert_close(state.logit_averages, expected)


def test_checkpoint_holds_the_averages_and_resumes_bit_for_bit(soon: None, tmp_path: Path) -> None:
    recipe = penalised(weight=10.0)
    straight, stopped = trained(recipe, AFTER + 4), trained(recipe, AFTER + 1)
    path = tmp_path / "checkpoint.safetensors"
    tensor_file.write(path, stopped.tensors(), stopped.values())
    resumed = start(recipe)
    resumed.restore(*tensor_file.read(path))
    for _ in range(3):
        train_step(resumed, recipe)
    ours, theirs = resumed.tensors(), straight.tensors()
    assert "logit_averages" in ours
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []


def test_a_run_without_it_has_no_averages() -> None:
    state = trained(tiny_recipe(), 1)
    assert state.logit_averages.numel() == 0
    assert "logit_averages" not in state.tensors()


def test_captured_steps_read_the_averages_of_now(
    soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are an input of the captured function, not a constant in it."""
    pretend_cuda_graphs(monkeypatch)
    recipe, graphs = penalised(weight=10.0), CudaGraphs("for a test")
    captured, plain = start(recipe), trained(recipe, AFTER + WARMUP_STEPS + 3)
    captured.use_engine(graphs)
    for _ in range(AFTER + WARMUP_STEPS + 3):
        train_step(captured, recipe)
    assert graphs.fallback is None
    theirs = plain.tensors()
    for name, tensor in captured.tensors().items():
        torch.testing.assert_close(tensor, theirs[name], msg=name)


def test_batch_normalisation_does_not_exclude_it(soon: None) -> None:
    recipe = penalised(networks=small("dcgan", discriminator={"norm": "batch"}))
    checked(recipe)
    state = trained(recipe, AFTER + 1)
    assert state.metrics.counts["discriminator/loss/lecam"] == 1
