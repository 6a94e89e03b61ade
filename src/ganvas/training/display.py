"""What a person sees while training: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import progress as rich_progress
from rich.console import Console

from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.evaluation.score import Score
from ganvas.formatting import format_clock, format_progress, format_short
from ganvas.health.finding import Finding
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.training.engine import Compiled
from ganvas.training.state import TrainState

SECONDS_BETWEEN_LINES = 10.0
"""A log file gets a line at most this often (and always the last)."""

SECONDS_BETWEEN_MOVES = 1.0

LEFT_OUT = ("picture", "losses", "rate", "left", "images")
"""Parts of the live line that go, the first of them first, where the terminal is too narrow."""


class PatientConsole(Console):
    """A console whose reader may go away: training goes on without being watched."""

    def on_broken_pipe(self) -> None:
        """Say no more, instead of ending the process as rich would."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Display:
    """Shows how training goes, in place while `live` is entered. `quiet` shows nothing."""

    def __init__(self, budget: int, images_seen: int, quiet: bool = False) -> None:
        self._console = PatientConsole(quiet=quiet, highlight=False, soft_wrap=True)
        self._budget = budget
        self._start = (time.monotonic(), images_seen)
        self._last_line = self._shown = 0.0
        self._rate = 0.0
        self._losses = self._health = self._picture = ""
        self.live = rich_progress.Progress(
            rich_progress.TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self.live.add_task("", total=None, status="starting")

    def begin(self, state: TrainState, every: int) -> None:
        """Say what goes on until the first step is done, and when losses are known: at the first
        record of the history, one being due `every` images."""
        first = min(self._budget, state.images_seen + every - state.images_seen % every)
        self._losses = f"losses at {format_short(first)} images"
        doing = "compiling" if isinstance(state.engine, Compiled) else "training"
        self.live.update(self._task, status=f"{doing}, {self._losses}")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.live.console.print(text, markup=False)

    def picture(self, path: Path) -> None:
        """Remember the newest grid of samples, to point at."""
        self._picture = f"samples/{path.name}"

    def scores(self, scores: Sequence[Score]) -> None:
        """Print what was measured, beside what real images score."""
        found = [f"{score.metric} {score.value:.4g} (real {score.floor:.4g})" for score in scores]
        self.say("  ·  ".join(found))

    @contextmanager
    def bar(self, what: str) -> Iterator[Progress]:
        """While entered, the live line tells how far this piece of work is."""

        def show(done: int, total: int) -> None:
            self.live.update(self._task, status=f"{what}  {format_progress(done, total)}")

        self.live.update(self._task, status=what)
        yield show

    def findings(self, events: Sequence[Record]) -> None:
        """Print what the rules of health newly found, and what is over."""
        for event in events:
            if event["event"] == "end":
                self.say(f"over: {event['symptom']}")
            else:
                found = Finding.from_table(event)
                self.say(
                    f"{found.verdict}: {found.symptom}. {found.meaning} Try {found.advice[0].flag}"
                )

    def update(self, record: Record, health: str) -> None:
        """Show the newest record of the history, and how training goes in a word or two."""
        seen = int(record["images_seen"])
        discriminator, generator = total(record, "discriminator"), total(record, "generator")
        self._rate = float(record["images_per_second"])
        self._losses = f"D {discriminator:.3g}  G {generator:.3g}"
        self._health = health
        parts = self._show(seen)
        due = self._shown - self._last_line >= SECONDS_BETWEEN_LINES or seen >= self._budget
        if not self._console.is_terminal and due:
            self._last_line = self._shown
            self.say(joined(parts))

    def move(self, images_seen: int) -> None:
        """Count images and the time that is left between two records, as fast as one can read."""
        if time.monotonic() - self._shown >= SECONDS_BETWEEN_MOVES:
            self._show(images_seen)

    def _show(self, images_seen: int) -> dict[str, str]:
        """Put what is known into the live line; returns its parts."""
        self._shown = time.monotonic()
        started, from_images = self._start
        mean_rate = (images_seen - from_images) / max(self._shown - started, 1e-9)
        left = max(0, self._budget - images_seen) / mean_rate if mean_rate > 0 else 0.0
        parts = {
            "share": f"{min(100, 100 * images_seen // self._budget):3d}%",
            "images": f"{format_short(images_seen)}/{format_short(self._budget)} images",
            "rate": f"{self._rate or mean_rate:,.0f}/s",
            "left": f"{format_clock(left)} left",
            "losses": self._losses,
            "health": self._health,
            "picture": self._picture,
        }
        self.live.update(self._task, status=fitting(parts, self._console.width))
        return parts


def introduce(
    display: Display, run: Run, recipe: Recipe, state: TrainState, prepared: PreparedData
) -> None:
    """Say what is going to happen."""
    display.say(prepared.summary())
    if prepared.unusable:
        display.say(f"what was left out, and why: {run.directory / 'data.json'}")
    sizes = [
        sum(weight.numel() for weight in network.parameters()) / 1e6
        for network in (state.generator, state.discriminator)
    ]
    together = f" in {state.processes.size} processes" if state.processes.size > 1 else ""
    display.say(
        f"{recipe.name} for {prepared.shape} on {state.device}{together}  ·  "
        f"generator {sizes[0]:.2f} M, discriminator {sizes[1]:.2f} M weights  ·  "
        f"writing to {run.directory}, pictures to samples in it"
    )


def conclude(display: Display, run: Run) -> None:
    """Say where the results are and what one would do next."""
    pictures = run.sample_paths()
    if not pictures:
        return  # a rank on a machine that does not see the run
    display.say(f"pictures: {pictures[-1]}")
    verbs = ("sample", *(["evaluate"] if run.can_be_scored() else []), "report")
    display.say("next: " + "  ·  ".join(f"ganvas {verb} {run.directory}" for verb in verbs))


def joined(parts: Mapping[str, str]) -> str:
    """The parts of a line side by side."""
    return "  ".join(part for part in parts.values() if part)


def fitting(parts: Mapping[str, str], width: int) -> str:
    """The parts that have room, each whole: how training goes is never cut."""
    kept = dict(parts)
    for name in LEFT_OUT:
        if len(joined(kept)) > width:
            del kept[name]
    return joined(kept)


def total(record: Record, player: str) -> float:
    """One player's whole loss: the sum of its terms."""
    losses = (value for name, value in record.items() if name.startswith(f"{player}/loss/"))
    return float(sum(losses))
