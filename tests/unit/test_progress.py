"""The bar for work that is not training."""

from __future__ import annotations

import time

import pytest

from ganvas import progress
from ganvas.progress import progress_bar


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody watches."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)


def test_quick_work_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("preparing") as show:
        show(5, 10)
    assert "preparing" not in capsys.readouterr().err


def test_work_that_takes_a_moment_shows_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with progress_bar("preparing") as show:
        time.sleep(0.3)
        assert "preparing" in capsys.readouterr().err
        show(1_000, 2_000)
        time.sleep(0.3)
        said = capsys.readouterr().err
    assert "1,000/2,000" in said


def test_a_count_that_is_not_known_yet_is_left_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress_bar("preparing"):
        pass
    said = capsys.readouterr().err
    assert "preparing" in said
    assert "?" not in said.replace("\x1b[?25", "")
