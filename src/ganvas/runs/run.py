"""A run directory as a type: every path, every write, the lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from ganvas import storage
from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.errors import RunError
from ganvas.metrics.names import more_is_better, parse_metrics
from ganvas.recipes import Recipe
from ganvas.runs import checkpoint
from ganvas.runs.history import History, failing_spans
from ganvas.runs.places import RECIPE, is_run, refuse_other_than_run

FORMAT = 2
"""Version of the directory's layout; a run of another one is refused, never guessed at."""

KEPT_CHECKPOINTS = 2

Status = Literal["running", "finished", "interrupted", "diverged", "unhealthy"]


@dataclass(frozen=True)
class Run:
    """One training run on disk. Make one with `create`, find one with `open`."""

    directory: Path

    @classmethod
    def create(
        cls,
        directory: Path,
        recipe: Recipe,
        environment: Mapping[str, Any],
        data: Mapping[str, Any],
    ) -> Run:
        """Make a new run directory, complete or not at all.

        Args:
            directory: must not exist yet, or be empty.
            recipe: with fixed schedules.
            environment: versions, device, command, seed: environment.json.
            data: which images were used and which were left out: data.json.

        Raises:
            RunError: something is there already, or the place cannot be written.
        """
        refuse_occupied(directory)
        with storage.write_errors(directory), storage.atomic_directory(directory) as draft:
            storage.write_json(draft / "environment.json", {"format": FORMAT, **environment})
            storage.write_json(draft / "data.json", dict(data))
            storage.write_bytes(draft / RECIPE, recipe.to_json().encode())
            storage.write_json(draft / "status.json", {"status": "running", "images_seen": 0})
            for name in ("samples", "checkpoints", "generator"):
                (draft / name).mkdir()
        return cls(directory)

    @classmethod
    def open(cls, directory: Path | str) -> Run:
        """An existing run.

        Raises:
            RunError: there is none, or it was written by another version of ganvas.
        """
        directory = Path(directory)
        refuse_other_than_run(directory)
        run = cls(directory)
        found = run.read_environment().get("format")
        if found != FORMAT:
            raise RunError(
                f"{directory} was written in format {found}, this ganvas reads format {FORMAT}. "
                f"Use the version named in {directory / 'environment.json'}, or train again."
            )
        return run

    def read_recipe(self) -> Recipe:
        """The run's complete recipe."""
        return Recipe.from_file(self.directory / RECIPE)

    def write_recipe(self, recipe: Recipe) -> None:
        """Replace the recipe, when a run is made longer."""
        storage.write_bytes(self.directory / RECIPE, recipe.to_json().encode())

    def read_environment(self) -> dict[str, Any]:
        """Versions, device, command and seed."""
        return storage.read_json(self.directory / "environment.json")

    def read_data(self) -> dict[str, Any]:
        """Which images were used, and which were left out and why."""
        return storage.read_json(self.directory / "data.json")

    def can_be_scored(self) -> bool:
        """Whether so many images were held out that its samples can be compared with them."""
        return bool(self.read_data()["held_out"] >= FEWEST_HELD_OUT)

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Replace what is known of versions, device and step, when one of them has changed."""
        storage.write_json(self.directory / "environment.json", dict(environment))

    def write_data(self, data: Mapping[str, Any]) -> None:
        """Say anew where the images are; they are the same."""
        storage.write_json(self.directory / "data.json", dict(data))

    def read_status(self) -> dict[str, Any]:
        """`status` (running, finished, interrupted, diverged, unhealthy) and `images_seen`.

        A killed run still says running: whether it is can be told from its lock.
        """
        return storage.read_json(self.directory / "status.json")

    def write_status(self, status: Status, images_seen: int, reason: str = "") -> None:
        """Say how the run stands."""
        value = {"status": status, "images_seen": images_seen}
        storage.write_json(
            self.directory / "status.json", {**value, "reason": reason} if reason else value
        )

    @property
    def history(self) -> History:
        """What was measured while training."""
        return History(self.directory / "history.jsonl")

    @property
    def scores(self) -> History:
        """What was measured of generated images, one score a record (see `evaluation.Score`)."""
        return History(self.directory / "scores.jsonl")

    @property
    def findings(self) -> History:
        """What the rules of health found and when it began, got worse and ended; and rewinds."""
        return History(self.directory / "findings.jsonl")

    def best(self) -> int | None:
        """Images seen at the checkpoint with the best score, of those measured while training.

        By the first metric of the recipe's evaluation; None before the first evaluation.
        """
        (first, *_) = parse_metrics(self.read_recipe().evaluation.metrics)
        metric = first.full_name(first.scores[0])
        sign = -1 if more_is_better(metric) else 1
        measured = [
            (sign * record["value"], record["images_seen"])
            for record in self.scores.records()
            if record["while_training"] and record["metric"] == metric
        ]
        return int(min(measured)[1]) if measured else None

    @property
    def generator_directory(self) -> Path:
        """config.json and model.safetensors of the averaged generator."""
        return self.directory / "generator"

    def sample_path(self, images_seen: int) -> Path:
        """Where the grid of that moment lies."""
        return self.directory / "samples" / f"{images_seen:09d}.png"

    def sample_paths(self) -> list[Path]:
        """Every grid, oldest first."""
        return sorted((self.directory / "samples").glob("*.png"))

    def forget_checkpoints_after(self, images_seen: int) -> None:
        """Drop checkpoints later than the one that training goes back to."""
        for path in self.checkpoint_paths():
            if int(path.stem) > images_seen:
                path.unlink()

    def forget_after(self, images_seen: int) -> None:
        """Drop what was recorded later than the checkpoint that training goes on from."""
        self.history.cut_after(images_seen)
        self.scores.cut_after(images_seen)
        self.findings.cut_after(images_seen)
        for path in self.sample_paths():
            if int(path.stem) > images_seen:
                path.unlink()

    def checkpoint_path(self, images_seen: int) -> Path:
        """Where the checkpoint of that moment lies."""
        return self.directory / "checkpoints" / f"{images_seen:09d}.safetensors"

    def checkpoint_paths(self) -> list[Path]:
        """Every checkpoint, oldest first."""
        return sorted((self.directory / "checkpoints").glob("*.safetensors"))

    def write_checkpoint(
        self, images_seen: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
    ) -> Path:
        """Write a checkpoint, then drop all but the newest two, the best and the last healthy one.

        Raises:
            RunError: it could not be written; the older ones are untouched.
        """
        path = self.checkpoint_path(images_seen)
        checkpoint.write(path, tensors, values)
        kept = {self.best(), self.last_healthy()}
        for old in self.checkpoint_paths()[:-KEPT_CHECKPOINTS]:
            if int(old.stem) not in kept:
                old.unlink()
        return path

    def last_healthy(self) -> int | None:
        """Images seen at the newest checkpoint at which nothing was failing; None without any.

        A finding counts from `since`, when it can first be seen, not from when it was sure.
        """
        failing = failing_spans(self.findings.records())
        healthy = [
            seen
            for seen in (int(path.stem) for path in self.checkpoint_paths())
            if not any(begin <= seen < end for begin, end in failing)
        ]
        return max(healthy, default=None)

    def read_newest_checkpoint(
        self,
    ) -> tuple[checkpoint.Tensors, dict[str, Any], list[str]] | None:
        """The newest checkpoint that is whole, and a line for each newer one that is not.

        None where the run has none yet.

        Raises:
            RunError: there are some, and all are damaged.
        """
        damaged: list[str] = []
        for path in reversed(self.checkpoint_paths()):
            try:
                tensors, values = checkpoint.read(path)
            except RunError as error:
                damaged.append(str(error))
                continue
            return tensors, values, damaged
        if damaged:
            raise RunError("no checkpoint can be used:\n  " + "\n  ".join(damaged))
        return None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run while writing. The system drops the lock of a process that dies.

        Raises:
            Locked: another process holds it.
        """
        with storage.locked(self.directory):
            self._sweep()
            yield

    def is_being_written(self) -> bool:
        """Whether a process holds the lock now: a run that says running may have been killed."""
        return storage.is_locked(self.directory)

    def _sweep(self) -> None:
        """Remove what the writes of a killed process left; only the lock's holder may."""
        for leftover in list(self.directory.rglob(".*.tmp")):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)  # it may have lain in a folder just removed


def refuse_occupied(directory: Path) -> None:
    """Raise a `RunError` unless a new run can be made at `directory`."""
    if is_run(directory):
        raise RunError(
            f"{directory} already holds a run. Go on with it: ganvas resume {directory}. "
            "Or choose another folder as out (--out)."
        )
    storage.check_no_file(directory)
    if directory.exists() and any(directory.iterdir()):
        raise RunError(f"{directory} is in use and is no run. Choose another folder as out (--out)")
