"""How much is memorised is measured without a trace in the run, and adaptive runs resume."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas import tensor_file
from ganvas.images import to_signed
from ganvas.objectives import augmentation
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import Recipe
from ganvas.schedules import Adaptive
from ganvas.training.memory import MEASURED_IMAGES, measure_memory
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tiny import BATCH, same, small, start, tiny_data, tiny_recipe

DATA = tiny_data(50, held_out=20)
ADAPTIVE = Adaptive(target=0.51, images=100)

DISCRIMINATORS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch normalisation": {"networks": small("dcgan", discriminator={"norm": "batch"})},
    "spectral norm": {"objective": ObjectiveSettings(spectral_norm=True)},
    "packs": {"objective": ObjectiveSettings(pac=2)},
}


@pytest.fixture(autouse=True)
def measured_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "MEASURE_EVERY", 2 * BATCH)
    monkeypatch.setattr(augmentation, "ONE_SIDED_95", 0.0)  # the probability moves, however few


def trained(recipe: Recipe, steps: int) -> TrainState:
    state = start(recipe, data=DATA)
    for _ in range(steps):
        train_step(state, recipe)
    return state


def test_the_fraction_is_that_of_all_pairs() -> None:
    """All 30 and 20 images, since there are not more than are measured."""
    state = trained(tiny_recipe(), 2)
    assert MEASURED_IMAGES > 30
    with torch.no_grad():
        logits = state.discriminator(to_signed(torch.from_numpy(DATA.images))).tolist()
    pairs = list(itertools.product(logits[:30], logits[30:]))
    expected = sum(training > held_out for training, held_out in pairs) / len(pairs)
    assert measure_memory(state) == pytest.approx(expected)


def test_images_are_new_at_every_measurement_and_never_mixed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, read = trained(tiny_recipe(), 1), []
    monkeypatch.setattr("ganvas.training.memory.MEASURED_IMAGES", 6)
    own = state.stream.read
    monkeypatch.setattr(state.stream, "read", lambda rows: (read.append(rows), own(rows))[1])
    for seen in (100, 200, 100):
        state.images_seen = seen
        measure_memory(state)
    first, second, again = (rows.tolist() for rows in read)
    assert first == again
    assert first != second
    for rows in (first, second):
        assert len(set(rows)) == 12
        assert all(row < 30 for row in rows[:6])
        assert all(row >= 30 for row in rows[6:])


@pytest.mark.parametrize("changes", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
def test_measuring_changes_nothing(changes: dict[str, Any]) -> None:
    """No weight, running statistic, vector of a spectral norm, gradient or random number."""
    state = trained(tiny_recipe(**changes), 2)
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    gradients = [weight.grad for weight in state.discriminator.parameters()]
    assert 0 <= measure_memory(state) <= 1
    after = state.tensors()
    assert [name for name in after if not torch.equal(after[name], before[name])] == []
    assert all(
        weight.grad is gradient
        for weight, gradient in zip(state.discriminator.parameters(), gradients, strict=True)
    )
    assert all(module.training for module in state.discriminator.modules())


def test_while_the_probability_stays_zero_a_run_is_that_without_augmentation() -> None:
    """A target that nothing reaches: measured all the time, and never augmented."""
    adaptive = trained(tiny_recipe(augmentation=Adaptive(target=0.999, images=100)), 6)
    plain = trained(tiny_recipe(), 6)
    assert adaptive.metrics.counts["augmentation/memory"] == 3
    assert adaptive.metrics.sums["augmentation/probability"] == 0
    assert same(adaptive.tensors().values(), plain.tensors().values())


@pytest.mark.parametrize("policy", ["ada", "diffaugment"])
@pytest.mark.parametrize("stop_after", [1, 2, 5])
def test_adaptive_run_resumes_bit_for_bit(tmp_path: Path, policy: Any, stop_after: int) -> None:
    recipe = tiny_recipe(augmentation=ADAPTIVE, augmentation_policy=policy)
    straight = trained(recipe, 9)
    assert straight.augmentation.probability > 0

    stopped = trained(recipe, stop_after)
    path = tmp_path / "checkpoint.safetensors"
    tensor_file.write(path, stopped.tensors(), stopped.values())
    resumed = start(recipe, data=DATA)
    resumed.restore(*tensor_file.read(path))
    for _ in range(9 - stop_after):
        train_step(resumed, recipe)

    assert resumed.values() == straight.values()
    ours, theirs = resumed.tensors(), straight.tensors()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_history_has_the_probability_and_what_was_measured() -> None:
    state = trained(tiny_recipe(augmentation=ADAPTIVE), 4)
    columns = state.metrics.compute()
    steps = [0, 8 / 100, 8 / 100, 16 / 100]  # of the four steps, if all that is measured is above
    assert columns["augmentation/memory"] > 0.51
    assert columns["augmentation/probability"] == pytest.approx(sum(steps) / 4)
    assert not any(
        name.startswith("augmentation/") for name in trained(tiny_recipe(), 4).metrics.sums
    )
