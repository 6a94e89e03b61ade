"""The images of a run: prepared as its recipe says, found again, and checked to be the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import Dataset
from ganvas.data.sources import open_source, source_exists
from ganvas.errors import DataError
from ganvas.progress import stages_bar
from ganvas.recipes import Recipe
from ganvas.runs.file_names import ENVIRONMENT_JSON
from ganvas.runs.run import Run
from ganvas.schedules import Adaptive


def open_images(data: str | Path, quiet: bool) -> Dataset:
    """As `open_source`, with a progress bar where files are fetched from the hub."""
    with stages_bar("opening", quiet) as on_progress:
        return open_source(data, on_progress)


def prepare_images(
    settings: DataSettings, data: str | Path, quiet: bool, verify: bool = False
) -> PreparedData:
    """Prepare images, or open what was prepared before, with a progress bar.

    With `verify` every file is read again, whatever its time stamp.
    """
    with stages_bar("preparing", quiet) as on_progress:
        source = open_source(data, on_progress)
        return prepare(source, settings, on_progress=on_progress, verify=verify)


def prepare_for(
    recipe: Recipe, data: str | Path, quiet: bool, verify: bool = False
) -> PreparedData:
    """As `prepare_images`, with the recipe's settings and enough images for its batch."""
    prepared = prepare_images(recipe.data, data, quiet, verify)
    usable = len(prepared.training)
    if usable < recipe.batch:
        raise DataError(
            f"{prepared.name}: {usable} images to train on are fewer than a batch of "
            f"{recipe.batch}. Add images, or train with a smaller batch "
            f"(--batch {max(2, usable // 2)})"
        )
    check_can_adapt(recipe, prepared)
    return prepared


def with_measured_range(recipe: Recipe, prepared: PreparedData) -> Recipe:
    """The recipe with the measured range of pixel values, as a run stores it: other images, such as
    those of `evaluate --data`, are read alike."""
    data = dataclasses.replace(recipe.data, pixel_range=prepared.pixel_range)
    return dataclasses.replace(recipe, data=data)


def check_can_adapt(recipe: Recipe, prepared: PreparedData) -> None:
    """Raise a `DataError` if adaptive augmentation has too few held-out images to measure with."""
    if isinstance(recipe.augmentation, Adaptive) and len(prepared.held_out) < FEWEST_HELD_OUT:
        raise DataError(
            f"{prepared.name}: adaptive augmentation compares training images with held-out ones. "
            f"It needs {FEWEST_HELD_OUT} of them, and there are {len(prepared.held_out)}. Hold out "
            "a larger fraction (--held-out 0.2), add images, or give a number (--augmentation 0.3)"
        )


def data_location(run: Run) -> str:
    """Where the run's images were last time; a `DataError` if they are no longer there."""
    location: str = run.read_data()["location"]
    if not source_exists(location):
        raise DataError(
            f"the images of {run.directory} are no longer at {location}. "
            "If they were moved, say where to: --data PATH (in Python, the argument data)"
        )
    return location


def check_data_unchanged(run: Run, prepared: PreparedData) -> None:
    """Raise a `DataError` unless the images are those that the run was started with."""
    stored = run.read_data()
    if prepared.fingerprint != stored["fingerprint"]:
        raise DataError(
            f"{prepared.location} holds other images, or labels, than {run.directory} was started "
            "with. Put the old ones back, say where they are (--data), or train a new run on "
            "these, which can start from the weights of this one (--from)"
        )
    check_counts(stored, prepared, run.directory, run.directory / ENVIRONMENT_JSON, "run")


def check_counts(
    stored: Mapping[str, Any], prepared: PreparedData, directory: Path, versions: Path, kind: str
) -> None:
    """Raise a `DataError` if of the same files others could be used before.

    Another version of ganvas or Pillow may read files that this one does not, or the reverse.

    Args:
        stored: what `describe_data` said before.
        directory: what was started with those images, a run or a study, as `kind` says.
        versions: the file that names the versions of before.
    """
    before = stored["images"], stored["held_out"]
    now = len(prepared.images), len(prepared.held_out)
    if now != before:
        raise DataError(
            f"{prepared.location} holds the same files, but {now[0]:,} can be used and {now[1]:,} "
            f"of them are held out, where {directory} was started with {before[0]:,} and "
            f"{before[1]:,}: other versions decode them now. Use the versions named in {versions}, "
            f"or start a new {kind}."
        )


def describe_data(prepared: PreparedData) -> dict[str, Any]:
    """The content of data.json."""
    return {
        "name": prepared.name,
        "location": prepared.location,
        "fingerprint": prepared.fingerprint,
        "images": len(prepared.images),
        "held_out": len(prepared.held_out),
        "shape": dataclasses.asdict(prepared.shape),
        "extent": prepared.extent,
        "labels": list(prepared.label_names),
        "training_images_by_label": list(prepared.label_set.counts) if prepared.label_set else [],
        "duplicates_left_out": prepared.duplicates,
        "unusable": [{"file": file, "reason": reason} for file, reason in prepared.unusable],
    }
