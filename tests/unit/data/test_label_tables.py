"""Labels of image files from a table beside them."""

from __future__ import annotations

import json
import os
import unicodedata
import zipfile
from pathlib import Path

import pytest

from ganvas.data.folder_labels import with_labels
from ganvas.data.image_files import FolderSource, ZipSource
from ganvas.data.label_tables import MOST_TABLES, read_label_table
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.sources import open_source
from ganvas.errors import DataError

from .pictures import encoded, flat

NAMES = ("a/1.png", "a/2.jpg", "b/3.png")
LABELS = ("cat", "dog", "cat")
TABLES = {
    "labels.csv": "file,label\na/1.png,cat\na/2.jpg,dog\nb/3.png,cat\n",
    "semicolons.csv": "label;file_name\ncat;a/1.png\ndog;a/2.jpg\ncat;b/3.png\n",
    "quoted.csv": '"id","what","class"\n"1","x, y","cat"\n"2","","dog"\n"3","","cat"\n',
    "tabs.tsv": "Image\tCategory\n1.png\tcat\n2.jpg\tdog\n3.png\tcat\n",
    "windows.csv": "\ufefffile,label\r\n.\\a\\1.png,cat\r\na\\2.jpg, dog \r\nb\\3.png,cat\r\n",
    "metadata.jsonl": "\n".join(
        json.dumps({"file_name": name, "label": label})
        for name, label in zip(NAMES, LABELS, strict=True)
    ),
    "dataset.json": json.dumps(
        {
            "labels": [
                [name, label] for name, label in zip(NAMES, ("cat", "dog", "cat"), strict=True)
            ]
        }
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_labels_the_images_that_it_names(name: str) -> None:
    table = read_label_table(name, TABLES[name].encode(), NAMES)
    assert (table.labels, table.unmatched, table.problem) == (LABELS, 0, "")


def test_accents_match_as_macos_stores_them_in_names_and_as_they_are_typed() -> None:
    content = "file,label\né.png,cat\ncafé/ü,dog\n".encode()
    names = [unicodedata.normalize("NFD", name) for name in ("é.png", "café/ü")]
    assert read_label_table("labels.csv", content, names).labels == ("cat", "dog")


def test_rows_without_an_image_are_counted_and_images_without_a_row_have_no_label() -> None:
    content = b"file,label\n1.png,cat\n4.png,cat\n2.jpg,\n"
    table = read_label_table("labels.csv", content, NAMES)
    assert (table.labels, table.unmatched) == (("cat", None, None), 1)


def test_a_name_that_two_images_share_names_neither() -> None:
    names = ("a/1.png", "b/1.png", "b/1.jpg", "c.png")
    content = b"file,label\n1.png,cat\n1,cat\nb/1.jpg,dog\nc,fox\n"
    table = read_label_table("labels.csv", content, names)
    assert (table.labels, table.unmatched) == ((None, None, "dog", "fox"), 2)


def test_a_whole_path_counts_before_a_name_without_folder_or_suffix() -> None:
    names = ("cat.png", "a/cat.png.jpg", "b/dog.jpg", "dog.jpg")
    content = b"file,label\ncat.png,cat\ndog.jpg,dog\n"
    assert read_label_table("labels.csv", content, names).labels == ("cat", None, None, "dog")


def test_of_several_columns_those_that_say_most_clearly_what_they_are_count() -> None:
    """A number is often called id, and a class may stand beside a label."""
    content = b"id,class,file_name,label\n7,1,1.png,cat\n8,2,2.png,dog\n"
    assert read_label_table("labels.csv", content, ("1.png", "2.png")).labels == ("cat", "dog")


def test_paths_in_a_table_start_at_its_own_folder() -> None:
    names = ("photos/1/x.png", "photos/2/x.png")
    content = b"file,label\n1/x.png,cat\n2/x.png,dog\n"
    assert read_label_table("photos/labels.csv", content, names).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "x.csv",
            "file,smiling\n1.png,yes\n",
            "its columns are file, smiling: none is",
        ),
        (
            "x.csv",
            "photo,label\n1.png,cat\n",
            "its columns are photo, label: none is",
        ),
        ("x.csv", "file,label\n", "none of its 0 rows names an image"),
        ("x.csv", "file,label\n9.png,cat\n", "none of its 1 rows names an image, its first is 9."),
        ("x.csv", "file,label\n1.png,cat\na/1.png,dog\n", "it says both cat and dog of a/1.png"),
        ("x.csv", 'file,label\n"1.png,cat\n', "it is damaged: unexpected end of data"),
        ("metadata.jsonl", '{"file_name": "1.png"}\n[1]\n', "its columns are file_name: none"),
        ("metadata.jsonl", "[1]\n", "its line 1 is no JSON object"),
        ("metadata.jsonl", "\n{", "its line 2 is no JSON object"),
        ("dataset.json", "{}", 'it has no list "labels"'),
        ("dataset.json", '{"labels": null}', "none of its 0 rows names an image"),
        ("dataset.json", '{"labels": [["1.png", [0, 1]]]}', "its labels are no numbers of classes"),
        ("dataset.json", "[", 'it has no list "labels"'),
    ],
)
def test_a_table_that_gives_no_labels_says_why(name: str, content: str, problem: str) -> None:
    table = read_label_table(name, content.encode(), NAMES)
    assert table.labels == ()
    assert table.problem.startswith(problem)


def test_a_table_that_is_no_text_says_so() -> None:
    table = read_label_table("x.csv", "file,label\n1.png,Bär\n".encode("latin-1"), NAMES)
    assert table.problem == "it is not UTF-8 text"


