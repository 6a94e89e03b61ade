"""Which label each image has, from the folders that its name says it lies in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

from ganvas.data.settings import OWN_LABELS, Labels
from ganvas.data.source import Item, Source, sorted_labels
from ganvas.errors import DataError
from ganvas.formatting import format_count

SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))
"""Names of folders that hold a part of a data set, in any case. Such a name is no label."""

Parts = Sequence[str]
"""The folders of one image, from the outermost."""


class FolderLabels(NamedTuple):
    """The label of each image, and the folders that are no labels because they are splits."""

    labels: list[str | None]
    splits: tuple[str, ...]


def labels_from_folders(names: Sequence[str], splits_are_labels: bool = False) -> FolderLabels:
    """The label of each file: its first folder below those that all files share.

    `photos/cat/1.jpg` and `photos/dog/2.jpg` have the labels cat and dog. Where all folders of that
    level are named as splits (`SPLITS`), the rule starts again below them, over the files of all
    splits: `train/cat/1.jpg` and `val/dog/2.jpg` have the labels cat and dog. A folder `test`
    beside `cat` is a label.

    A file beside the label folders, also one that lies directly in a split, has no label. Files
    that all lie in the same folder have none either, since one label for all says nothing.

    Args:
        names: of the files, with `/` between folders.
        splits_are_labels: take the folders train, val, ... as labels like any others.
    """
    folders = [name.rpartition("/")[0] for name in names]
    parts_of = {folder: PurePosixPath(folder).parts for folder in set(folders)}
    shared = _shared_level(parts_of.values())
    splits = () if splits_are_labels else _splits(parts_of.values(), shared)
    if splits:
        below = [parts[shared + 1 :] for parts in parts_of.values() if len(parts) > shared]
        shared += 1 + _shared_level(below)
    label_of = {folder: _folder_at(parts, shared) for folder, parts in parts_of.items()}
    return FolderLabels([label_of[folder] for folder in folders], splits)


def with_labels(source: Source, choice: Labels) -> Source:
    """The same images with the labels that a setting chooses.

    Args:
        source: as opened, with its own labels.
        choice: `DataSettings.labels`.

    Raises:
        DataError: no image lies in so many folders.
    """
    if choice in OWN_LABELS:
        return source
    names = [item.name for item in source.items]
    if choice == "folders":
        by_folders = labels_from_folders(names)
        if source.label_table is None and not by_folders.splits:  # arrays keep their own labels
            return source
        labels = labels_from_folders(names, splits_are_labels=True).labels
    elif choice == "off":
        labels = [None] * len(names)
    else:
        labels = _labels_at_level(source, int(choice))
    items = list(map(Item, names, labels))
    return replace(source, items=items, label_names=sorted_labels(labels), label_table=None)


def _labels_at_level(source: Source, level: int) -> list[str | None]:
    """The folder at a level of each item's name, counted from 1."""
    parts = [item.name.split("/")[:-1] for item in source.items]
    deepest = max(map(len, parts))
    if deepest == 0:
        raise DataError(
            f"{source.location}: --labels {level} takes labels from a level of folders, and these "
            "images lie in none. Choose --labels scores, or off"
        )
    if deepest < level:
        levels = "level 1" if deepest == 1 else f"levels 1 to {deepest}"
        raise DataError(
            f"{source.location}: --labels {level} asks for labels {format_count(level, 'folder')} "
            f"deep, and the images lie at most {deepest} deep. Choose from {levels}, scores or off"
        )
    return [_folder_at(folders, level - 1) for folders in parts]


def _splits(folders: Iterable[Parts], level: int) -> tuple[str, ...]:
    """The folders at a level (from 0) if all of them are named as splits; else none."""
    names = {parts[level] for parts in folders if len(parts) > level}
    return tuple(sorted(names)) if {name.casefold() for name in names} <= SPLITS else ()


def _shared_level(folders: Iterable[Parts]) -> int:
    """How many folders, from the outermost, all files have in common."""
    shared = 0
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return shared


def _folder_at(parts: Parts, level: int) -> str | None:
    return parts[level] if len(parts) > level else None
