"""What a process signals after a step, and Ctrl-C or SIGTERM as a request to stop."""

from __future__ import annotations

import signal
import threading
from enum import IntEnum
from types import FrameType, TracebackType

_ASKED = threading.Event()


class Signal(IntEnum):
    """What a process has to say after a step; the highest of all processes counts for all."""

    CONTINUE = 0
    STOP = 1
    """This process was asked to stop."""
    UNHEALTHY = 2
    """Training fails, and the recipe says to end it."""


def ask_to_stop() -> None:
    """Have training in this process, in whatever thread, save and stop as at a signal."""
    _ASKED.set()


def asked_to_stop() -> bool:
    """Whether it was asked, and not taken back."""
    return _ASKED.is_set()


def take_back() -> None:
    """Let training go on, or begin, again."""
    _ASKED.clear()


class StopRequest:
    """While entered, the first signal only sets `signal_name`; a second one acts as usual.

    Python allows handlers in the main thread only; in others only `ask_to_stop` is heard.
    """

    def __init__(self) -> None:
        self.signal_name = ""
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def __bool__(self) -> bool:
        return bool(self.signal_name) or asked_to_stop()

    @property
    def signal(self) -> Signal:
        """What this process signals after a step."""
        return Signal.STOP if self else Signal.CONTINUE

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.signal_name = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        while self._previous:
            number, handler = self._previous.popitem()
            signal.signal(number, handler)
