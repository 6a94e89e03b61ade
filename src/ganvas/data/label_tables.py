"""Labels of image files from a table beside them, such as labels.csv or metadata.jsonl."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ganvas.formatting import format_first
from ganvas.labels import composed

FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "name", "id")
LABEL_COLUMNS = ("label", "class", "category")
"""Names of columns, in lower case; of several the first is taken."""
TEXT_SUFFIXES = (".csv", ".tsv")
JSON_LINES = "metadata.jsonl"
"""Of Hugging Face's ImageFolder: an object in each line."""
STYLEGAN_TABLE = "dataset.json"
"""Of StyleGAN's and EDM's data sets: {"labels": [["00000/img00000000.png", 6], ...]}."""
MOST_TABLES = 20
"""More than these are notes on single images."""
MOST_NAMED = 4

Rows = list[tuple[str, str]]
"""Of each row the file that it names, and its label."""


class UnusableTable(Exception):
    """Raised for a table that gives no labels; the message says why, after the table's name."""


@dataclass(frozen=True)
class LabelTable:
    """What a table says of images.

    name: of the table's file.
    labels: of each image, None where no row names it; empty for a table that is not read.
    unmatched: how many rows name none of the images.
    problem: why it is not read; empty where it is.
    """

    name: str
    labels: tuple[str | None, ...] = ()
    unmatched: int = 0
    problem: str = ""

    @property
    def is_read(self) -> bool:
        """Whether it says the labels of the images."""
        return not self.problem


def is_label_table(name: str) -> bool:
    """Whether a file may be a table of labels, by its name with `/` between folders."""
    file = PurePosixPath(name).name.lower()
    known = file.endswith(TEXT_SUFFIXES) or file in (JSON_LINES, STYLEGAN_TABLE)
    return known and not file.startswith(".")


def tables_above(tables: Sequence[str], names: Sequence[str]) -> list[str]:
    """The tables in whose folder, or below it, all images lie; none where they are many.

    Args:
        tables, names: of the tables and of the images, with `/` between folders.
    """
    folders = {name.rpartition("/")[0] for name in names}
    above = [
        table
        for table in tables
        if all(f"{folder}/".startswith(_folder_of(table)) for folder in folders)
    ]
    return above if len(above) <= MOST_TABLES else []


def read_label_tables(
    tables: Mapping[str, bytes], names: Sequence[str], labelled_by_folders: bool
) -> LabelTable | None:
    """The table whose labels the images get; None where there is none, or folders give the labels.

    StyleGAN's dataset.json decides whatever the folders are called, which are of 1,000 images each.

    Args:
        tables: the content of each by its name, of those that `tables_above` gives.
        names: of the images, with `/` between folders.
        labelled_by_folders: whether all images have labels by the names of their folders.
    """
    read = [read_label_table(name, content, names) for name, content in sorted(tables.items())]
    usable = [table for table in read if table.is_read]
    for table in usable:
        if PurePosixPath(table.name).name.lower() == STYLEGAN_TABLE:
            return table
    if labelled_by_folders:
        return None
    return joined(usable, names) if len(usable) > 1 else next(iter(usable or read), None)


def joined(tables: Sequence[LabelTable], names: Sequence[str]) -> LabelTable:
    """Tables that are read, as one; not read where two give an image different labels."""
    given: dict[int, tuple[str, str]] = {}
    for table in tables:
        for index, label in enumerate(table.labels):
            if label is None:
                continue
            before, giver = given.setdefault(index, (label, table.name))
            if before != label:
                text = f"says {label} of {names[index]}, and {giver} says {before}"
                return LabelTable(table.name, problem=f"it {text}. Move one of the two away")
    labels = tuple(given[index][0] if index in given else None for index in range(len(names)))
    name = " and ".join(table.name for table in tables)
    return LabelTable(name, labels, sum(table.unmatched for table in tables))


