"""A progress bar for work other than training. Shown on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ganvas.formatting import format_progress

PATIENCE = 0.5
"""Seconds before a bar is shown: for work that is quicker it would only flicker."""


class PatientBar(Progress):
    """A bar that stays hidden for the first `PATIENCE` seconds."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar; nothing during the first seconds."""
        if any((task.elapsed or 0) >= PATIENCE for task in self.tasks):
            yield from super().get_renderables()


@contextmanager
def progress_bar(what: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while entered. Yields a function to call with (done, total)."""
    with stages_bar(what, quiet) as update:
        yield partial(update, what)


@contextmanager
def stages_bar(what: str, quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A `progress_bar` for work in stages. Yields a function to call with (stage, done, total)."""
    console = Console(stderr=True, quiet=quiet)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
    )
    hidden = quiet or not console.is_terminal
    with PatientBar(*columns, console=console, transient=True, disable=hidden) as progress:
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

    def progress(self, task: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """A `progress_bar` of a task."""
        return progress_bar(task, self.quiet)

    def message(self, text: str) -> None:
        """Print one line."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)
