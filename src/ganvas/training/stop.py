"""The signal that a process sends after each step, and requests to stop."""

from __future__ import annotations

import signal
import threading
from enum import IntEnum
from types import FrameType, TracebackType

STOP_SIGNALS = tuple(n for n in signal.Signals if n.name in ("SIGINT", "SIGTERM", "SIGHUP"))
"""Ctrl-C, the end of a job or of the machine, the end of a terminal (which Windows does not have).

One that is ignored when we start stays ignored: nohup and shells rely on it.
"""

_stop_requested = threading.Event()


class Signal(IntEnum):
    """A process's signal after a step. All processes follow the highest."""

    CONTINUE = 0
    REPLAN = 1
    """The budget is to be corrected, from a checkpoint on."""
    STOP = 2
    """This process has a request to stop."""
    UNHEALTHY = 3
    """Health fails, and the recipe says to stop then."""


def stop_signals() -> list[signal.Signals]:
    """Those of `STOP_SIGNALS` that this process does not ignore.

    None outside the main thread, the only one in which Python sets handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]


def interrupt(number: int, frame: FrameType | None) -> None:
    """A handler that raises KeyboardInterrupt.

    A second SIGHUP is ignored: when a terminal ends, the system sends one, and the shell another.
    """
    if signal.Signals(number).name == "SIGHUP":
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


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

    SIGHUP is not counted: nobody impatient sends it, and when a session or the machine ends, one
    comes with SIGTERM, before or after it. In other threads than the main one only `request_stop`
    works.
    """

    def __init__(self) -> None:
        self.signal_name = ""
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> StopRequest:
        for number in stop_signals():
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore(*self._previous)

    def __bool__(self) -> bool:
        return bool(self.signal_name) or is_stop_requested()

    @property
    def signal(self) -> Signal:
        """What this process signals after a step."""
        return Signal.STOP if self else Signal.CONTINUE

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        self.signal_name = self.signal_name or name
        if name != "SIGHUP":
            self._restore(signal.SIGINT, signal.SIGTERM)

    def _restore(self, *numbers: int) -> None:
        for number in numbers:
            if number in self._previous:
                signal.signal(number, self._previous.pop(number))
