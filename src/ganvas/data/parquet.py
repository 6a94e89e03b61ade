"""Parquet files with the bytes of an image file per row, like data sets on the Hugging Face hub.

pyarrow is imported only here, and only when a parquet file is opened.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL.Image import Image

from ganvas.data.decoding import open_image
from ganvas.data.source import (
    FileStamp,
    Item,
    Source,
    UnusableImage,
    file_stamp,
    sorted_labels,
)
from ganvas.errors import DataError
from ganvas.storage import utf8_name

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels")

# Row groups in memory. A few threads read images in order, so neighbours share a group.
_GROUPS_KEPT = 2


@dataclass(frozen=True, eq=False)
class ParquetSource(Source):
    """The rows of one or more parquet files, read by row group."""

    groups: Sequence[tuple[Path, int, str]] = field(repr=False)
    """File, number of the row group, and name of the image column."""
    ends: Sequence[int] = field(repr=False)
    """Index after the last row of each group, counted over all groups."""
    read_group: Callable[[int], Sequence[bytes | None]] = field(repr=False)

    def stamps(self) -> list[FileStamp]:
        """Those of the files of the rows."""
        stamp_of = {path: file_stamp(path) for path in {path for path, _, _ in self.groups}}
        starts = [0, *self.ends]
        return [
            stamp_of[path]
            for number, (path, _, _) in enumerate(self.groups)
            for _ in range(starts[number], starts[number + 1])
        ]

    def content(self, index: int) -> bytes:
        """The image file's bytes. Raises UnusableImage where the row has none or is damaged."""
        group = bisect.bisect_right(self.ends, index)
        row = index - (self.ends[group - 1] if group else 0)
        try:
            content = self.read_group(group)[row]
        except (OSError, ValueError) as error:  # pyarrow's own errors derive from these
            raise UnusableImage(f"damaged in the parquet file ({error})") from error
        if content is None:
            raise UnusableImage("no image bytes in this row")
        return content

    def read(self, index: int) -> Image:
        """The image, its header read. Raises UnusableImage."""
        return open_image(self.content(index))


def open_parquet(location: Path, files: Sequence[Path]) -> ParquetSource:
    """List the rows of parquet files. Reads only the labels.

    The column `image` (or `img`) is bytes or a struct with `bytes`; `label` is optional.

    Raises:
        DataError: pyarrow is missing, a file is damaged, or there is no image column.
    """
    parquet = _pyarrow_parquet(location)
    groups: list[tuple[Path, int, str]] = []
    counts: list[int] = []
    items: list[Item] = []
    known: tuple[str, ...] = ()
    for path in files:
        try:
            with utf8_name(path) as name, parquet.ParquetFile(name) as file:
                column = _image_column(file.schema_arrow, path)
                labels, known = _labels(file, known)
                rows = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read {path}: {error}") from error
        groups += [(path, number, column) for number in range(len(rows))]
        counts += rows
        items += [Item(f"{path.stem}[{row}]", label) for row, label in enumerate(labels)]
    if not items:
        raise DataError(f"{location} holds no images: its parquet files have no rows")
    labels_seen = {item.label for item in items}
    return ParquetSource(
        name=location.stem if location.is_file() else location.name,
        location=str(location),
        items=items,
        label_names=known if labels_seen <= set(known) else sorted_labels(labels_seen),
        groups=groups,
        ends=list(itertools.accumulate(counts)),
        read_group=functools.lru_cache(_GROUPS_KEPT)(functools.partial(_read_group, groups)),
    )


def _pyarrow_parquet(location: Path) -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(
            f"reading {location} needs pyarrow. Install it: pip install 'ganvas[parquet]'"
        ) from error
    return pyarrow.parquet


def _read_group(groups: Sequence[tuple[Path, int, str]], number: int) -> Sequence[bytes | None]:
    path, group, column = groups[number]
    with utf8_name(path) as name, _pyarrow_parquet(path).ParquetFile(name) as file:
        values = file.read_row_group(group, columns=[column]).column(0).to_pylist()
    return [value["bytes"] if isinstance(value, dict) else value for value in values]


def _image_column(schema: Any, path: Path) -> str:
    names: list[str] = list(schema.names)
    for name in IMAGE_COLUMNS:
        kind = str(schema.field(name).type) if name in names else ""
        if "binary" in kind and (kind in ("binary", "large_binary") or "bytes:" in kind):
            return name
    raise DataError(
        f"{path} has no column `image` with image files' bytes; it has "
        + ", ".join(f"{name} ({schema.field(name).type})" for name in names)
    )


def _labels(file: Any, known: tuple[str, ...]) -> tuple[list[str | None], tuple[str, ...]]:
    """The label of each row, and the class names from Hugging Face metadata, if present."""
    column = next((name for name in LABEL_COLUMNS if name in file.schema_arrow.names), None)
    if column is None:
        return [None] * file.metadata.num_rows, known
    values = file.read(columns=[column]).column(0).to_pylist()
    metadata = (file.schema_arrow.metadata or {}).get(b"huggingface")
    if metadata:
        features = json.loads(metadata).get("info", {}).get("features", {})
        known = tuple(features.get(column, {}).get("names", ())) or known
    return [_label(value, known) for value in values], known


def _label(value: object, names: Sequence[str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return str(value)
