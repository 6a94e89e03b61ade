"""Out of memory: the message names a batch that was tried and fits, or other settings to change."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas import storage
from ganvas.errors import OutOfMemory, RunError
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training import batch_size
from ganvas.training.batch_size import BatchSizeFinder, ran_out
from ganvas.training.engine import WARMUP_STEPS
from ganvas.training.failures import report_full_disk, report_out_of_memory, report_unsaved
from tests.builders import run_files
from tests.builders.tiny import start, tiny_data, tiny_recipe

pytestmark = pytest.mark.usefixtures("nothing_to_collect")


def room_for(batch: int) -> Callable[..., None]:
    """A training step that runs out of memory above this batch size."""

    def train_step(state: Any, recipe: Recipe) -> None:
        if recipe.batch > batch:
            raise torch.OutOfMemoryError("no room. Tried to allocate 2.00 GiB")

    return train_step


def message(recipe: Recipe, room: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(batch_size, "train_step", room_for(room))
    state = start(recipe)
    with pytest.raises(OutOfMemory) as caught, report_out_of_memory(recipe, tiny_data(), state):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB\nand more")
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("batch", "room", "found"), [(64, 32, 32), (64, 50, 48), (64, 31, 24), (100, 3, 2), (7, 2, 2)]
)
def test_largest_batch_is_a_halving_that_fits_or_one_and_a_half_times_it(
    batch: int, room: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = message(tiny_recipe(batch=batch), room, monkeypatch)
    assert text.startswith(f"out of memory with batches of {batch} on cpu (CUDA out of memory.")
    assert "and more" not in text
    assert f"found to fit is {found}: start again with --batch {found} " in text
    assert text.endswith(f"(in Python: batch={found})")
    assert "A step alone" not in text


def test_generator_batch_shrinks_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    text = message(tiny_recipe(batch=64, generator_batch=128), 32, monkeypatch)
    assert text.endswith(
        "--batch 32 --generator-batch 64 (in Python: batch=32, generator_batch=64)"
    )


def test_message_says_if_a_step_alone_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = message(tiny_recipe(batch=64), 64, monkeypatch)
    assert "A step alone does fit" in text
    assert text.endswith("--batch 48 (in Python: batch=48)")


def test_packs_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(batch=48, objective=ObjectiveSettings(pac=3))
    assert "--batch 12" in message(recipe, 17, monkeypatch)


def test_message_names_other_settings_if_no_batch_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    text = message(tiny_recipe(batch=64), 0, monkeypatch)
    assert "No smaller batch fits either" in text
    assert "a smaller size" in text


@pytest.mark.parametrize(("compiled", "steps"), [("off", 1), ("auto", 4 * WARMUP_STEPS + 1)])
def test_trial_steps_last_until_the_rarest_penalty_is_captured(
    compiled: Any, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_taken = []
    monkeypatch.setattr(batch_size, "train_step", lambda *_: steps_taken.append(1))
    rare = Penalties(r1=PenaltySettings(weight=1.0, every=4), r2=PenaltySettings(weight=1.0))
    recipe = tiny_recipe(objective=ObjectiveSettings(penalties=rare))
    assert BatchSizeFinder(tiny_data(), torch.device("cpu"), 1, compiled).fits(recipe)
    assert len(steps_taken) == steps


def test_trial_steps_train() -> None:
    """Without a fake step: half of the batch and three quarters of it fit."""
    recipe = tiny_recipe(batch=8, generator_batch=16)
    state = start(recipe)
    with (
        pytest.raises(OutOfMemory, match="--batch 6 --generator-batch 12"),
        report_out_of_memory(recipe, tiny_data(), state),
    ):
        raise MemoryError
    assert all(weight.is_meta for weight in state.generator.parameters())


def test_other_errors_are_raised_unchanged() -> None:
    recipe = tiny_recipe()
    state = start(recipe)
    with (
        pytest.raises(RuntimeError, match="shapes"),
        report_out_of_memory(recipe, tiny_data(), state),
    ):
        raise RuntimeError("shapes do not match")
    assert not any(weight.is_meta for weight in state.generator.parameters())


def test_out_of_memory_errors_of_torch_are_recognised() -> None:
    """The CPU's allocator raises a RuntimeError, so its message must be recognised."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert ran_out(caught.value)
    assert ran_out(RuntimeError("CUDA error: out of memory\nand more"))
    assert ran_out(
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`")
    )
    assert not ran_out(RuntimeError("anything else"))


def test_a_full_disk_names_resume_and_where_that_starts(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", tiny_recipe(), run_files.environment(), run_files.data())
    full = OSError(errno.ENOSPC, "No space left on device")

    def about(error: OSError) -> str:
        with pytest.raises(RunError) as caught, report_full_disk(run):
            raise storage.cannot_write(run.directory / "history.jsonl", error) from error
        return str(caught.value)

    resume = f"ganvas resume {run.directory}"
    assert about(full).endswith(
        f"free some space. Then train from the start, in the same run: {resume}"
    )
    run.make_folders()
    run.checkpoint_path(400).touch()
    assert about(full).endswith(f"free some space. Then go on with: {resume}")
    assert "ganvas resume" not in about(OSError(errno.EACCES, "Permission denied"))


def test_an_interruption_without_saving_says_where_the_run_resumes(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", tiny_recipe(), run_files.environment(), run_files.data())

    def interrupt(cause: Exception | None) -> None:
        try:
            if cause is not None:
                raise cause
        finally:
            raise KeyboardInterrupt  # as torchrun's signal comes after an error

    def message(cause: Exception | None = None) -> str:
        with pytest.raises(KeyboardInterrupt) as caught, report_unsaved(run):
            interrupt(cause)
        return str(caught.value)

    assert message() == "", "nothing was saved that could be named"
    run.make_folders()
    run.checkpoint_path(400).touch()
    run.checkpoint_path(2400).touch()
    assert message().endswith(f"2,400 images; go on from there with: ganvas resume {run.directory}")
    assert message(RunError("the disk is full")) == ""
