"""What a rewind says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ganvas.health.finding import Change
from ganvas.training.rewind import (
    Rewind,
    apply_rewind,
    complete_pending_rewind,
    keep_abandoned_files,
)
from tests.builders.loggers import empty_run


@pytest.mark.parametrize(
    ("to", "start"), [(5_024, "back to 5,024 images"), (0, "starting again from the beginning")]
)
def test_summary_says_where_training_resumes_and_what_is_changed(to: int, start: str) -> None:
    change = Change("discriminator.learning_rate", "2e-4", "lower")
    assert Rewind(1, "diverging", 8_000, to, change).summary() == (
        f"rewind 1 of 2, because of diverging: {start} with --discriminator.learning-rate 2e-4"
    )


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
