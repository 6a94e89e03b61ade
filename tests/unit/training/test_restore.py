"""What is said of a run with nothing left to train."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganvas.errors import ArgumentError, RunError
from ganvas.runs import Run
from ganvas.training.restore import check_unfinished, unsaved_end, with_overrides

from ...builders import run_files
from ...builders.tiny import tiny_recipe


def test_a_finished_run_can_be_trained_for_exactly_twice_as_long() -> None:
    state: Any = SimpleNamespace(images_seen=12_246)
    run = Run(Path("runs/a"))
    with pytest.raises(RunError, match=r"--images 24492$"):
        check_unfinished(run, tiny_recipe(images=12_246), state)
    check_unfinished(run, tiny_recipe(images=12_247), state)


def test_a_resumed_run_may_have_the_budget_that_it_had_and_no_less(tmp_path: Path) -> None:
    tables = run_files.environment(), run_files.data()
    run = Run.create(tmp_path / "run", tiny_recipe(images=4_000), *tables)
    for images in (None, 4_000, 4_004):
        assert with_overrides(run, images, None).images == (images or 4_000)
    with pytest.raises(ArgumentError, match=r"3,999 is less than the budget of 4,000"):
        with_overrides(run, 3_999, None)


def test_where_a_run_died_is_never_before_its_checkpoint(tmp_path: Path) -> None:
    tables = run_files.environment(), run_files.data()
    run = Run.create(tmp_path / "run", tiny_recipe(), *tables)
    run.history.append({"images_seen": 2016})
    assert unsaved_end(run) == [f"{run.directory} stopped without saving at 2,016 images"]
    run.write_status("running", 2400)
    after = f"{run.directory} stopped without saving after its checkpoint at 2,400 images"
    assert unsaved_end(run) == [after]
    run.history.append({"images_seen": 4000})
    assert unsaved_end(run) == [f"{run.directory} stopped without saving at 4,000 images"]
    run.write_status("interrupted", 4000)
    assert unsaved_end(run) == []