def read_label_table(name: str, content: bytes, names: Sequence[str]) -> LabelTable:
    """What one table says of the images, which lie in its folder or below."""
    above = len(_folder_of(name))
    try:
        rows = _rows(PurePosixPath(name).name.lower(), content)
        labels, unmatched = _labels_of([image[above:] for image in names], rows)
    except UnusableTable as problem:
        return LabelTable(name, problem=str(problem))
    return LabelTable(name, labels, unmatched)


def _rows(name: str, content: bytes) -> Rows:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableTable("it is not UTF-8 text") from None
    if name == STYLEGAN_TABLE:
        return _stylegan_rows(text)
    return _rows_by_columns(_json_lines(text) if name == JSON_LINES else _text_table(text))


def _stylegan_rows(text: str) -> Rows:
    try:
        labels = json.loads(text)["labels"]
        rows = [(str(file), label) for file, label in labels or ()]
    except (ValueError, KeyError, TypeError):
        raise UnusableTable('it has no list "labels" of files and their labels') from None
    if not all(isinstance(label, int | str) for _, label in rows):
        raise UnusableTable("its labels are no numbers of classes")
    return [(file, str(label)) for file, label in rows]


def _text_table(text: str) -> Iterator[dict[str, Any]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        yield from csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise UnusableTable(f"it is damaged: {error}") from None


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line or "{}")
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UnusableTable(f"its line {number} is no JSON object")
        if row:
            yield row


def _rows_by_columns(table: Iterator[dict[str, Any]]) -> Rows:
    rows = []
    file_column = label_column = ""
    for row in table:
        if not file_column:
            file_column = _column(row, FILE_COLUMNS)
            label_column = _column(row, LABEL_COLUMNS)
        file, label = row.get(file_column), row.get(label_column)
        if file is not None and label is not None and str(label).strip():
            rows.append((str(file).strip(), str(label).strip()))
    return rows


def _column(row: Mapping[Any, Any], known: Sequence[str]) -> str:
    """The column of a row that has one of the known names."""
    by_name = {str(column).strip().lower(): column for column in row if column is not None}
    for name in known:
        if name in by_name:
            return str(by_name[name])
    columns = format_first([str(column) for column in by_name.values()], MOST_NAMED)
    *first, last = known
    raise UnusableTable(f"its columns are {columns}: none is called {', '.join(first)} or {last}")


def _labels_of(names: Sequence[str], rows: Rows) -> tuple[tuple[str | None, ...], int]:
    """The label of each image, and how many rows name none.

    A row names an image by its path below the table's folder, or, where only one image has it, by
    its file's name with or without suffix.
    """
    index_of: dict[str, int] = {}
    for key_of in (_stem, _file_name, str):  # the later ones replace the earlier ones
        index_of |= _unique([composed(key_of(name)) for name in names])
    labels: list[str | None] = [None] * len(names)
    unmatched = 0
    for file, label in rows:
        index = index_of.get(composed(file.replace("\\", "/").removeprefix("./")))
        if index is None:
            unmatched += 1
        elif labels[index] not in (None, label):
            raise UnusableTable(f"it says both {labels[index]} and {label} of {names[index]}")
        else:
            labels[index] = label
    if unmatched == len(rows):
        first = f", its first is {rows[0][0]}" if rows else ""
        raise UnusableTable(f"none of its {len(rows):,} rows names an image{first}")
    return tuple(labels), unmatched


def _unique(keys: Sequence[str]) -> dict[str, int]:
    """The index of each key that occurs once."""
    counts = Counter(keys)
    return {key: index for index, key in enumerate(keys) if counts[key] == 1}


def _folder_of(table: str) -> str:
    """The table's folder, with a `/` behind it; empty at the root."""
    return "".join(table.rpartition("/")[:2])


def _file_name(name: str) -> str:
    return PurePosixPath(name).name


def _stem(name: str) -> str:
    return PurePosixPath(name).stem
