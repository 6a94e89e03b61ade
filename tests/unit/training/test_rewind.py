"""What a rewind says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

from ganvas.health.finding import Change
from ganvas.schedules import Ramp
from ganvas.training.rewind import (
    Rewind,
    apply_rewind,
    complete_pending_rewind,
    keep_abandoned_files,
    rewind,
)
from tests.builders.loggers import empty_run, train_to


@pytest.mark.parametrize(
    ("to", "start"), [(5_024, "back to 5,024 images"), (0, "starting again from the beginning")]
)
def test_summary_says_where_training_resumes_and_what_is_changed(to: int, start: str) -> None:
    change = Change("discriminator.learning_rate", "2e-4", "lower")
    assert Rewind(1, "diverging", 8_000, to, change).summary() == (
        f"rewind 1 of 2, because of diverging: {start} with --discriminator.learning-rate 2e-4"
    )


@pytest.mark.parametrize(
    ("change", "to", "left"),
    [
        (Change("discriminator.learning_rate", "1e-4", "lower"), 5_000, [5_000]),
        (Change("latent_dim", "8", "more variety"), 0, []),
    ],
)
def test_a_change_that_fits_no_checkpoint_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, to: int, left: list[int]
) -> None:
    run = empty_run(tmp_path)
    run.write_recipe(dataclasses.replace(run.read_recipe(), on_failure="rewind"))
    run.write_checkpoint(5_000, {}, {})
    failing = SimpleNamespace(symptom="mode-collapse", verdict="failing", advice=(change,))
    monkeypatch.setattr(
        "ganvas.training.rewind.diagnose", lambda run: SimpleNamespace(findings=[failing])
    )
    done = rewind(run, 8_000)
    assert done == Rewind(1, "mode-collapse", 8_000, to, change)
    assert [int(path.stem) for path in run.checkpoint_paths()] == left


def test_a_schedule_that_is_advised_ends_with_the_budget(tmp_path: Path) -> None:
    run = empty_run(tmp_path)
    decay = Change("discriminator.learning_rate", "linear:2e-4:0", "it settles")
    plan = Rewind(1, "oscillation", 8_000, 0, decay)
    keep_abandoned_files(run, plan)
    apply_rewind(run, plan)
    rate = run.read_recipe().discriminator.learning_rate
    assert isinstance(rate, Ramp)
    assert rate.images == run.read_recipe().images


def test_the_pictures_that_will_be_made_again_are_kept(tmp_path: Path) -> None:
    run = empty_run(tmp_path)
    train_to(run, 3_000, 5_000, 6_000, 8_000)
    plan = Rewind(1, "diverging", 8_000, 5_000, Change("batch", "8", "smaller"))
    keep_abandoned_files(run, plan)
    apply_rewind(run, plan)
    kept = (run.directory / "rewound" / "1" / "samples").iterdir()
    assert sorted(int(path.stem) for path in kept) == [6_000, 8_000]
    assert [int(path.stem) for path in run.sample_paths()] == [3_000, 5_000]


def test_a_rewind_is_applied_once_also_where_training_resumed_from_before_it(
    tmp_path: Path,
) -> None:
    """Whoever wants to go back further deletes the newest checkpoints and resumes. The event of
    the rewind is then after the checkpoint, and deleted with all records there."""
    run = empty_run(tmp_path)
    run.write_checkpoint(5_000, {}, {})
    plan = Rewind(1, "diverging", 8_000, 5_000, Change("batch", "8", "smaller"))
    keep_abandoned_files(run, plan)
    apply_rewind(run, plan)
    run.delete_records_after(3_000)
    run.write_checkpoint(9_000, {}, {})
    recipe = run.read_recipe()
    run.write_recipe(dataclasses.replace(recipe, images=20_000))
    complete_pending_rewind(run)
    assert [int(path.stem) for path in run.checkpoint_paths()] == [5_000, 9_000]
    assert run.read_recipe().images == 20_000
