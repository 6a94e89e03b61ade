"""The display of training: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt
from rich import progress as rich_progress
from rich.console import Console

from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.evaluation.score import Score
from ganvas.formatting import format_clock, format_image_size, format_progress, format_short
from ganvas.health.assessment import longer_budget
from ganvas.health.finding import describe_event
from ganvas.networks import POINT
from ganvas.notebook import NotebookLine, in_notebook
from ganvas.progress import Progress
from ganvas.recipes import Recipe
from ganvas.recipes.first_shapes import enough_for_shapes
from ganvas.runs import Run
from ganvas.runs.file_names import DATA_JSON
from ganvas.runs.history import Record
from ganvas.terminal import printable
from ganvas.training.engine import Compiled
from ganvas.training.listeners import Listener
from ganvas.training.state import TrainState

SECONDS_BETWEEN_LINES = 10.0
"""Shortest time between two lines of a log file; the last line is always written."""

SECONDS_BETWEEN_UPDATES = 1.0

DROP_ORDER = ("picture", "losses", "rate", "left", "images")
"""Parts of the live line that are dropped on a narrow terminal, in this order."""


class Display(Listener):
    """Shows the progress of training, in a live line while `active`. `quiet` prints nothing."""

    def __init__(self, run: Run, recipe: Recipe, images_seen: int, quiet: bool = False) -> None:
        self._console = Console(
            quiet=quiet,
            highlight=False,
            soft_wrap=True,
            # A notebook is no terminal, whatever its kernel's FORCE_COLOR says, and plain text
            # in it needs less room than rich's boxes.
            force_terminal=False if in_notebook() else None,
            force_jupyter=False,
        )
        self._line = NotebookLine() if in_notebook() and not quiet else None
        self._run = run
        self._recipe = recipe
        self.budget = recipe.images
        """Images of the whole training."""
        self._things = "points" if recipe.data.size == POINT else "images"
        self._first_record = recipe.intervals.history
        self._start = (time.monotonic(), images_seen)
        self._last_line = self._last_update = 0.0
        self._rate = 0.0
        self._losses = self._health = self._picture = ""
        self._last_fallback: str | None = None
        self._live = rich_progress.Progress(
            rich_progress.TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._live.add_task("", total=None, status="starting")

    @contextmanager
    def active(self) -> Iterator[None]:
        with self._live:
            yield

    def start(self, state: TrainState) -> None:
        every = self._first_record
        first = min(self.budget, state.images_seen + every - state.images_seen % every)
        self._losses = f"losses at {format_short(first)} {self._things}"
        activity = "compiling" if isinstance(state.engine, Compiled) else "training"
        self._set_status(f"{activity}, {self._losses}")

    def step(self, state: TrainState) -> None:
        """Update images and remaining time between two records, about once a second."""
        if time.monotonic() - self._last_update >= SECONDS_BETWEEN_UPDATES:
            self._update(state.images_seen)
        if state.engine.fallback not in (None, self._last_fallback):
            self._last_fallback = state.engine.fallback
            self.message(f"{self._last_fallback}. Training goes on without")

    def record(self, record: Record, events: Sequence[Record], health: str) -> None:
        """Print findings that began or ended, and show the newest losses and the health status."""
        for event in events:
            self.message(describe_event(event))
        seen = int(record["images_seen"])
        discriminator, generator = (
            total_loss(record, "discriminator"),
            total_loss(record, "generator"),
        )
        self._rate = float(record["images_per_second"])
        self._losses = f"D {discriminator:.3g}  G {generator:.3g}"
        self._health = health
        parts = self._update(seen)
        due = self._last_update - self._last_line >= SECONDS_BETWEEN_LINES or seen >= self.budget
        if not self._console.is_terminal and self._line is None and due:
            self._last_line = self._last_update
            self.message(join_parts(parts))

    def samples(self, images_seen: int, samples: npt.NDArray[Any]) -> None:
        self._picture = f"samples/{self._run.sample_path(images_seen).name}"

    def scores(self, images_seen: int, scores: Sequence[Score]) -> None:
        """Print the scores, each with the score of real images."""
        texts = [f"{score.metric} {score.value:.4g} (real {score.floor:.4g})" for score in scores]
        self.message("  ·  ".join(texts))

    def message(self, text: str) -> None:
        self._live.console.print(printable(text), markup=False)

    @contextmanager
    def progress(self, task: str) -> Iterator[Progress]:
        """While entered, the live line shows the progress of this task."""

        def advance(done: int, total: int) -> None:
            self._set_status(f"{task}  {format_progress(done, total)}")

        self._set_status(task)
        yield advance

    def end(self) -> None:
        """Print where the results are and which commands come next."""
        log_end(self, self._run, self._health)

    def _update(self, images_seen: int) -> dict[str, str]:
        """Update the live line and return its parts."""
        self._last_update = time.monotonic()
        started, from_images = self._start
        mean_rate = (images_seen - from_images) / max(self._last_update - started, 1e-9)
        left = max(0, self.budget - images_seen) / mean_rate if mean_rate > 0 else 0.0
        parts = {
            "percent": f"{min(100, 100 * images_seen // self.budget):3d}%",
            "images": f"{format_short(images_seen)}/{format_short(self.budget)} {self._things}"
            f"{self._size_at(images_seen)}",
            "rate": f"{self._rate or mean_rate:,.0f}/s",
            "left": f"{format_clock(left)} left",
            "losses": self._losses,
            "health": self._health,
            "picture": self._picture,
        }
        self._set_status(fit_parts(parts, self._console.width), at_once=images_seen >= self.budget)
        return parts

    def _size_at(self, images_seen: int) -> str:
        """` at 16x16`: the size at which a run that grows trains; empty of others."""
        if self._recipe.grow is None:
            return ""
        return f" at {format_image_size(self._recipe.size_at(images_seen))}"

    def _set_status(self, text: str, *, at_once: bool = False) -> None:
        """Replace the live line."""
        self._live.update(self._task, status=text)
        if self._line is not None:
            self._line.update(text, at_once=at_once)


def log_start(
    listeners: Listener, run: Run, recipe: Recipe, state: TrainState, prepared: PreparedData
) -> None:
    """Print what will be trained, on what and where."""
    listeners.message(prepared.summary())
    if prepared.unusable:
        listeners.message(f"files that were left out, and why: {run.directory / DATA_JSON}")
    sizes = [
        sum(weight.numel() for weight in network.parameters()) / 1e6
        for network in (state.generator, state.discriminator)
    ]
    in_processes = f" in {state.processes.size} processes" if state.processes.size > 1 else ""
    listeners.message(
        f"{recipe.name} for {prepared.shape} on {state.device}{in_processes}  ·  "
        f"generator {sizes[0]:.2f} M, discriminator {sizes[1]:.2f} M weights  ·  "
        f"writing to {run.directory}, sample grids to {run.directory / 'samples'}"
    )
    if recipe.grow is not None:
        listeners.message(f"growing: {recipe.grow.in_words()}; these weights are of the first size")


def log_end(listeners: Listener, run: Run, health: str) -> None:
    """Print where the results are and which commands come next: first what health advises.

    Args:
        health: its status, as at the last probes.
    """
    pictures = run.sample_paths()
    listeners.message(f"pictures: {pictures[-1]}")
    needs_a_change = health.startswith(("watch", "failing"))
    verbs = {
        "diagnose": needs_a_change,
        "sample": True,
        "evaluate": run.can_be_scored(),
        "report": True,
    }
    commands = [next_command(verb, run) for verb, fits in verbs.items() if fits]
    commands += [longer_command(run)] if not needs_a_change and is_too_short(run, health) else []
    listeners.message(f"next: {'  ·  '.join(commands)}")


def is_too_short(run: Run, health: str) -> bool:
    """Whether a run ended before its health could be judged, or shapes could be seen."""
    enough = enough_for_shapes(run.read_recipe(), run.read_data()["shape"]["channels"])
    return health == "too early to tell" or enough is not None


def longer_command(run: Run) -> str:
    """As `next_command`: what trains a run longer that was too short."""
    images = longer_budget(run.read_recipe(), run.read_data()["shape"]["channels"])
    if not in_notebook():
        return ganvas_command("resume", run.directory, "--images", images)
    return f"ganvas.resume({str(run.directory)!r}, images={images})"


def next_command(verb: str, run: Run) -> str:
    """A command about a run, or in a notebook a line of Python."""
    if not in_notebook():
        return ganvas_command(verb, run.directory)
    directory = repr(str(run.directory))
    return f"ganvas.load({directory})" if verb == "sample" else f"ganvas.{verb}({directory})"


def join_parts(parts: Mapping[str, str]) -> str:
    """The parts of a line side by side."""
    return "  ".join(part for part in parts.values() if part)


def fit_parts(parts: Mapping[str, str], width: int) -> str:
    """The parts that fit into the width as one line, each whole; health always stays."""
    kept = dict(parts)
    for name in DROP_ORDER:
        if len(join_parts(kept)) > width:
            del kept[name]
    return join_parts(kept)


def total_loss(record: Record, player: str) -> float:
    """One player's whole loss: the sum of its terms."""
    losses = (value for name, value in record.items() if name.startswith(f"{player}/loss/"))
    return float(sum(losses))
