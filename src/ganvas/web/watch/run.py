"""What is known of one run without reading its whole history."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ganvas.command_line import ganvas_command
from ganvas.errors import GanvasError
from ganvas.formatting import format_image_size
from ganvas.health.assessment import health_status
from ganvas.health.evidence import Evidence, finite_number
from ganvas.health.finding import HealthStatus
from ganvas.recipes import Recipe
from ganvas.runs.file_names import (
    DATA_JSON,
    ENVIRONMENT_JSON,
    RECIPE_JSON,
    SAMPLES,
    STATUS_JSON,
    TUNING_JSON,
)
from ganvas.runs.history import TAIL, Record
from ganvas.runs.run import Run
from ganvas.runs.status import State
from ganvas.runs.tables import DataTable, EnvironmentTable
from ganvas.runs.tuning import Tuning, read_tuning
from ganvas.web.watch.inside import Inside, Signature, signature
from ganvas.web.watch.records import Findings, Scores, record_of
from ganvas.web.watch.tail import Tail, last_lines

PROBED_RECORDS = 4
"""The newest records with probes, by which it is known whether enough rules were checked."""

FRESH_SECONDS = 300.0
"""A history that grew so lately, while nobody here writes it, is being copied from elsewhere."""

MOST_GRIDS = 400
"""Of a run's grids so many are offered, evenly spread."""

LONGEST_PROBLEM = 300
"""Letters."""

DESCRIPTIONS = (ENVIRONMENT_JSON, DATA_JSON, RECIPE_JSON)

WatchedState = State | Literal["running elsewhere"]
RUNNING = ("running", "running elsewhere")


@dataclass(frozen=True)
class Facts:
    """What the files say that seldom change."""

    recipe: Recipe
    data: DataTable
    environment: EnvironmentTable
    tuning: Tuning | None


