"""A study directory as a type: every path, every write, the lock.

STUDY/study.json            the complete study; its data and their fingerprint; the plan; the
                            environment that it was started in
      runs/ARM/SEED/        an ordinary run directory
      outcomes/ARM-SEED.json  how that run ended, its scores and cost; written last
      results.json          the results of all runs so far
      stop                  while this file exists, workers save and stop
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganvas import json_files, locks, storage
from ganvas.command_line import ganvas_command
from ganvas.errors import RunError
from ganvas.runs.directories import STUDY_JSON, check_unused, is_run, is_study
from ganvas.storage import given_path, native_path
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.reading import read_study
from ganvas.studies.study import Study

FORMAT = 2
"""Version of the directory's layout. A study in any other format is refused."""

RunKey = tuple[str, int]
"""Arm and seed of a run."""


@dataclass(frozen=True)
class StudyDirectory:
    """One study on disk. Make one with `create`, find one with `open`.

    study: what is compared; only its number of seeds may ever grow.
    plan: budgets, workers, and the measured throughput of each arm.
    data: which images are used, as in a run's data.json.
    environment: versions, device and command at the start.
    """

    path: Path
    study: Study
    plan: Plan
    data: dict[str, Any]
    environment: dict[str, Any]

    @classmethod
    def create(
        cls,
        path: Path,
        study: Study,
        plan: Plan,
        data: dict[str, Any],
        environment: dict[str, Any],
    ) -> StudyDirectory:
        """Make a new study directory, complete or not at all.

        Args:
            path: must not exist yet, or be empty.

        Raises:
            RunError: the directory is in use, or cannot be written.
        """
        check_unused(path)
        directory = cls(path, study, plan, data, environment)
        with storage.write_errors(path), storage.atomic_directory(path) as draft:
            json_files.write_json(draft / STUDY_JSON, directory._content())
            for name in ("runs", "outcomes"):
                (draft / name).mkdir()
        return directory

    @classmethod
    def open(cls, path: Path | str) -> StudyDirectory:
        """An existing study.

        Raises:
            RunError: there is none, it is damaged, or another version of ganvas wrote it.
        """
        path = given_path(path)
        file = path / STUDY_JSON
        if is_run(path):
            raise RunError(
                f"{path} is a run, not a study. To look at it: "
                f"{ganvas_command('report', path)}\nTo compare recipes: ganvas compare --help"
            )
        if not is_study(path):
            reason = f"it holds no {STUDY_JSON}" if path.exists() else "no such directory"
            raise RunError(f"{path} is not a study: {reason}. `ganvas compare` makes one.")
        content = json_files.read_json(file)
        if content.get("format") != FORMAT:
            raise RunError(
                f"{path} was written in format {content.get('format')}, this ganvas reads format "
                f"{FORMAT}. Use the version named in {file}, or start a new study."
            )
        try:
            study = read_study(content["study"], str(file))
            plan = json_files.from_plain(Plan, content["plan"])
            return cls(path, study, plan, content["data"], content["environment"])
        except KeyError as error:
            raise RunError(f"{file} is damaged: {error.args[0]} is missing") from error
        except ValueError as error:
            raise RunError(f"{file} is damaged: {error}") from error

    def _content(self) -> dict[str, Any]:
        """The content of study.json."""
        return {
            "format": FORMAT,
            "study": self.study.to_table(),
            "data": self.data,
            "plan": json_files.to_plain(self.plan),
            "environment": self.environment,
        }

    @property
    def command(self) -> str:
        """The command line that continues the study."""
        return ganvas_command("compare", self.path)

    @property
    def stop_file(self) -> Path:
        """While this file exists, every worker of the study saves and stops."""
        return self.path / "stop"

    @property
    def results_file(self) -> Path:
        """The results of all runs so far, as JSON."""
        return self.path / "results.json"

    def run_path(self, arm: str, seed: int) -> Path:
        """The directory of a run, whether it exists yet or not."""
        return self.path / "runs" / native_path(arm) / str(seed)

    def outcome_path(self, arm: str, seed: int) -> Path:
        """The file that says how a run ended."""
        return self.path / "outcomes" / native_path(f"{arm}-{seed}.json")

    def run_keys(self) -> list[RunKey]:
        """Arm and seed of every run, in the order in which they are done.

        Seed by seed, so that an unfinished study has complete comparisons.
        """
        return [(arm.name, seed) for seed in range(self.study.seeds) for arm in self.study.all_arms]

    def outcome(self, arm: str, seed: int) -> Outcome | None:
        """How a run ended; None before its end."""
        path = self.outcome_path(arm, seed)
        if not path.exists():
            return None
        try:
            table = json_files.read_json(path)
            # A score may be NaN: it counts as failed.
            json_files.check_finite({**table, "scores": {}})
            return json_files.from_plain(Outcome, table)
        except ValueError as error:
            raise RunError(
                f"{path} is damaged: {error}. Delete it, and the run is scored again: "
                f"{self.command}"
            ) from error

    def write_outcome(self, outcome: Outcome) -> None:
        """Record how a run ended."""
        path = self.outcome_path(outcome.arm, outcome.seed)
        storage.make_directory(path.parent)
        json_files.write_json(path, json_files.to_plain(outcome))

    def outcomes(self) -> dict[RunKey, Outcome]:
        """The outcome of every run that ended, by arm and seed."""
        outcomes = {(arm, seed): self.outcome(arm, seed) for arm, seed in self.run_keys()}
        return {key: outcome for key, outcome in outcomes.items() if outcome is not None}

    def with_seeds(self, seeds: int) -> StudyDirectory:
        """The study with at least so many seeds; call this with the lock held."""
        if seeds <= self.study.seeds:
            return self
        study = dataclasses.replace(self.study, seeds=seeds)
        directory = dataclasses.replace(self, study=study)
        json_files.write_json(self.path / STUDY_JSON, directory._content())
        return directory

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the study while it is run; its runs have locks of their own.

        Raises:
            Locked: another process holds it.
        """
        with locks.locked(self.path):
            for leftover in [*self.path.glob(".*.tmp"), *self.path.glob("outcomes/.*.tmp")]:
                leftover.unlink(missing_ok=True)
            for draft in self.path.glob("runs/*/.*.tmp"):  # of runs killed during their creation
                shutil.rmtree(draft, ignore_errors=True)
            yield

    def request_stop(self) -> None:
        """Make the workers save and stop."""
        with contextlib.suppress(OSError):
            self.stop_file.touch()
