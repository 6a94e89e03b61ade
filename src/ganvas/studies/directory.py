"""A study directory as a type: every path, every write, the lock.

STUDY/study.json            the study, complete; its data and their fingerprint; the plan; where and
                            with which versions it was started
      runs/ARM/SEED/        an ordinary run directory
      outcomes/ARM-SEED.json  how that run ended, its scores and cost; written last
      results.json          what it all comes to
      stop                  while there is one, workers save and stop
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganvas import storage
from ganvas.errors import RunError
from ganvas.runs.places import STUDY, is_run, is_study
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.reading import read_study
from ganvas.studies.study import Study

FORMAT = 2
"""Version of the directory's layout; a study of another one is refused, never guessed at."""


@dataclass(frozen=True)
class StudyDirectory:
    """One study on disk. Make one with `create`, find one with `open`."""

    path: Path

    @classmethod
    def create(
        cls,
        path: Path,
        study: Study,
        plan: Plan,
        data: Mapping[str, Any],
        environment: Mapping[str, Any],
    ) -> StudyDirectory:
        """Make a new study directory, complete or not at all.

        Args:
            path: must not exist yet, or be empty.
            data: which images are used: what data.json of a run says.
            environment: versions, device, command.

        Raises:
            RunError: something is there already, or the place cannot be written.
        """
        refuse_occupied(path)
        about = {
            "format": FORMAT,
            "study": study.to_table(),
            "data": dict(data),
            "plan": plan.to_table(),
            "environment": dict(environment),
        }
        with storage.write_errors(path), storage.atomic_directory(path) as draft:
            storage.write_json(draft / STUDY, about)
            for name in ("runs", "outcomes"):
                (draft / name).mkdir()
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> StudyDirectory:
        """An existing study.

        Raises:
            RunError: there is none, it is damaged, or another version of ganvas wrote it.
        """
        directory = cls(Path(path))
        if is_run(directory.path):
            raise RunError(
                f"{path} is a run, not a study. To look at it: ganvas report {path}. "
                "To compare recipes: ganvas compare --help"
            )
        if not is_study(directory.path):
            what = "no such directory" if not directory.path.exists() else f"it holds no {STUDY}"
            raise RunError(f"{path} is no study: {what}. `ganvas compare` makes one.")
        found = directory.about.get("format")
        if found != FORMAT:
            raise RunError(
                f"{path} was written in format {found}, this ganvas reads format {FORMAT}. Use the "
                f"version named in {directory.path / STUDY}, or start the study anew."
            )
        missing = {"study", "plan", "data"} - directory.about.keys()
        if missing:
            what = ", ".join(sorted(missing))
            raise RunError(f"{directory.path / STUDY} is damaged: {what} is missing")
        return directory

    @cached_property
    def about(self) -> dict[str, Any]:
        """All of study.json; only the number of seeds may ever grow."""
        return storage.read_json(self.path / STUDY)

    @cached_property
    def study(self) -> Study:
        """What is compared."""
        return read_study(self.about["study"], str(self.path / STUDY))

    @cached_property
    def plan(self) -> Plan:
        """Budgets, workers, and what the trials measured."""
        return Plan.from_table(self.about["plan"])

    @property
    def data(self) -> dict[str, Any]:
        """Which images are used, as data.json of a run says."""
        data: dict[str, Any] = self.about["data"]
        return data

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, device and command at the start."""
        environment: dict[str, Any] = self.about["environment"]
        return environment

    @property
    def stop_file(self) -> Path:
        """While it is there, whatever works for this study saves and stops."""
        return self.path / "stop"

    @property
    def results_file(self) -> Path:
        """What it all comes to, as JSON."""
        return self.path / "results.json"

    def run_path(self, arm: str, seed: int) -> Path:
        """Where that run lies, or will."""
        return self.path / "runs" / arm / str(seed)

    def outcome_path(self, arm: str, seed: int) -> Path:
        """Where it is written how that run ended."""
        return self.path / "outcomes" / f"{arm}-{seed}.json"

    def pairs(self) -> list[tuple[str, int]]:
        """Arm and seed of every run, in the order in which they are done.

        Seed by seed, so that an unfinished study has whole comparisons.
        """
        arms = self.study.all_arms
        return [(arm.name, seed) for seed in range(self.study.seeds) for arm in arms]

    def outcome(self, arm: str, seed: int) -> Outcome | None:
        """How a run ended; None while it did not."""
        path = self.outcome_path(arm, seed)
        if not path.exists():
            return None
        try:
            return Outcome.from_table(storage.read_json(path))
        except (KeyError, TypeError) as error:
            raise RunError(
                f"{path} is damaged ({error}). Delete it, and the run is scored again: "
                f"ganvas compare {self.path}"
            ) from error

    def write_outcome(self, outcome: Outcome) -> None:
        """Say how a run ended."""
        path = self.outcome_path(outcome.arm, outcome.seed)
        storage.make_directory(path.parent)
        storage.write_json(path, outcome.to_table())

    def outcomes(self) -> dict[tuple[str, int], Outcome]:
        """How every run ended that did, by arm and seed."""
        found = {(arm, seed): self.outcome(arm, seed) for arm, seed in self.pairs()}
        return {key: outcome for key, outcome in found.items() if outcome is not None}

    def with_seeds(self, seeds: int) -> StudyDirectory:
        """The study with at least so many seeds; call this with the lock held."""
        if seeds <= self.study.seeds:
            return self
        study = dataclasses.replace(self.study, seeds=seeds)
        storage.write_json(self.path / STUDY, {**self.about, "study": study.to_table()})
        return StudyDirectory(self.path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the study while it is run; its runs have locks of their own.

        Raises:
            Locked: another process holds it.
        """
        with storage.locked(self.path):
            for leftover in [*self.path.glob(".*.tmp"), *self.path.glob("outcomes/.*.tmp")]:
                leftover.unlink(missing_ok=True)
            for draft in self.path.glob("runs/*/.*.tmp"):  # of runs killed while they were made
                shutil.rmtree(draft, ignore_errors=True)
            yield

    def ask_to_stop(self) -> None:
        """Have the workers save and stop."""
        with contextlib.suppress(OSError):
            self.stop_file.touch()


def refuse_occupied(path: Path) -> None:
    """Raise a `RunError` unless a new study can be made at `path`."""
    storage.refuse_file(path)
    if path.exists() and any(path.iterdir()):
        raise RunError(f"{path} is in use and is no study. Choose another folder as out (--out)")
