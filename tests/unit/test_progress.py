"""The progress of work other than training: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time

import pytest

from ganvas import progress
from ganvas.progress import TerminalFeedback, progress_bar, stages_bar
from tests.builders.commands import STALLED


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output goes to a terminal."""
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Output goes to no terminal; the seconds that the clock shows, alone in a list."""
    monkeypatch.setenv("TTY_COMPATIBLE", "0")
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    return clock


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


def test_without_a_terminal_there_is_a_line_now_and_then(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    feedback = TerminalFeedback()
    with feedback.progress("sampling") as show:
        for done in range(0, 2_000, 100):
            clock[0] += 1
            show(done, 2_000)
    with feedback.progress("scores"):  # no line is due yet
        clock[0] += 10
    with feedback.progress("more scores"):
        pass
    TerminalFeedback(quiet=True).message("nothing")
    assert capsys.readouterr().err.splitlines() == [
        "sampling: 900/2,000, 0:12 left",
        "sampling: 1,900/2,000, 0:01 left",
        "more scores",
    ]


def test_a_closed_stream_never_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

        flush = write

    monkeypatch.setattr(progress.sys, "stderr", Gone())
    TerminalFeedback().message("a line that nobody reads")


def test_a_stage_that_has_just_begun_names_no_time_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with stages_bar("preparing") as update:
        clock[0] += 20
        update("decoding", 16, 70_000)  # the first of its stage, and a line is due
        clock[0] += 20
        update("decoding", 35_000, 70_000)
    assert capsys.readouterr().err.splitlines() == [
        "decoding: 16/70,000",
        "decoding: 35,000/70,000, 0:20 left",
    ]
