"""A run directory as a type: every path, every write, the lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganvas import json_files, locks, notebook, storage, tensor_file
from ganvas.command_line import ganvas_command
from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.errors import RunError
from ganvas.health.finding import describe_event
from ganvas.metrics.names import more_is_better, parse_metrics
from ganvas.networks import ImageShape
from ganvas.recipes import Recipe, recipe_json
from ganvas.runs.directories import check_is_run, check_new_run
from ganvas.runs.file_names import (
    CHECKPOINTS,
    DATA_JSON,
    ENVIRONMENT_JSON,
    FINDINGS_JSONL,
    GENERATOR,
    HISTORY_JSONL,
    LABEL_CONFUSION_JSON,
    RECIPE_JSON,
    SAMPLES,
    SCORES_JSONL,
    STATUS_JSON,
)
from ganvas.runs.history import History, failing_spans, open_events
from ganvas.runs.recipe_file import read_recipe_of_run
from ganvas.runs.status import SavedStatus, State, Status, read_status
from ganvas.runs.tables import (
    DataTable,
    EnvironmentTable,
    FindingRecord,
    LabelConfusionTable,
    ScoreRecord,
)
from ganvas.runs.time_limit import TimeLimit
from ganvas.runs.tuning import Tuning

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 3
"""Version of the directory layout. A run of another version is refused."""

KEPT_CHECKPOINTS = 2
"""The newest checkpoints, kept beside the best, the last healthy and a first one at 0 images."""

CheckpointContent = tuple[Mapping[str, "Tensor"], Mapping[str, Any]]
"""Tensors and JSON values by name (`TrainState`)."""


@dataclass(frozen=True)
class Run:
    """One training run on disk. `create` makes a new one, `open` finds one.

    A method that reads a file raises a `RunError` where the file is missing or damaged; of history,
    scores and findings, damaged lines are left out. One that writes raises it where it cannot.
    """

    directory: Path

    def __post_init__(self) -> None:
        if not isinstance(self.directory, Path):
            raise RunError(f"open a run with ganvas.Run.open({str(self.directory)!r})")

    @classmethod
    def create(
        cls,
        directory: Path,
        recipe: Recipe,
        environment: Mapping[str, Any],
        data: Mapping[str, Any],
        start: CheckpointContent | None = None,
        plan: Tuning | TimeLimit | None = None,
    ) -> Run:
        """Make a new run directory, atomically.

        Args:
            directory: must not exist, or must be empty.
            recipe: with fixed schedules.
            environment: versions, device, command and seed, for environment.json.
            data: which images are used, and which are left out, for data.json.
            start: the checkpoint at 0 images, where the seed alone does not decide the weights.
            plan: the values that are tried first, or the time that the run is given.

        Raises:
            Occupied: the directory is in use, perhaps since a moment ago.
            RunError: it cannot be written.
        """
        check_new_run(directory)
        with storage.write_errors(directory), storage.atomic_directory(directory) as draft:
            json_files.write_json(draft / ENVIRONMENT_JSON, {"format": FORMAT, **environment})
            json_files.write_json(draft / DATA_JSON, dict(data))
            storage.write_bytes(draft / RECIPE_JSON, recipe_json(recipe).encode())
            SavedStatus("running").write(draft / STATUS_JSON)
            cls(draft).make_folders()
            if start is not None:
                tensor_file.write(cls(draft).checkpoint_path(0), *start)
            if plan is not None:
                plan.write(draft)
        return cls(directory)

    @classmethod
    def open(cls, directory: Path | str) -> Run:
        """Open an existing run.

        Raises:
            RunError: it is not a run, or was written by an incompatible version of ganvas.
        """
        directory = storage.given_path(directory)
        check_is_run(directory)
        run = cls(directory)
        format_version = json_files.read_json(directory / ENVIRONMENT_JSON).get("format")
        if format_version != FORMAT:
            raise RunError(
                f"{directory} has format {format_version}, this ganvas reads format {FORMAT}. "
                f"Use the version named in {directory / ENVIRONMENT_JSON}, or train again."
            )
        return run

    def make_folders(self) -> None:
        """Make the folders that training fills, where they are missing.

        The run's own directory is not made again: without its files it would be no run.

        Raises:
            RunError: the directory is gone, or cannot be written.
        """
        for name in (SAMPLES, CHECKPOINTS, GENERATOR):
            with storage.write_errors(self.directory / name):
                (self.directory / name).mkdir(exist_ok=True)

    def _repr_html_(self) -> str:
        """For a notebook: the status, what is wrong, and the newest grid."""
        try:
            return self._html()
        except RunError as error:  # a damaged file, or none: a cell still shows the run
            return notebook.paragraph(f"{self.directory}: {error}")

    def _html(self) -> str:
        recipe, record = self.read_recipe(), self.history.last_record()
        seen = int(record["images_seen"]) if record else 0
        parts = [
            f"{self.directory}: {recipe.name} on {self.read_data()['name']}, "
            f"{self.state()} at {seen:,} of {recipe.images:,} images",
            *(describe_event(event) for event in open_events(self.findings.records())),
        ]
        grids = [
            notebook.picture(path.read_bytes(), f"samples at {int(path.stem):,} images")
            for path in self.sample_paths()[-1:]
        ]
        return "".join([*map(notebook.paragraph, parts), *grids])

    def read_recipe(self) -> Recipe:
        """The complete recipe."""
        return read_recipe_of_run(self.directory / RECIPE_JSON)

    def write_recipe(self, recipe: Recipe) -> None:
        """Replace the recipe, when the run gets a larger budget."""
        storage.write_bytes(self.directory / RECIPE_JSON, recipe_json(recipe).encode())

    def read_environment(self) -> EnvironmentTable:
        """Versions, device, command and seed."""
        return json_files.read_table(self.directory / ENVIRONMENT_JSON, EnvironmentTable)

    def read_data(self) -> DataTable:
        """Which images are used, and which are left out and why."""
        return json_files.read_table(self.directory / DATA_JSON, DataTable)

    def read_shape(self) -> ImageShape:
        """Channels, height and width of every image.

        Raises:
            RunError: recipe.json and data.json say different things, so one of them is damaged.
        """
        shape = ImageShape(**self.read_data()["shape"])
        if not 1 <= shape.channels <= 4 or shape != self.read_recipe().image_shape(shape.channels):
            raise RunError(
                f"{self.directory / DATA_JSON} is damaged: its images of {shape} are not those "
                f"of {RECIPE_JSON} beside it"
            )
        return shape

    def can_be_scored(self) -> bool:
        """Whether enough images are held out to score samples."""
        return bool(self.read_data()["held_out"] >= FEWEST_HELD_OUT)

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Replace environment.json, when versions, device or engine have changed."""
        json_files.write_json(self.directory / ENVIRONMENT_JSON, dict(environment))

    def write_data(self, data: Mapping[str, Any]) -> None:
        """Replace data.json, when the images have moved."""
        json_files.write_json(self.directory / DATA_JSON, dict(data))

    def read_label_confusion(self) -> LabelConfusionTable | None:
        """How samples of each label were classified; None if this was never measured.

        Raises:
            RunError: the file is damaged.
        """
        path = self.directory / LABEL_CONFUSION_JSON
        if not path.is_file():
            return None
        table = json_files.read_table(path, LabelConfusionTable)
        lengths = {len(table["samples"]), len(table["fractions"]), *map(len, table["fractions"])}
        if lengths != {len(table["labels"])}:
            raise RunError(f"{path} is damaged: it does not have a number for each of its labels")
        return table

    def write_label_confusion(self, confusion: LabelConfusionTable) -> None:
        """Replace label-confusion.json."""
        json_files.write_json(self.directory / LABEL_CONFUSION_JSON, dict(confusion))

    def read_status(self) -> SavedStatus:
        """How far the run is, and how it ended."""
        return read_status(self.directory / STATUS_JSON)

    def state(self) -> State:
        """The saved status, or `stopped without saving` if it says running but no process writes.

        Then a kill, a crash or a power cut stopped the run after its last record; it resumes from
        its newest checkpoint.
        """
        status = self.read_status().status
        return "stopped without saving" if status == "running" and not self.is_locked() else status

    def write_status(self, status: Status, images_seen: int, reason: str = "") -> None:
        """Replace the status."""
        SavedStatus(status, images_seen, reason).write(self.directory / STATUS_JSON)

    @property
    def history(self) -> History:
        """The measurements of training."""
        return History(self.directory / HISTORY_JSONL)

    @property
    def scores(self) -> History:
        """The scores of generated images, one per record (see `ganvas.Score`)."""
        return History(self.directory / SCORES_JSONL, ScoreRecord)

    @property
    def findings(self) -> History:
        """Onset, worsening and end of each health finding, and rewinds."""
        return History(self.directory / FINDINGS_JSONL, FindingRecord)

    def best_checkpoint(self) -> int | None:
        """Images seen at the checkpoint with the best score while training.

        By the first metric of the recipe's evaluation; None before the first evaluation.
        """
        (first, *_) = parse_metrics(self.read_recipe().evaluation.metrics)
        metric = first.full_name(first.scores[0])
        sign = -1 if more_is_better(metric) else 1
        ranked = [
            (sign * record["value"], record["images_seen"])
            for record in self.scores.records()
            if record["while_training"] and record["metric"] == metric
        ]
        return int(min(ranked)[1]) if ranked else None

    @property
    def generator_directory(self) -> Path:
        """config.json and model.safetensors of the EMA generator."""
        return self.directory / GENERATOR

    def sample_path(self, images_seen: int) -> Path:
        """The path of the sample grid at this many images seen."""
        return self.directory / SAMPLES / f"{images_seen:09d}.png"

    def sample_paths(self) -> list[Path]:
        """All sample grids, oldest first."""
        return _by_images_seen(self.directory / SAMPLES, ".png")

    def delete_checkpoints_after(self, images_seen: int) -> None:
        """Delete checkpoints after the one to which training rewinds."""
        for path in self.checkpoint_paths():
            if int(path.stem) > images_seen:
                path.unlink()

    def delete_records_after(self, images_seen: int) -> None:
        """Delete records and sample grids after the checkpoint from which training resumes."""
        self.history.truncate_after(images_seen)
        self.scores.truncate_after(images_seen)
        self.findings.truncate_after(images_seen)
        for path in self.sample_paths():
            if int(path.stem) > images_seen:
                path.unlink()

    def checkpoint_path(self, images_seen: int) -> Path:
        """The path of the checkpoint at this many images seen."""
        return self.directory / CHECKPOINTS / f"{images_seen:09d}.safetensors"

    def checkpoint_paths(self) -> list[Path]:
        """All checkpoints, oldest first."""
        return _by_images_seen(self.directory / CHECKPOINTS, ".safetensors")

    def write_checkpoint(
        self, images_seen: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
    ) -> Path:
        """Write a checkpoint, and delete those that are no longer kept.

        Raises:
            RunError: it cannot be written; the older ones are unchanged.
        """
        path = self.checkpoint_path(images_seen)
        self.make_folders()
        tensor_file.write(path, tensors, values)
        self.delete_old_checkpoints()
        return path

    def delete_old_checkpoints(self) -> None:
        """Delete all checkpoints but the newest two, the best, the last healthy and a first one.

        A checkpoint at 0 images holds weights of an earlier run, from which a rewind may start.
        """
        kept = {0, self.best_checkpoint(), self.last_healthy_checkpoint()}
        for old in self.checkpoint_paths()[:-KEPT_CHECKPOINTS]:
            if int(old.stem) not in kept:
                old.unlink()

    def last_healthy_checkpoint(self) -> int | None:
        """Images seen at the newest checkpoint without a failing finding; None if there is none.

        A finding counts from `since`, when it first shows, not from when it was certain.
        """
        failing = failing_spans(self.findings.records())
        healthy = [
            images_seen
            for images_seen in (int(path.stem) for path in self.checkpoint_paths())
            if not any(begin <= images_seen < end for begin, end in failing)
        ]
        return max(healthy, default=None)

    def read_newest_checkpoint(
        self,
    ) -> tuple[tensor_file.Tensors, dict[str, Any], list[str]] | None:
        """The newest valid checkpoint, and a line for each newer, damaged one.

        None if there is no checkpoint yet.

        Raises:
            RunError: all checkpoints are damaged.
        """
        damaged: list[str] = []
        for path in reversed(self.checkpoint_paths()):
            try:
                tensors, values = tensor_file.read(path)
            except RunError as error:
                damaged.append(str(error))
                continue
            return tensors, values, [f"{why}; the checkpoint before it is used" for why in damaged]
        if damaged:
            raise RunError(
                "\n  ".join(["all checkpoints are damaged:", *damaged])
                + "\nPut copies of them back, or train a new run in another folder (--out). "
                f"Samples need none of them: {ganvas_command('sample', self.directory)}"
            )
        return None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the run for writing. The system releases the lock of a process that dies.

        Raises:
            Locked: another process holds it.
        """
        with locks.locked(self.directory):
            self._delete_drafts()
            yield

    def is_locked(self) -> bool:
        """Whether a process is writing the run now."""
        return locks.is_locked(self.directory)

    def _delete_drafts(self) -> None:
        """Delete temporary files of a killed process; only the holder of the lock may."""
        for leftover in list(self.directory.rglob(".*.tmp")):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)  # it may have lain in a folder just removed


def _by_images_seen(folder: Path, suffix: str) -> list[Path]:
    """The files of a folder that are named by images seen, in that order.

    Others are the user's, such as a copy, or what macOS adds to a file (._000064000.png).
    """
    paths = [path for path in folder.glob(f"*{suffix}") if path.stem.isdecimal()]
    return sorted(paths, key=lambda path: int(path.stem))
