"""The progress bar for work other than training."""

from __future__ import annotations

import time

import pytest

from ganvas import progress
from ganvas.progress import progress_bar, stages_bar
from tests.builders.commands import STALLED


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output goes to a terminal."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)


def wait_for_output(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What is shown until this text is: a thread draws the bar, whenever the machine lets it."""
    output, since = "", time.monotonic()
    while text not in output:
        assert time.monotonic() - since < STALLED, output
        time.sleep(0.01)
        output += capsys.readouterr().err
    return output


def test_quick_work_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("preparing") as show:
        show(5, 10)
    assert "preparing" not in capsys.readouterr().err


def test_slower_work_shows_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with progress_bar("preparing") as show:
        wait_for_output("preparing", capsys)
        show(1_000, 2_000)
        wait_for_output("1,000/2,000", capsys)


def test_each_stage_has_its_own_name_and_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with stages_bar("preparing") as update:
        for stage, done in (("reading", 2_000), ("decoding", 300)):
            update(stage, done, 2_000)
            assert f"{stage} " in wait_for_output(f"{done:,}/2,000", capsys)


def test_an_unknown_count_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress_bar("preparing"):
        pass
    output = capsys.readouterr().err
    assert "preparing" in output
    assert "?" not in output.replace("\x1b[?25", "")
