"""Parquet files with an image per row, as in data sets on the Hugging Face hub: a file's bytes, or
pixels in nested lists.

pyarrow is imported only here, and only when a parquet file is opened.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.data.arrays import array_content
from ganvas.data.bit_depth import Picture, picture_of
from ganvas.data.opening import open_image
from ganvas.data.source import (
    LABEL_WORDS,
    FileStamp,
    Item,
    Source,
    UnusableImage,
    file_stamp,
    names_with,
    sorted_labels,
)
from ganvas.errors import DataError
from ganvas.extras import check_extra
from ganvas.json_files import parse_json
from ganvas.storage import utf8_name

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "labels")
OTHER_LABEL_COLUMNS = names_with(*LABEL_WORDS, "category", "categories")
"""Other tools' names: fine_label, target, class_id. Not y, which is often a coordinate."""
NO_LABEL = -1
"""Among numbers of classes that have names, as in test sets without labels."""


class Columns(NamedTuple):
    """The columns to read; empty for those that are found."""

    image: str = ""
    label: str = ""


FOUND = Columns()
"""No column is named."""

# Row groups in memory. A few threads read images in order, so neighbours share a group.
_GROUPS_KEPT = 2


@dataclass(frozen=True, eq=False)
class ParquetSource(Source):
    """The rows of one or more parquet files, read by row group."""

    groups: Sequence[tuple[Path, int, str]] = field(repr=False)
    """File, number of the row group, and name of the image column."""
    ends: Sequence[int] = field(repr=False)
    """Index after the last row of each group, counted over all groups."""
    read_group: Callable[[int], Sequence[Any]] = field(repr=False)
    """The values of a group's rows: bytes, nested lists of numbers, or None."""
    pixel_type: np.dtype[Any] | None
    """The number type of nested lists; None for bytes."""

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """That of nested lists."""
        return self.pixel_type

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
        """The image file's bytes, or those of its pixels. Raises UnusableImage as `read`."""
        value = self._value(index)
        return value if isinstance(value, bytes) else array_content(value)

    def read(self, index: int) -> Picture:
        """The image. Raises UnusableImage where the row has none or is damaged."""
        value = self._value(index)
        return open_image(value) if isinstance(value, bytes) else picture_of(value)

    def _value(self, index: int) -> bytes | npt.NDArray[Any]:
        """The bytes of a row, or its pixels (H, W, C)."""
        group = bisect.bisect_right(self.ends, index)
        row = index - (self.ends[group - 1] if group else 0)
        try:
            value = self.read_group(group)[row]
        except (OSError, ValueError) as error:  # pyarrow's own errors derive from these
            raise UnusableImage(f"damaged in the parquet file ({error})") from error
        if value is None:
            raise UnusableImage("no image bytes in this row")
        return value if isinstance(value, bytes) else _pixels(value, self.pixel_type)


def open_parquet(location: Path, files: Sequence[Path], columns: Columns = FOUND) -> ParquetSource:
    """List the rows of parquet files. Reads only the labels.

    The image column is bytes, a struct with `bytes`, or numbers in nested lists (H, W), (H, W, C)
    or (C, H, W). It is called `image` or `img`, or is the only one that holds image files. The
    label column is called `label` or `labels`, or is the only one with class names, or the only one
    of whole numbers or texts whose name is one of labels: fine_label. It is optional.

    Args:
        location: what the user gave.
        files: the files.
        columns: those to read, where others than these.

    Raises:
        MissingExtra: pyarrow is missing.
        DataError: a file is damaged, there is no such column, or it is of another kind in another
            file.
    """
    parquet = _pyarrow_parquet(location)
    groups: list[tuple[Path, int, str]] = []
    counts: list[int] = []
    items: list[Item] = []
    known: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    types: dict[np.dtype[Any] | None, Path] = {}
    for path in files:
        try:
            with utf8_name(path) as name, parquet.ParquetFile(name) as file:
                column, pixel_type = _image_column(file.schema_arrow, path, columns.image)
                label_columns, names_of = _label_columns(file.schema_arrow, path, columns.label)
                labels: list[str | None] = [None] * file.metadata.num_rows
                if len(label_columns) == 1:
                    known = names_of.get(label_columns[0]) or known
                    labels = _labels(file, label_columns[0], known)
                else:
                    unread = label_columns or unread
                rows = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read {path}: {error}") from error
        if types.setdefault(pixel_type, path) == path and len(types) > 1:
            raise DataError(
                f"{path} holds images of another kind than {next(iter(types.values()))}; "
                "give files of one kind"
            )
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
        pixel_type=next(iter(types)),
        read_group=functools.lru_cache(_GROUPS_KEPT)(functools.partial(_read_group, groups)),
        unread_labels=unread,
    )


