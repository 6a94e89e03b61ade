"""Listeners: what the loop tells to the terminal, the run's files, and the loggers.

Only the first process has listeners. To add one, derive from `Listener` and override the events it
needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy.typing as npt

from ganvas.evaluation.score import Score
from ganvas.progress import Progress, no_progress
from ganvas.runs.history import Record
from ganvas.training.state import TrainState
from ganvas.training.stop import Signal


class Listener:
    """Receives the events of training. Every method does nothing unless it is overridden."""

    @property
    def signal(self) -> Signal:
        """The signal that it sends after a step."""
        return Signal.CONTINUE

    @contextmanager
    def active(self) -> Iterator[None]:
        """Entered while the loop runs."""
        yield

    def start(self, state: TrainState) -> None:
        """The loop starts."""

    def step(self, state: TrainState) -> None:
        """A step is done. Called often, so it must return at once."""

    def record(self, record: Record, events: Sequence[Record], health: str) -> None:
        """A record of the history is complete.

        Args:
            record: losses, rates and probes by name, as in history.jsonl.
            events: findings that began, got worse or ended, as in findings.jsonl.
            health: the health status in a few words.
        """

    def samples(self, images_seen: int, samples: npt.NDArray[Any]) -> None:
        """The EMA generator's images, from the same latents every time.

        Args:
            samples: uint8 (N, H, W, C), or points float32 (N, 2).
        """

    def scores(self, images_seen: int, scores: Sequence[Score]) -> None:
        """The EMA generator was scored."""

    def checkpoint(self, state: TrainState, last: bool) -> None:
        """The state is to be saved; `last` at the end of the budget."""

    def interrupted(self, state: TrainState, signal_name: str) -> None:
        """Training stops on request, after a checkpoint."""

    def message(self, text: str) -> None:
        """One line for the user."""

    @contextmanager
    def progress(self, task: str) -> Iterator[Progress]:
        """Entered during a longer piece of work; yields a function that takes (done, total)."""
        yield no_progress

    def end(self) -> None:
        """Training is complete."""


class Listeners(Listener):
    """Several listeners as one, called in order; none on processes other than the first."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    @property
    def signal(self) -> Signal:
        return max((listener.signal for listener in self._listeners), default=Signal.CONTINUE)

    @contextmanager
    def active(self) -> Iterator[None]:
        with ExitStack() as stack:
            for listener in self._listeners:
                stack.enter_context(listener.active())
            yield

    def start(self, state: TrainState) -> None:
        for listener in self._listeners:
            listener.start(state)

    def step(self, state: TrainState) -> None:
        for listener in self._listeners:
            listener.step(state)

    def record(self, record: Record, events: Sequence[Record], health: str) -> None:
        for listener in self._listeners:
            listener.record(record, events, health)

    def samples(self, images_seen: int, samples: npt.NDArray[Any]) -> None:
        for listener in self._listeners:
            listener.samples(images_seen, samples)

    def scores(self, images_seen: int, scores: Sequence[Score]) -> None:
        for listener in self._listeners:
            listener.scores(images_seen, scores)

    def checkpoint(self, state: TrainState, last: bool) -> None:
        for listener in self._listeners:
            listener.checkpoint(state, last)

    def interrupted(self, state: TrainState, signal_name: str) -> None:
        for listener in self._listeners:
            listener.interrupted(state, signal_name)

    def message(self, text: str) -> None:
        for listener in self._listeners:
            listener.message(text)

    @contextmanager
    def progress(self, task: str) -> Iterator[Progress]:
        with ExitStack() as stack:
            advances = [
                stack.enter_context(listener.progress(task)) for listener in self._listeners
            ]

            def advance(done: int, total: int) -> None:
                for function in advances:
                    function(done, total)

            yield advance

    def end(self) -> None:
        for listener in self._listeners:
            listener.end()
