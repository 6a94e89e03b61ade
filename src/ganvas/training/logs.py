"""The listener that wakes loggers when the run's files have something new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt

from ganvas.evaluation.score import Score
from ganvas.loggers.names import LOGGERS
from ganvas.loggers.thread import LogThread
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.training.listeners import Listener


class Logs(Listener):
    """Loggers of a run while it trains. A logger that fails is named once, and left out.

    Comes after `RunFiles`, whose files the loggers read.

    Args:
        names: of `loggers.names.LOGGERS`.
        display: says what failed.
    """

    def __init__(self, run: Run, names: Sequence[str], display: Listener) -> None:
        self._threads = [LogThread(run, name) for name in names]
        self._display = display

    @contextmanager
    def active(self) -> Iterator[None]:
        """The loggers' threads run, and have everything at the end."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            for thread in self._threads:
                line = thread.finish()
                if line is not None:
                    self._display.message(line)

    def record(self, record: Record, events: Sequence[Record], health: str) -> None:
        self._wake()

    def samples(self, images_seen: int, samples: npt.NDArray[Any]) -> None:
        self._wake()

    def scores(self, images_seen: int, scores: Sequence[Score]) -> None:
        self._wake()

    def _wake(self) -> None:
        for thread in list(self._threads):
            if thread.failure is not None:
                self._display.message(thread.failure)
                self._threads.remove(thread)
            else:
                thread.wake()


def view_lines(run: Run, names: Sequence[str]) -> list[str]:
    """Where each log can be seen."""
    return [
        f"logging to {name}; see it with: {LOGGERS[name].view_command(run.directory)}"
        for name in names
    ]
