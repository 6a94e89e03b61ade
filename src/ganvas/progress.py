"""The progress of work other than training: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console, RenderableType
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from ganvas.formatting import format_clock, format_progress
from ganvas.notebook import NotebookLine, in_notebook

Progress = Callable[[int, int], None]
"""Called now and then with how many items are done, and of how many."""
StageProgress = Callable[[str, int, int], None]
"""The same of work in stages, with the name of the stage before."""

PATIENCE = 0.5
"""Seconds before a bar is shown: for work that is quicker it would only flicker."""


SECONDS_BETWEEN_LINES = 10.0
"""Shortest time between two lines where no bar can be shown."""


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


class PatientBar(RichProgress):
    """A bar that stays hidden for the first `PATIENCE` seconds."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar; nothing during the first seconds."""
        if any((task.elapsed or 0) >= PATIENCE for task in self.tasks):
            yield from super().get_renderables()


class PlainLines:
    """Progress as lines on stderr, at most one in `SECONDS_BETWEEN_LINES`, from its creation on."""

    def __init__(self) -> None:
        self._last_line = self._stage_start = time.monotonic()
        self._stage = ""

    def update(self, stage: str, done: int, total: int) -> None:
        """Print how far a stage is, if a line is due. A total of 0 is not known."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._stage_start = stage, now
        if now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        text = stage
        if total:
            text += f": {format_progress(done, total)}"
        elapsed = now - self._stage_start
        if done and total and elapsed >= PATIENCE:  # a stage that has just begun has no speed yet
            text += f", {format_clock(elapsed / done * (total - done))} left"
        print_line(text)


def print_line(text: str) -> None:
    """Print a line on stderr. Where nobody can read it, the work goes on all the same."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


@contextmanager
def progress_bar(
    what: str, quiet: bool = False, lines: PlainLines | None = None
) -> Iterator[Progress]:
    """Show the progress while entered. Yields a function to call with (done, total).

    Args:
        lines: the lines of the whole command, where it has several bars.
    """
    with stages_bar(what, quiet, lines) as update:
        yield partial(update, what)


@contextmanager
def stages_bar(
    what: str, quiet: bool = False, lines: PlainLines | None = None
) -> Iterator[StageProgress]:
    """A `progress_bar` for work in stages. Yields a function to call with (stage, done, total)."""
    console = Console(stderr=True, quiet=quiet)
    if not quiet and in_notebook():
        line = NotebookLine()
        yield lambda stage, done, total: line.update(
            f"{stage}  {format_progress(done, total)}", at_once=done == total
        )
        return
    if not quiet and not console.is_terminal:
        lines = lines or PlainLines()
        lines.update(what, 0, 0)
        yield lines.update
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
    )
    with PatientBar(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task(what, total=None, count="")

        def update(stage: str, done: int, total: int) -> None:
            if stage != progress.tasks[0].description:
                progress.reset(task, description=stage)  # restarts the clock of the remaining time
            progress.update(task, completed=done, total=total, count=format_progress(done, total))

        yield update


@dataclass(frozen=True)
class TerminalFeedback:
    """Shows the progress and the messages of a command on stderr. `quiet` shows nothing."""

    quiet: bool = False
    lines: PlainLines = field(default_factory=PlainLines)

    def progress(self, task: str) -> AbstractContextManager[Progress]:
        """A `progress_bar` of a task."""
        return progress_bar(task, self.quiet, self.lines)

    def message(self, text: str) -> None:
        """Print one line."""
        if not self.quiet:
            print_line(text)

    def expect(self, text: str) -> None:
        """Print how long the work will take."""
        self.message(text)
