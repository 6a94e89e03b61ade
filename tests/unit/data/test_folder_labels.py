"""Which folders are labels, which are splits, and how a setting chooses otherwise."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from ganvas.data.folder_labels import labels_from_folders
from ganvas.data.inspecting import inspect
from ganvas.data.inspection import Inspection
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings, Labels
from ganvas.data.sources import open_source
from ganvas.errors import DataError

from .pictures import encoded, flat

SIXTEEN = (16, 16)


def folder(place: Path, *names: str) -> Path:
    for value, name in enumerate(names):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(encoded(flat("L", 40 * value)))
    return place


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for value, name in enumerate(names):
            file.writestr(name, encoded(flat("L", 40 * value)))
    return path


def prepared(data: Path, labels: Labels = "scores") -> PreparedData:
    settings = DataSettings(size=SIXTEEN, labels=labels, held_out=0.0)
    return prepare(open_source(data), settings)


def named_labels(data: PreparedData) -> list[str] | None:
    return None if data.labels is None else [data.label_names[number] for number in data.labels]


def check(data: Path, labels: Labels = "scores") -> Inspection:
    return inspect(open_source(data), DataSettings(size=SIXTEEN, labels=labels))


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["cat/1.png", "dog/x/2.png"], ["cat", "dog"]),
        (["all/cat/1.png", "all/dog/2.png"], ["cat", "dog"]),
        (["all/1.png", "all/2.png"], [None, None]),
        (["top.png", "cat/1.png"], [None, "cat"]),
        (["1.png"], [None]),
    ],
)
def test_the_first_folder_that_differs_is_the_label(
    names: list[str], labels: list[str | None]
) -> None:
    assert labels_from_folders(names) == (labels, ())


@pytest.mark.parametrize(
    ("names", "labels", "splits"),
    [
        (["train/cat/1.png", "val/dog/2.png"], ["cat", "dog"], ("train", "val")),
        (["Training/a/1.png", "TEST/b/2.png"], ["a", "b"], ("TEST", "Training")),
        (["x/train/cat/1.png", "x/validation/dog/2.png"], ["cat", "dog"], ("train", "validation")),
        (["train/cat/a/1.png", "valid/dog/b/2.png"], ["cat", "dog"], ("train", "valid")),
        (["train/images/1.png", "val/images/2.png"], [None, None], ("train", "val")),
        (["train/images/a/1.png", "val/images/b/2.png"], ["a", "b"], ("train", "val")),
        (["train/1.png", "testing/2.png"], [None, None], ("testing", "train")),
        (["train/1.png", "train/cat/2.png", "val/cat/3.png"], [None, "cat", "cat"], None),
        (["top.png", "train/cat/1.png", "val/dog/2.png"], [None, "cat", "dog"], None),
        (["top.png", "train/1.png"], [None, None], ("train",)),
        (["cat/train/1.png", "dog/train/2.png"], ["cat", "dog"], ()),
        (["cat/1.png", "dog/2.png", "test/3.png"], ["cat", "dog", "test"], ()),
        (["train/1.png", "plane/2.png"], ["train", "plane"], ()),
        (["trains/1.png", "tests/2.png"], ["trains", "tests"], ()),
    ],
)
def test_folders_named_as_splits_are_no_labels_where_all_of_them_are(
    names: list[str], labels: list[str | None], splits: tuple[str, ...] | None
) -> None:
    found = labels_from_folders(names)
    assert found.labels == labels
    assert found.splits == (("train", "val")[: len(found.splits)] if splits is None else splits)


NAMES = ("train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/dog/4.png")


@pytest.mark.parametrize("kind", ["folder", "zip", "wrapped folder", "wrapped zip"])
def test_labels_below_splits_reach_prepared_data_and_check_says_so(
    tmp_path: Path, kind: str
) -> None:
    wrapper = "dataset/" if "wrapped" in kind else ""
    names = [wrapper + name for name in NAMES]
    data = archive(tmp_path / "a.zip", *names) if "zip" in kind else folder(tmp_path / "a", *names)
    assert named_labels(prepared(data)) == ["cat", "dog", "cat", "dog"]
    inspection = check(data)
    assert inspection.labels == {"cat": 2, "dog": 2}
    assert inspection.to_json()["splits"] == ["train", "val"]
    assert any(
        "train/, val/ are splits; labels are the folders below them" in line
        for line in inspection.lines()
    )


def test_splits_of_images_alone_give_no_labels(tmp_path: Path) -> None:
    data = folder(tmp_path / "a", "train/1.png", "val/2.png")
    assert named_labels(prepared(data)) is None
    inspection = check(data)
    assert (inspection.labels, inspection.unlabelled) == ({}, 0)
    assert any("train/, val/ are splits; no labels" in line for line in inspection.lines())


def test_images_directly_in_a_split_are_warned_about(tmp_path: Path) -> None:
    inspection = check(folder(tmp_path / "a", *NAMES, "train/5.png"))
    (warning,) = [warning for warning in inspection.warnings if "and 1 is not" in warning]
    assert warning.endswith("For labels, give one split alone, or move those into one")


@pytest.mark.parametrize(
    ("choice", "labels"),
    [
        ("scores", ["cat", "dog", "cat", "dog"]),
        ("auto", ["cat", "dog", "cat", "dog"]),
        ("on", ["cat", "dog", "cat", "dog"]),
        ("folders", ["train", "train", "val", "val"]),
        ("1", ["all", "all", "all", "all"]),
        ("2", ["train", "train", "val", "val"]),
        ("3", ["cat", "dog", "cat", "dog"]),
        ("off", None),
    ],
)
def test_a_setting_chooses_the_level_or_turns_labels_off(
    tmp_path: Path, choice: Labels, labels: list[str] | None
) -> None:
    data = folder(tmp_path / "a", *(f"all/{name}" for name in NAMES))
    assert named_labels(prepared(data, choice)) == labels
    assert list(check(data, choice).labels) == sorted(set(labels or []))


def test_a_level_that_is_too_deep_is_an_error_with_the_levels_that_there_are(
    tmp_path: Path,
) -> None:
    data = folder(tmp_path / "a", *NAMES)
    for use in (prepared, check):
        with pytest.raises(DataError, match=r"2 deep. Choose from levels 1 to 2, scores or"):
            use(data, "3")
        with pytest.raises(DataError, match=r"lie in none. Choose --labels scores, or"):
            use(data / "train" / "cat", "1")


def test_labels_of_arrays_can_be_turned_off_but_have_no_level(tmp_path: Path) -> None:
    pixels = np.arange(4 * 256, dtype=np.uint32).view(np.uint8).reshape(4, 16, 64)
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(4) % 2)
    assert named_labels(prepared(tmp_path / "a.npz", "folders")) == ["0", "1", "0", "1"]
    assert named_labels(prepared(tmp_path / "a.npz", "off")) is None
    with pytest.raises(DataError, match="lie in none"):
        prepared(tmp_path / "a.npz", "1")


def test_other_labels_are_other_data(tmp_path: Path) -> None:
    data = folder(tmp_path / "a", *NAMES)
    prints = {prepared(data, choice).fingerprint for choice in ("scores", "folders", "off")}
    assert len(prints) == 3
    assert prepared(data, "2").fingerprint == prepared(data).fingerprint
