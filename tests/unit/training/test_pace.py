"""The rate of training on this machine is measured without leaving anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.training import pace
from tests.builders.tiny import tiny_recipe


def test_the_rate_is_measured_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pace, "WARM_UP", 0.0)
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    assert pace.measure_pace(tiny_recipe(), channels=3) > 0
    assert list(tmp_path.iterdir()) == []


def test_it_takes_a_few_seconds_at_most() -> None:
    assert pace.WARM_UP + pace.SECONDS <= 5
