"""A run's recipe, and its checkpoints: which are kept, and which is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.errors import RunError
from ganvas.recipes import CATALOG
from ganvas.runs import Run


def test_a_run_of_before_keeps_the_split_of_before(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})
    assert run.read_recipe().data.split == "labels"
    path = tmp_path / "run" / "recipe.json"
    recipe = json.loads(path.read_text())
    del recipe["data"]["split"]
    path.write_text(json.dumps(recipe))
    assert run.read_recipe().data.split == "content"


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