def _pyarrow_parquet(location: Path) -> Any:
    check_extra("parquet", f"reading {location}", "pyarrow")
    import pyarrow.parquet

    return pyarrow.parquet


def _read_group(groups: Sequence[tuple[Path, int, str]], number: int) -> Sequence[Any]:
    path, group, column = groups[number]
    with utf8_name(path) as name, _pyarrow_parquet(path).ParquetFile(name) as file:
        values = file.read_row_group(group, columns=[column]).column(0).to_pylist()
    return [value["bytes"] if isinstance(value, dict) else value for value in values]


def _pixels(value: Any, pixel_type: np.dtype[Any] | None) -> npt.NDArray[Any]:
    """Nested lists as an array (H, W, C)."""
    try:
        array = np.array(value, pixel_type)
    except (ValueError, TypeError) as error:
        raise UnusableImage("a number is missing, or its rows differ in length") from error
    if array.ndim == 2:
        return array[:, :, None]
    if 1 <= array.shape[2] <= 4:
        return array
    if 1 <= array.shape[0] <= 4:
        return array.transpose(1, 2, 0)
    raise UnusableImage(f"shape {array.shape}, expected (H, W), (H, W, C) or (C, H, W)")


def _image_column(schema: Any, path: Path, chosen: str) -> tuple[str, np.dtype[Any] | None]:
    """The name of the image column, and the number type of its nested lists; None for bytes."""
    names: list[str] = list(schema.names)
    structs = [name for name in names if "bytes:" in str(schema.field(name).type)]
    candidates = [chosen] if chosen else [*IMAGE_COLUMNS, *(structs if len(structs) == 1 else ())]
    for name in candidates:
        kind = str(schema.field(name).type) if name in names else ""
        if "binary" in kind and (kind in ("binary", "large_binary") or "bytes:" in kind):
            return name, None
        pixel_type = _list_type(schema.field(name).type) if name in names else None
        if pixel_type is not None:
            return name, pixel_type
    raise DataError(
        f"{path} has no column `{chosen or 'image'}` with image files' bytes or nested lists of "
        f"numbers; it has {_listed(schema)}"
    )


def _listed(schema: Any) -> str:
    return ", ".join(f"{name} ({schema.field(name).type})" for name in schema.names)


def _list_type(kind: Any) -> np.dtype[Any] | None:
    """The type of the numbers in lists of lists (of lists); None for any other column."""
    from pyarrow import BaseExtensionType, types

    kind = kind.storage_type if isinstance(kind, BaseExtensionType) else kind
    levels = 0
    while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind, levels = kind.value_type, levels + 1
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return np.dtype(kind.to_pandas_dtype()) if levels in (2, 3) and is_number else None


def _label_columns(
    schema: Any, path: Path, chosen: str
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The column of labels; and class names, from Hugging Face metadata.

    Without a usual name it is the one with class names, or else the one that other tools name so.
    Where it is several columns, nothing tells which of them is meant.
    """
    if chosen and chosen not in schema.names:
        raise DataError(f"{path} has no column `{chosen}` of labels; it has {_listed(schema)}")
    names_of = _class_names((schema.metadata or {}).get(b"huggingface"))
    usual = [name for name in LABEL_COLUMNS if name in schema.names]
    if chosen or usual:
        return (chosen or usual[0],), names_of
    with_names = tuple(name for name in schema.names if name in names_of)
    named = (name for name in schema.names if OTHER_LABEL_COLUMNS.fullmatch(name))
    others = tuple(name for name in named if _holds_labels(schema.field(name).type))
    return with_names or others, names_of


def _holds_labels(kind: Any) -> bool:
    """Whether values of this type can be labels: whole numbers or texts, or pandas' categories."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind))


def _labels(file: Any, column: str, names: Sequence[str]) -> list[str | None]:
    """The label of each row of a file."""
    values = file.read(columns=[column]).column(0).to_pylist()
    return [_label(value, names) for value in values]


def _class_names(metadata: bytes | None) -> dict[str, tuple[str, ...]]:
    """The class names of columns, from Hugging Face metadata; none where it cannot be read."""
    table: object = None
    with contextlib.suppress(ValueError):
        table = parse_json(metadata or b"{}")
    for key in ("info", "features"):
        table = table.get(key) if isinstance(table, dict) else None
    features = table if isinstance(table, dict) else {}
    return {
        name: tuple(map(str, feature["names"]))
        for name, feature in features.items()
        if isinstance(feature, dict) and isinstance(feature.get("names"), list)
    }


def _label(value: object, names: Sequence[str]) -> str | None:
    if value is None or (names and value == NO_LABEL):
        return None
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return str(value)
