"""Runs in processes of their own: results as they come, and an error that waits for no others."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from processes import in_processes


def touched(path: Path, fails: bool) -> str:
    path.touch()
    if fails:
        raise ValueError(path.name)
    time.sleep(0.02)
    return path.name


def test_results_come_with_their_keys(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    calls = {key: (tmp_path / key, False) for key in ("one", "two", "three")}
    assert dict(in_processes(touched, calls, workers=2)) == {key: key for key in calls}
    assert capfd.readouterr().err.splitlines() == [f"{number} of 3 runs" for number in (1, 2, 3)]


def test_the_first_error_leaves_out_what_has_not_begun(tmp_path: Path) -> None:
    calls = {number: (tmp_path / str(number), number == 0) for number in range(1_000)}
    with pytest.raises(ValueError, match="0"):
        list(in_processes(touched, calls, workers=1))
    assert len(list(tmp_path.iterdir())) < 1_000
