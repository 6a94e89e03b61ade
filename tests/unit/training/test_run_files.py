"""Before a run is made: whether the disk has room for its checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from ganvas.errors import RunError
from ganvas.training.run_files import check_room, checkpoint_bytes
from ganvas.training.step import train_step
from tests.builders.tiny import start, tiny_recipe


def test_a_checkpoint_is_as_large_before_the_first_step_as_after_it() -> None:
    recipe = tiny_recipe()
    state = start(recipe)
    before = checkpoint_bytes(state)
    train_step(state, recipe)
    counters = sum(
        entries["step"].nbytes
        for optimizer in state.optimizers().values()
        for entries in optimizer.state.values()
    )
    written = sum(tensor.nbytes for tensor in state.tensors().values())
    assert before + counters == checkpoint_bytes(state) == written


def test_a_disk_without_room_for_three_checkpoints_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = start(tiny_recipe())
    needed, asked = 3 * checkpoint_bytes(state), []

    def usage(free: int) -> None:
        def answer(folder: Path) -> SimpleNamespace:
            asked.append(folder)
            return SimpleNamespace(free=free)

        monkeypatch.setattr(shutil, "disk_usage", answer)

    usage(needed)
    check_room(tmp_path / "not" / "yet", state)
    usage(needed - 1)
    with pytest.raises(RunError, match=r"yet: checkpoints take .* are free there. Free some space"):
        check_room(tmp_path / "not" / "yet", state)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="runs: checkpoints take"):
        check_room(None, state)
    assert asked == [tmp_path] * 3, "of what does not exist, the folder that does"
