"""Measures the rate of training, without the time of evaluations and other pauses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ganvas.devices import peak_memory_mb
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.runs.time_limit import read_time_limit
from ganvas.training.state import TrainState


class Timer:
    """Makes history records from the means since the last record and the rate of training.

    `data_wait` is the fraction of time in which training waited for its next batch of images.

    Args:
        before: seconds of training before, of a run that continues.
    """

    def __init__(self, state: TrainState, before: float) -> None:
        self._last = time.monotonic()
        self._started = self._last - before
        self._images = state.images_seen
        self._waited = state.stream.waited

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time inside out of the rate."""
        began = time.monotonic()
        yield
        self._last += time.monotonic() - began

    def record(self, state: TrainState) -> Record:
        """The next record of the history."""
        now = time.monotonic()
        elapsed = max(now - self._last, 1e-9)
        rate = (state.images_seen - self._images) / elapsed
        wait = (state.stream.waited - self._waited) / elapsed
        self._last, self._images, self._waited = now, state.images_seen, state.stream.waited
        return {
            "images_seen": state.images_seen,
            **state.metrics.compute(),
            "seconds": round(now - self._started, 3),
            "images_per_second": round(rate, 1),
            "data_wait": round(wait, 5),
            "memory_mb": round(peak_memory_mb(state.device), 1),
        }


def seconds_trained(run: Run) -> float:
    """Seconds that a run has trained so far: until its last record, or more exactly."""
    limit, recorded = read_time_limit(run.directory), run.history.column("seconds")
    return max(0.0 if limit is None else limit.spent, recorded[-1] if recorded else 0.0)
