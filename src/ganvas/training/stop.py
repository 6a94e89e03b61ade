"""The signal that a process sends after each step, and stop requests by Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from enum import IntEnum
from types import FrameType, TracebackType

_stop_requested = threading.Event()


class Signal(IntEnum):
    """A process's signal after a step. All processes follow the highest."""

    CONTINUE = 0
    STOP = 1
    """This process has a request to stop."""
    UNHEALTHY = 2
    """Health fails, and the recipe says to stop then."""


def request_stop() -> None:
    """Make training in this process, in any thread, save and stop as after SIGTERM."""
    _stop_requested.set()


def is_stop_requested() -> bool:
    """Whether a stop was requested and not cancelled."""
    return _stop_requested.is_set()


def cancel_stop() -> None:
    """Cancel the request, so that training continues or can start again."""
    _stop_requested.clear()


class StopRequest:
    """While entered, the first signal only sets `signal_name`; a second one acts by default.

    Python allows handlers in the main thread only; in others only `request_stop` works.
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
        return bool(self.signal_name) or is_stop_requested()

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
