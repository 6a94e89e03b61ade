"""What is said of a run with nothing left to train."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganvas.errors import RunError
from ganvas.runs import Run
from ganvas.training.restore import check_unfinished

from ...builders.tiny import tiny_recipe


def test_a_finished_run_can_be_trained_for_exactly_twice_as_long() -> None:
    state: Any = SimpleNamespace(images_seen=12_246)
    run = Run(Path("runs/a"))
    with pytest.raises(RunError, match=r"--images 24492$"):
        check_unfinished(run, tiny_recipe(images=12_246), state)
    check_unfinished(run, tiny_recipe(images=12_247), state)
