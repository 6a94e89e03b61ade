"""A logger beside training, in a thread: a slow one delays nothing, a failing one ends nothing."""

from __future__ import annotations

import threading

from ganvas.command_line import ganvas_command
from ganvas.loggers.follower import following
from ganvas.loggers.secrets import without_secrets
from ganvas.runs import Run
from ganvas.system_errors import reason_of

PATIENCE = 10.0
"""Seconds that the end of training waits for a logger."""

LONGEST_REASON = 200
"""Characters of a library's error in a message."""


class LogThread(threading.Thread):
    """Gives one logger what is new in the files of a run, when it is woken and has paused.

    The files are its queue: while the logger is slow or pauses, points wait there. All calls to the
    logger come from this thread.
    """

    def __init__(self, run: Run, name: str) -> None:
        super().__init__(name=f"log to {name}", daemon=True)
        self.failure: str | None = None
        """One line for the user, after the logger failed."""
        self._run, self._logger = run, name
        self._wake, self._last = threading.Event(), threading.Event()
        self._is_abandoned = False

    def run(self) -> None:
        """Follow the run until `finish`, or until the logger fails."""
        try:
            with following(self._run, self._logger) as follower:
                is_last = False
                while not is_last and not self._is_abandoned:
                    is_last = self._last.is_set()
                    follower.catch_up()
                    if not is_last:
                        self._last.wait(follower.pause)
                        self._wake.wait()
                        self._wake.clear()
        except (Exception, SystemExit) as error:  # a library may raise anything
            self.failure = (
                f"warning: the log to {self._logger} failed: {reason(error)}. Training goes on "
                f"without it. Later: {self._command}"
            )

    def wake(self) -> None:
        """The files have something new."""
        self._wake.set()

    def finish(self) -> str | None:
        """Wait until the logger has everything, but not longer than `PATIENCE`.

        Returns:
            A line for the user, if it has not.
        """
        self._last.set()
        self.wake()
        self.join(PATIENCE)
        if self.is_alive():
            self._is_abandoned = True
            return (
                f"warning: the log to {self._logger} is behind, and is not waited for. "
                f"The rest: {self._command}"
            )
        return self.failure

    @property
    def _command(self) -> str:
        return ganvas_command("log", self._run.directory, "--to", self._logger)


def reason(error: BaseException) -> str:
    """What a library said, in one line that holds no secret."""
    if isinstance(error, OSError) and error.strerror:
        return reason_of(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = without_secrets(lines[0] if lines else type(error).__name__).rstrip(".")
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."
