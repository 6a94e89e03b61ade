"""What is known of one study: its arms, how far their runs are, and their scores so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from ganvas import locks
from ganvas.command_line import ganvas_command
from ganvas.errors import GanvasError
from ganvas.health.evidence import finite_number
from ganvas.metrics.names import more_is_better
from ganvas.runs.directories import STUDY_JSON
from ganvas.studies.directory import RunKey, StudyDirectory
from ganvas.studies.outcome import Outcome
from ganvas.studies.study import format_changes
from ganvas.web.watch.inside import Inside, Signature, signature
from ganvas.web.watch.run import RUNNING, id_of, one_line


class WatchedStudy:
    """A study that is looked at again and again.

    Attributes:
        id: stays as long as the study stays in its place.
        row: what the list shows of it, as JSON.
        arms: what its own page shows of each arm, as JSON.
        changed: when one of them changed last, in the watcher's count of polls.
    """

    def __init__(self, inside: Inside, path: Path) -> None:
        self.id = id_of(inside, path)
        self.name = inside.name(path)
        self.path = path
        self.inside = inside
        self.row: dict[str, Any] = {}
        self.arms: list[dict[str, Any]] = []
        self.changed = 0
        self._opened: tuple[Signature | None, StudyDirectory] | None = None
        self._outcomes: dict[RunKey, tuple[Signature, Outcome | None, str]] = {}

    def poll(self, now: int, runs: Mapping[str, dict[str, Any]]) -> None:
        """Look at the files that have changed.

        Args:
            now: the watcher's count of polls.
            runs: the rows of all runs, by id.
        """
        try:
            row, arms = self._look(runs)
        except (GanvasError, OSError) as error:  # an OSError: it went away meanwhile
            row, arms = {"problem": one_line(self.inside, error)}, []
        row = {"id": self.id, "name": self.name, **row}
        if (row, arms) != (self.row, self.arms):
            self.row, self.arms, self.changed = row, arms, now

    def _look(
        self, runs: Mapping[str, dict[str, Any]]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        study = self._open()
        metric = study.study.scores[0]
        arms: list[dict[str, Any]] = []
        all_cells: list[dict[str, Any]] = []
        for arm in study.study.all_arms:
            keys = [(arm.name, seed) for seed in range(study.study.seeds)]
            cells = [self._cell(study, key, metric, runs) for key in keys]
            scores = [
                cell["score"]
                for cell in cells
                if cell["ended"] and cell["score"] is not None and not cell["failed"]
            ]
            all_cells += cells
            arms.append(
                {
                    "name": arm.name,
                    "against": arm.against,
                    "changes": format_changes(study.study.changes(arm.name)) if arm.against else "",
                    "runs": cells,
                    "mean": fmean(scores) if scores else None,
                    "scored": len(scores),
                }
            )
        ended = sum(cell["ended"] for cell in all_cells)
        running = sum(cell["state"] in RUNNING for cell in all_cells)
        row = {
            "state": self._state(ended == len(all_cells), running > 0),
            "data": study.study.data,
            "metric": metric,
            "better": "higher" if more_is_better(metric) else "lower",
            "arms": len(arms),
            "total": len(all_cells),
            "ended": ended,
            "failed": sum(cell["failed"] for cell in all_cells),
            "running": running,
            "report": (self.path / "report.html").is_file(),
            "commands": [ganvas_command("report", self.path), study.command],
        }
        return row, arms

    def _open(self) -> StudyDirectory:
        """The study, read again when its file has changed.

        Raises:
            RunError: it is missing or damaged, or of another version.
        """
        file = self.path / STUDY_JSON
        now = signature(file)
        if self._opened is None or self._opened[0] != now:
            self._opened = None
            self.inside.check_whole(file)
            self._opened = now, StudyDirectory.open(self.path)
        return self._opened[1]

    def _state(self, is_complete: bool, some_run: bool) -> str:
        lock = self.path / ".lock"
        if lock.exists():
            self.inside.check(lock)
        if locks.is_locked(self.path):
            return "running"
        if is_complete:
            return "finished"
        return "running elsewhere" if some_run else "stopped"

    def _cell(
        self,
        study: StudyDirectory,
        key: RunKey,
        metric: str,
        runs: Mapping[str, dict[str, Any]],
    ) -> dict[str, Any]:
        """One run: from its outcome where it ended, else as it stands."""
        run = id_of(self.inside, study.run_path(*key))
        row = runs.get(run, {})
        outcome, problem = self._outcome(study, key)
        score = row.get("score") or {}
        value = score.get("value") if score.get("metric") == metric else None
        if outcome is not None:
            value = finite_number(outcome.scores.get(metric))
        return {
            "id": run if row else None,
            "seed": key[1],
            "state": outcome.ending if outcome else row.get("state", "waiting"),
            "reason": problem or (outcome.reason if outcome else row.get("problem", "")),
            "ended": outcome is not None,
            "failed": outcome is not None and outcome.failed,
            "health": row.get("health"),
            "seen": row.get("seen", outcome.images_seen if outcome else 0),
            "budget": row.get("budget", study.plan.images.get(key[0])),
            "score": value,
        }

    def _outcome(self, study: StudyDirectory, key: RunKey) -> tuple[Outcome | None, str]:
        """How a run ended, None before that; and what is wrong with the file that says it."""
        path = study.outcome_path(*key)
        now = signature(path)
        if now is None:
            return None, ""
        known = self._outcomes.get(key)
        if known is None or known[0] != now:
            try:
                self.inside.check_whole(path)
                known = now, study.outcome(*key), ""
            except GanvasError as error:
                known = now, None, one_line(self.inside, error)
            self._outcomes[key] = known
        return known[1], known[2]