class WatchedRun:
    """A run that is looked at again and again.

    Attributes:
        id: stays as long as the run stays in its place.
        row: what the list shows of it, as JSON.
        changed: when the row changed last, in the watcher's count of polls.
    """

    def __init__(self, inside: Inside, directory: Path) -> None:
        self.id = id_of(inside, directory)
        self.name = inside.name(directory)
        self.directory = directory
        self.inside = inside
        self.files = Run(directory)
        self.row: dict[str, Any] = {}
        self.changed = 0
        self.findings = Findings(Tail(inside, self.files.findings.path))
        self.scores = Scores(Tail(inside, self.files.scores.path))
        self.facts: Facts | None = None
        self._described: tuple[Signature | None, ...] = ()
        self._problem = ""
        self._history: Signature | None = None
        self._last: Record = {}
        self._probed: list[bytes] = []
        self._unprobed_health: tuple[list[bytes], HealthStatus] | None = None
        self._grew = float("-inf")
        self._was_locked = False

    def poll(self, now: int) -> None:
        """Look at the files that have changed.

        Args:
            now: the watcher's count of polls.
        """
        try:
            row = self._look()
        except (GanvasError, OSError) as error:  # an OSError: it went away meanwhile
            row = {"problem": one_line(self.inside, error)}
        row = {"id": self.id, "name": self.name, **row}
        if row != self.row:
            self.row, self.changed = row, now

    def _look(self) -> dict[str, Any]:
        facts = self._read_facts()
        self.findings.poll()
        self.scores.poll()
        self._read_end_of_history()
        self.inside.check_whole(self.directory / STATUS_JSON)
        saved, state = self.files.read_status(), self._state()
        seen = max(self._last.get("images_seen", 0), saved.images_seen)
        rate = finite_number(self._last.get("images_per_second"))
        runs = state in RUNNING
        left = (facts.recipe.images - seen) / rate if runs and rate else None
        health = self._health(facts, state)
        return {
            "state": state,
            "reason": saved.reason,
            "recipe": facts.recipe.name,
            "data": facts.data["name"],
            "seen": seen,
            "budget": facts.recipe.images,
            "rate": rate,
            "left": left,
            "score": self.scores.table(),
            "health": health,
            "symptom": self.findings.symptom,
            "updated": self._history[0] // 10**9 if self._history else None,
        }

    def _read_facts(self) -> Facts:
        """The run's descriptions, read again when one of them has changed.

        Raises:
            RunError: one is missing or damaged, or of another version.
        """
        paths = [self.directory / name for name in DESCRIPTIONS]
        tuning = self.directory / TUNING_JSON
        described = tuple(map(signature, [*paths, tuning]))
        if described != self._described or self.facts is None:
            self.facts, self._described = None, described
            for path in [*paths, *filter(Path.exists, [tuning])]:
                self.inside.check_whole(path)
            run = Run.open(self.directory)
            self.facts = Facts(
                run.read_recipe(),
                run.read_data(),
                run.read_environment(),
                read_tuning(self.directory),
            )
        return self.facts

    def _read_end_of_history(self) -> None:
        path = self.files.history.path
        now = signature(path)
        if now == self._history:
            return
        if self._history is not None:
            self._grew = time.monotonic()
        self._history = now
        lines = last_lines(self.inside, path, TAIL)
        self._last = next(filter(None, map(record_of, reversed(lines))), {})
        probed = [line for line in lines if b'"probe/' in line]
        self._probed = probed[-PROBED_RECORDS:] or self._probed

    def _state(self) -> WatchedState:
        """The run's state here; of one that is copied while it runs elsewhere: that."""
        lock = self.directory / ".lock"
        if lock.exists():
            self.inside.check(lock)
        state = self.files.state()
        self._was_locked |= state == "running"
        is_fresh = time.monotonic() - self._grew < FRESH_SECONDS
        if state == "stopped without saving" and is_fresh and not self._was_locked:
            return "running elsewhere"
        return state

    def _health(self, facts: Facts, state: WatchedState) -> HealthStatus:
        """As the run itself has recorded it; without findings, whether enough was checked."""
        verdict = self.findings.verdict
        if verdict is not None:
            return verdict
        if state in ("diverged", "unhealthy"):
            return "failing"
        known = self._unprobed_health
        if known is None or known[0] != self._probed:
            records = filter(None, map(record_of, self._probed))
            evidence = Evidence(tuple(records), facts.recipe)
            known = self._unprobed_health = self._probed, health_status(evidence, ())
        return known[1]

    def details(self) -> dict[str, Any]:
        """What the run's own page shows besides its row and its curves."""
        path = self.directory
        table: dict[str, Any] = {
            "findings": self.findings.tables(),
            "events": self.findings.lines(),
            "floors": self.scores.floors,
            "grids": self.grids(),
            "report": (path / "report.html").is_file(),
            "commands": [ganvas_command("report", path), ganvas_command("diagnose", path)],
        }
        if self.facts is None:
            return table
        environment, data, recipe = self.facts.environment, self.facts.data, self.facts.recipe
        growing = []
        if recipe.grow is not None:
            size = format_image_size(recipe.size_at(self.row.get("seen", 0)))
            growing = [["size", size, f"grows: {recipe.grow.in_words()}"]]
        networks = dict.fromkeys((recipe.generator.network.name, recipe.discriminator.network.name))
        return table | {
            "facts": [
                ["recipe", recipe.name, f"{' against '.join(networks)}, {recipe.objective.loss}"],
                [
                    "data",
                    data["name"],
                    f"{data['images'] - data['held_out']:,} to train on, "
                    f"{data['held_out']:,} held out",
                ],
                *growing,
                ["device", environment["device"], environment["device_name"]],
                ["seed", str(environment["seed"]), f"ganvas {environment['ganvas']}"],
                *tuning_facts(self.facts.tuning),
            ]
        }

    def grids(self) -> list[int]:
        """Images seen at the grids of samples, oldest first; of many, some."""
        try:
            with os.scandir(self.directory / SAMPLES) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            return []
        seen = sorted(
            int(name.removesuffix(".png"))
            for name in names
            if name.endswith(".png") and name.removesuffix(".png").isdecimal()
        )
        if len(seen) <= MOST_GRIDS:
            return seen
        last = len(seen) - 1
        return [seen[i * last // (MOST_GRIDS - 1)] for i in range(MOST_GRIDS)]


def tuning_facts(tuning: Tuning | None) -> list[list[str]]:
    """What `--tune` tried, a row each: its value, what came out, and the choice."""
    if tuning is None:
        return []
    tried = [
        [f"tried {candidate}", tuning.outcome_of(candidate), ""] for candidate in tuning.candidates
    ]
    return [["tuned", ", ".join(tuning.fields), tuning.conclusion], *tried]


def id_of(inside: Inside, directory: Path) -> str:
    """A name for an address: the same for the same place, whatever letters its path has."""
    return hashlib.sha256(os.fsencode(directory.relative_to(inside.root))).hexdigest()[:12]


def one_line(inside: Inside, error: Exception) -> str:
    """An error in one line, without the path to the folder."""
    text = " ".join(str(error).split()).replace(f"{inside.root}{os.sep}", "")
    return text if len(text) <= LONGEST_PROBLEM else f"{text[:LONGEST_PROBLEM]} ..."
