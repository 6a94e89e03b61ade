"""A logger beside training: it may fail at any time, or be slow, and training goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ganvas.loggers import thread as thread_module
from ganvas.loggers.names import LoggerKind
from ganvas.loggers.thread import LogThread, reason
from ganvas.runs import Run
from ganvas.training.listeners import Listener
from ganvas.training.logs import Logs

from ...builders.loggers import Recorder, train_to

pytestmark = pytest.mark.usefixtures("recorder")


class Said(Listener):
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*arguments: object) -> None:
        raise error

    return fail


def train(run: Run, *steps: int) -> list[str]:
    """Train a run whose log goes to the recorder; what was said."""
    display = Said()
    logs = Logs(run, ["wandb"], display)
    with logs.active():
        for seen in steps:
            train_to(run, seen)
            logs.record({}, [], "")
    return display.lines


def test_everything_is_logged_when_training_ends(run: Run) -> None:
    assert train(run, 64, 128, 192) == []
    pictures = [seen for _, (kind, seen, _) in Recorder.given if kind == "picture"]
    assert pictures == [64, 128, 192]
    assert Recorder.closed == 1


@pytest.mark.parametrize("when", ["__init__", "scalars", "picture", "flush", "close"])
@pytest.mark.parametrize("error", [RuntimeError("gone"), SystemExit("gone"), OSError("gone")])
def test_logger_that_fails_is_said_once_and_training_goes_on(
    run: Run, when: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recorder, when, failing(error))
    (line,) = train(run, 64, 128)
    assert line == (
        "warning: the log to wandb failed: gone. Training goes on without it. Later: "
        f"ganvas log {run.directory} --to wandb"
    )
    assert [record["images_seen"] for record in run.history.records()] == [64, 128]


def test_failure_is_said_while_training_and_the_other_logger_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Recorder):
        picture = failing(RuntimeError("gone"))

    kinds = {"wandb": Failing, "mlflow": Recorder}
    monkeypatch.setattr(LoggerKind, "load", lambda kind: kinds[kind.name])
    display = Said()
    logs = Logs(run, ["wandb", "mlflow"], display)
    with logs.active():
        train_to(run, 64)
        logs.record({}, [], "")
        first, _ = logs._threads
        first.join()
        logs.record({}, [], "")
        assert len(display.lines) == 1
        train_to(run, 128)
        logs.record({}, [], "")
    assert len(display.lines) == 1
    assert [seen for _, (kind, seen, _) in Recorder.given if kind == "picture"] == [64, 128]


def test_slow_logger_delays_no_step_and_is_not_waited_for_longer_than_patience(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(Recorder, "picture", lambda *arguments: released.wait())
    monkeypatch.setattr(thread_module, "PATIENCE", 0.01)
    (line,) = train(run, 64, 128)  # returns while the first picture is still on its way
    assert line == (
        "warning: the log to wandb is behind, and is not waited for. The rest: "
        f"ganvas log {run.directory} --to wandb"
    )
    released.set()
    wait_for_all_logs()


def test_logger_that_pauses_gets_what_was_meanwhile_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes: list[int] = []
    flushed = threading.Event()

    def flush(logger: Recorder) -> None:
        flushes.append(len(Recorder.given))
        flushed.set()

    monkeypatch.setattr(Recorder, "pause", 3_600.0)  # the end of training waits for no pause
    monkeypatch.setattr(Recorder, "flush", flush)
    logs = Logs(run, ["wandb"], Said())
    train_to(run, 64)
    with logs.active():
        flushed.wait()
        for seen in (128, 192):
            train_to(run, seen)
            logs.record({}, [], "")
    of_one_record = len(Recorder.given) // 3
    assert flushes == [of_one_record, 3 * of_one_record]


def wait_for_all_logs() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, LogThread):
            thread.join()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("\n  first.\nsecond"), "first"),
        (ValueError(), "ValueError"),
        (OSError(28, "No space left on device", "/a/private/path"), "no space left on device"),
        (ValueError("at http://me:mine@host/"), "at http://***@host/"),
        (ValueError("x" * 300), "x" * 200 + "..."),
    ],
)
def test_reason_is_one_line_without_secrets_and_paths(error: Exception, expected: str) -> None:
    assert reason(error) == expected
