"""The checkpoints of a run: which are kept, and which is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.errors import RunError
from ganvas.recipes import CATALOG
from ganvas.runs import Run


class TestState:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        return Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})

    def test_a_run_that_a_process_writes_is_running(self, run: Run) -> None:
        with run.lock():
            assert run.state() == "running"

    def test_a_run_that_nobody_writes_is_not_running(self, run: Run) -> None:
        assert run.read_status().status == "running"
        assert run.state() == "stopped without saving"
        with run.lock():
            pass
        assert run.state() == "stopped without saving"

    def test_without_permission_to_lock_it_the_saved_status_is_believed(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError

        with run.lock():
            pass
        monkeypatch.setattr("filelock.FileLock.acquire", refuse)
        assert run.state() == "running"

    def test_any_other_status_is_the_state(self, run: Run) -> None:
        run.write_status("diverged", 640, "the loss is not finite")
        assert run.state() == "diverged"


class TestCheckpoints:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        return Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})

    @staticmethod
    def write(run: Run, *moments: int) -> None:
        for images_seen in moments:
            values: dict[str, Any] = {"images_seen": images_seen}
            run.write_checkpoint(images_seen, {"w": torch.tensor([float(images_seen)])}, values)

    def test_new_run_has_none(self, run: Run) -> None:
        assert run.read_newest_checkpoint() is None

    def test_last_two_are_kept_and_the_newest_is_read(self, run: Run) -> None:
        self.write(run, 900, 1000, 10_000)
        names = [path.name for path in run.checkpoint_paths()]
        assert names == ["000001000.safetensors", "000010000.safetensors"]
        restored = run.read_newest_checkpoint()
        assert restored is not None
        assert restored[0]["w"].item() == restored[1]["images_seen"] == 10_000
        assert restored[2] == []

    def test_a_damaged_newest_checkpoint_falls_back_with_a_warning(self, run: Run) -> None:
        self.write(run, 1000, 2000)
        newest = run.checkpoint_paths()[-1]
        newest.write_bytes(newest.read_bytes()[:-1])
        restored = run.read_newest_checkpoint()
        assert restored is not None
        assert restored[1] == {"images_seen": 1000}
        (warning,) = restored[2]
        assert str(newest) in warning

    def test_all_damaged_is_an_error_that_names_each(self, run: Run) -> None:
        self.write(run, 1000, 2000)
        for path in run.checkpoint_paths():
            path.write_bytes(b"")
        with pytest.raises(RunError, match="all checkpoints are damaged") as caught:
            run.read_newest_checkpoint()
        assert all(str(path) in str(caught.value) for path in run.checkpoint_paths())
