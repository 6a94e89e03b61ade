"""Changes of settings that all threads of the process share, undone when the last thread is done.

A context manager that sets and restores such a setting is right in one thread alone. Of two that
overlap, the second one takes the first one's setting for the original, and brings it back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager


class SharedChange:
    """A change that the first thread to enter makes, and the last one to leave undoes.

    Args:
        change: makes a context manager that sets and restores.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[object]]) -> None:
        self._change = change
        self._lock = threading.Lock()
        self._undo = ExitStack()
        self._inside = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Enter the change for the time of a `with` block."""
        with self._lock:
            if self._inside == 0:
                self._undo.enter_context(self._change())
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._undo.close()