def images(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(flat("L", 40 * number)))
    return folder


def labels_of(source: object) -> dict[str, str | None]:
    assert isinstance(source, Source)
    return {item.name: item.label for item in source.items}


def test_a_folder_gets_its_labels_from_its_table(tmp_path: Path) -> None:
    folder = images(tmp_path / "photos", "images/1.png", "images/2.png", "images/3.png")
    (folder / "labels.csv").write_text("file,label\n1,b\n2,a\n3,b\n", encoding="utf-8")
    source = open_source(folder)
    assert isinstance(source, FolderSource)
    assert source.label_names == ("a", "b")
    prepared = prepare(source, DataSettings(held_out=0.0), tmp_path / "cache")
    assert prepared.labels is not None
    assert prepared.labels.tolist() == [1, 0, 1]


def test_an_archive_gets_its_labels_from_its_table(tmp_path: Path) -> None:
    folder = images(tmp_path, "1.png", "2.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for name in ("1.png", "2.png"):
            archive.write(folder / name, f"photos/{name}")
        archive.writestr("photos/metadata.csv", "file_name,label\n1.png,x\n2.png,y\n")
    source = open_source(tmp_path / "photos.zip")
    assert isinstance(source, ZipSource)
    assert labels_of(source) == {"photos/1.png": "x", "photos/2.png": "y"}


def test_a_damaged_table_in_an_archive_is_an_error(tmp_path: Path) -> None:
    folder = images(tmp_path, "1.png")
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "1.png", "1.png")
        archive.writestr("labels.csv", "file,label\n1.png,x\n")
    path.write_bytes(path.read_bytes().replace(b"file,label\n1.png,x", b"file,label\n1.png,y"))
    with pytest.raises(DataError, match=r"its table labels\.csv: damaged in the archive"):
        open_source(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_table_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    folder = images(tmp_path, "1.png")
    os.mkfifo(folder / "labels.csv")
    with pytest.raises(DataError, match=r"its table labels\.csv: not a regular file"):
        open_source(folder)


def test_labels_of_folders_win_over_a_table(tmp_path: Path) -> None:
    folder = images(tmp_path, "cat/1.png", "dog/2.png")
    (folder / "labels.csv").write_text("file,label\n1,x\n2,y\n", encoding="utf-8")
    assert set(labels_of(open_source(folder)).values()) == {"cat", "dog"}


def test_the_labels_of_stylegans_table_win_over_its_numbered_folders(tmp_path: Path) -> None:
    folder = images(tmp_path, "00000/img00000000.png", "00001/img00001000.png")
    rows = [["00000/img00000000.png", 7], ["00001/img00001000.png", 7]]
    (folder / "dataset.json").write_text(json.dumps({"labels": rows}), encoding="utf-8")
    assert set(labels_of(open_source(folder)).values()) == {"7"}
    (folder / "dataset.json").write_text('{"labels": null}', encoding="utf-8")
    assert set(labels_of(open_source(folder)).values()) == {"00000", "00001"}


def test_tables_that_each_label_some_of_the_images_are_read_as_one(tmp_path: Path) -> None:
    folder = images(tmp_path, "1.png", "2.png", "3.png")
    (folder / "test.csv").write_text("file,label\n3,z\n9,x\n", encoding="utf-8")
    (folder / "train.csv").write_text("file,label\n1,x\n2,y\n3,z\n", encoding="utf-8")
    (folder / "prices.csv").write_text("file,price\n1,3\n", encoding="utf-8")
    source = open_source(folder)
    assert list(labels_of(source).values()) == ["x", "y", "z"]
    assert isinstance(source, Source)
    assert source.label_table is not None
    assert (source.label_table.name, source.label_table.unmatched) == ("test.csv and train.csv", 1)


def test_of_two_tables_that_disagree_neither_is_read(tmp_path: Path) -> None:
    folder = images(tmp_path, "1.png", "2.png")
    (folder / "a.csv").write_text("file,label\n1,x\n2,y\n", encoding="utf-8")
    (folder / "b.csv").write_text("file,label\n1,x\n2,z\n", encoding="utf-8")
    source = open_source(folder)
    assert set(labels_of(source).values()) == {None}
    assert isinstance(source, Source)
    assert source.label_table is not None
    assert source.label_table.name == "b.csv"
    problem = "it says z of 2.png, and a.csv says y. Move one of the two away"
    assert source.label_table.problem == problem


def test_a_table_below_some_images_and_notes_on_single_images_are_no_tables(tmp_path: Path) -> None:
    folder = images(tmp_path, "1.png", "more/2.png")
    (folder / "more" / "labels.csv").write_text("file,label\n1,x\n2,y\n", encoding="utf-8")
    for number in range(MOST_TABLES + 1):
        (folder / f"{number}.csv").write_text("file,label\n1,x\n2,y\n", encoding="utf-8")
    source = open_source(folder)
    assert isinstance(source, Source)
    assert source.label_table is None


@pytest.mark.parametrize("choice", ["off", "folders", "1"])
def test_other_labels_can_be_chosen(tmp_path: Path, choice: str) -> None:
    folder = images(tmp_path, "train/1.png", "test/2.png")
    (folder / "labels.csv").write_text("file,label\n1,x\n2,y\n", encoding="utf-8")
    source = open_source(folder)
    assert isinstance(source, Source)
    assert set(labels_of(source).values()) == {"x", "y"}
    chosen = with_labels(source, choice)  # type: ignore[arg-type] - parametrised
    folders = {None} if choice == "off" else {"train", "test"}
    assert set(labels_of(chosen).values()) == folders
    assert chosen.label_table is None
