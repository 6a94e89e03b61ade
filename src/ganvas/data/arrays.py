"""Images stored as pixels: .npy and .npz arrays, and IDX files (the format of MNIST)."""

from __future__ import annotations

import bisect
import contextlib
import gzip
import itertools
import lzma
import math
import re
import threading
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.bit_depth import Picture, picture_of
from ganvas.data.source import (
    LABEL_WORDS,
    FileStamp,
    Item,
    Source,
    file_stamp,
    names_with,
    sorted_labels,
)
from ganvas.data.unpacking import unpacking_problem
from ganvas.errors import DataError

ImageArray = npt.NDArray[Any]

IMAGE_KEYS = ("images", "x", "arr_0")
LABEL_KEYS = ("labels", "y")
OTHER_LABEL_KEYS = names_with("y", *LABEL_WORDS)
"""Other tools' names: y_train, train_labels, target."""
IDX_IMAGES = re.compile(r"(?P<part>.*?)[-_.]?images[-.]idx3-ubyte(\.gz)?", re.IGNORECASE)
NUMBER_KINDS = "buif"
"""Numpy's letters for number types of pixels: boolean, unsigned, signed and float."""
LABEL_KINDS = "iuU"
"""Numpy's letters for number types of labels: signed, unsigned and text."""
_IDX_UBYTE = 0x08
_READER_ERRORS = (
    *(ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError),
)
"""What zipfile, its decompressors and numpy's reader of headers raise for damaged files."""


@dataclass(frozen=True, eq=False)
class Part:
    """One array of a source."""

    name: str
    count: int
    dtype: np.dtype[Any]
    stamp: FileStamp
    """Of its file, taken before the file was opened."""
    load: Callable[[], ImageArray]
    """Returns the array (count, H, W, C)."""


@dataclass(frozen=True, eq=False)
class ArraySource(Source):
    """Rows of one or more arrays of one number type, each (N, H, W, C) with C 1 to 4."""

    parts: Sequence[Part] = field(repr=False)
    ends: Sequence[int] = field(repr=False)
    """Index after the last image of each array, counted over all arrays."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the arrays."""
        return self.parts[0].dtype

    def stamps(self) -> list[FileStamp]:
        """Those of the arrays' files."""
        return [part.stamp for part in self.parts for _ in range(part.count)]

    def content(self, index: int) -> bytes:
        """Type, shape and pixels, since the same bytes in another shape are another image."""
        return array_content(self._row(index))

    def read(self, index: int) -> Picture:
        """The image; its mode (L, LA, RGB, RGBA) follows from the number of channels."""
        return picture_of(self._row(index))

    def _row(self, index: int) -> ImageArray:  # (H, W, C)
        number = bisect.bisect_right(self.ends, index)
        start = self.ends[number] - self.parts[number].count
        row: ImageArray = self.parts[number].load()[index - start]
        return row


def open_npy(path: Path) -> ArraySource:
    """Memory-map a .npy file.

    Raises:
        DataError: cut, without images, or with Python objects, which are never unpickled.
    """
    stamp = file_stamp(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _READER_ERRORS as error:
        raise DataError(f"cannot read {path}: {error}") from error
    images = _layout(array.shape, array.dtype, str(path))(array)
    part = Part(path.stem, len(images), array.dtype, stamp, lambda: images)
    return _source(path.stem, str(path), [part], None)


def open_npz(path: Path) -> ArraySource:
    """Read images (`images`, `x` or `arr_0`) and labels (`labels`, `y`) of an .npz file.

    Without these names, the only array of images is taken, and the only array of as many whole
    numbers or texts whose name is one of labels: x_train and y_train.

    Reads the labels now, and the images when the first one is read. Then they stay in memory; use
    .npy for a large set.

    Raises:
        DataError: cut, without images, with labels that do not match, or Python objects.
    """
    stamp = file_stamp(path)
    with _npz_errors(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        key = _image_key(path, file)
        shape, dtype = _header(file, key)
        labels, unread_labels = None, _label_keys(file, key, shape[:1])
        if len(unread_labels) == 1:
            labels, unread_labels = _as_labels(file, path, unread_labels[0]), ()
    layout = _layout(shape, dtype, f"{path}, array {key}")
    load = _once(lambda: layout(_read_npz(path, key, shape)))
    part = Part(key, shape[0], dtype, stamp, load)
    return _source(path.stem, str(path), [part], labels, unread_labels=unread_labels)


def open_idx(
    folder: Path,
    files: Sequence[Path],
    label_names: tuple[str, ...] = (),
    location: str | None = None,
) -> ArraySource:
    """Read IDX image files and their label files; labels are used only if no label file is missing.

    Args:
        folder: gives the source its name.
        files: the image files, in order.
        label_names: names for the label numbers 0, 1, 2, ...; the numbers themselves if empty.
        location: the argument of `open_source`, if it is not the folder's path.

    Raises:
        DataError: a cut or damaged file, or another number of labels than of images.
    """
    parts: dict[str, Part] = {}
    labels: list[str] | None = []
    for path in files:
        match = IDX_IMAGES.fullmatch(path.name)
        name = (match["part"] if match else "") or path.name
        name = path.name if name in parts else name
        stamp, array = file_stamp(path), read_idx(path)
        images = _layout(array.shape, array.dtype, str(path))(array)
        parts[name] = Part(name, len(images), array.dtype, stamp, partial(np.asarray, images))
        label_path = path.with_name(re.sub("images([-.])idx3", r"labels\1idx1", path.name))
        if labels is None or not label_path.is_file():
            labels = None
            continue
        numbers = read_idx(label_path)
        if numbers.shape != (len(array),):
            raise DataError(f"{label_path} has {len(numbers)} labels for {len(array)} images")
        labels += [label_names[n] if label_names else str(n) for n in numbers.tolist()]
    return _source(folder.name, location or str(folder), list(parts.values()), labels, label_names)


def idx_image_files(names: Sequence[str]) -> list[str]:
    """The IDX image files among file names; a plain file wins over its .gz twin."""
    files = sorted(name for name in names if IDX_IMAGES.fullmatch(name))
    return [name for name in files if not (name.endswith(".gz") and name[:-3] in files)]


def read_idx(path: Path) -> ImageArray:
    """Read one IDX file of unsigned bytes, plain or .gz, in the shape its header declares.

    Raises:
        DataError: not an IDX file of bytes, cut, or longer than it declares.
    """
    size_on_disk, packed = path.stat().st_size, path.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] != _IDX_UBYTE or not start[3]:
                raise DataError(
                    f"{path} is not an IDX file of bytes: it starts with {start.hex(' ')!r}, "
                    "expected 00 00 08 and the number of dimensions"
                )
            sides = np.frombuffer(file.read(4 * start[3]), dtype=">u4").tolist()
            size = math.prod(sides) if len(sides) == start[3] else 1
            # A damaged header may declare terabytes, which `read` would allocate.
            problem = unpacking_problem(size_on_disk, size) if packed else None
            if problem is not None:
                raise DataError(f"{path} {problem}")
            # One byte more than declared detects a file that is too long.
            body = file.read((size if packed else min(size, size_on_disk)) + 1)
    except (OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise DataError(f"cannot read {path}: it is cut or damaged ({error})") from error
    if len(body) != size or len(sides) != start[3]:
        shape = "x".join(map(str, sides))
        actual = "more" if len(body) > size else f"only {len(body):,}"
        raise DataError(f"{path} is cut or damaged: {shape} bytes declared, {actual} found")
    return np.frombuffer(body, dtype=np.uint8).reshape(sides)


def array_content(pixels: npt.NDArray[Any]) -> bytes:
    """The bytes that identify an image (H, W, C): its type unless uint8, its shape, its pixels."""
    dtype = "" if pixels.dtype == np.uint8 else f"{pixels.dtype.str} "
    return f"{dtype}{pixels.shape} ".encode() + pixels.tobytes()


def _source(
    name: str,
    location: str,
    parts: Sequence[Part],
    labels: Sequence[str] | None,
    label_names: tuple[str, ...] = (),
    unread_labels: tuple[str, ...] = (),
) -> ArraySource:
    names = [f"{part.name}[{row}]" for part in parts for row in range(part.count)]
    if not names:
        raise DataError(f"{location} holds no images: the first dimension is 0")
    if labels is not None and len(labels) != len(names):
        raise DataError(f"{location} has {len(labels)} labels for {len(names)} images")
    each: Sequence[str | None] = [None] * len(names) if labels is None else labels
    return ArraySource(
        name=name,
        location=location,
        items=[Item(name, label) for name, label in zip(names, each, strict=True)],
        label_names=(label_names or sorted_labels(each)) if labels is not None else (),
        parts=parts,
        ends=list(itertools.accumulate(part.count for part in parts)),
        unread_labels=unread_labels,
    )


@contextlib.contextmanager
def _npz_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except _READER_ERRORS as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _once(load: Callable[[], ImageArray]) -> Callable[[], ImageArray]:
    """The same array at every call, loaded by the first; other threads wait for it."""
    lock, cached = threading.Lock(), cache(load)

    def load_once() -> ImageArray:
        with lock:
            return cached()

    return load_once


def _read_npz(path: Path, key: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """One array of an .npz file; a `DataError` if it is damaged, or no longer has this shape."""
    with _npz_errors(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        array: npt.NDArray[Any] = file[key]
    if array.shape != shape:
        raise DataError(f"{path} changed while it was read; try again")
    return array


def _header(file: Any, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array in an open .npz file, without its values.

    Raises:
        ValueError: another number of bytes than declared, or far more than were packed.
    """
    entry = file.zip.getinfo(f"{key}.npy")
    problem = unpacking_problem(entry.compress_size, entry.file_size)
    if problem is not None:
        raise ValueError(f"array {key} {problem}. A large array may be saved as .npy")
    with file.zip.open(entry) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        found = entry.file_size - member.tell()
    if dtype.itemsize * math.prod(shape) != found and not dtype.hasobject:
        raise ValueError(f"array {key} declares {shape} of {dtype}, but has {found:,} bytes")
    return shape, dtype


def _image_key(path: Path, file: Any) -> str:
    """The array of images."""
    keys: list[str] = list(file.files)
    images = [key for key in IMAGE_KEYS if key in keys][:1]
    if not images:
        others = [key for key in keys if key not in LABEL_KEYS]
        images = [key for key in others if len(_header(file, key)[0]) >= 3]
    if len(images) != 1:
        raise DataError(
            f"{path} has the arrays {', '.join(keys) or '(none)'}; "
            "which holds the images? Save it as `images`, and its labels as `labels`: "
            "numpy.savez('NEW.npz', images=..., labels=...)"
        )
    return images[0]


def _label_keys(file: Any, image_key: str, count: tuple[int, ...]) -> tuple[str, ...]:
    """The array of labels; without one, those that other tools name so, of a value an image."""
    keys: list[str] = [key for key in file.files if key != image_key]
    for key in LABEL_KEYS:
        if key in keys:
            _header(file, key)  # refuses what is cut
            return (key,)
    named = [key for key in keys if OTHER_LABEL_KEYS.fullmatch(key)]
    return tuple(key for key in named if _is_label_column(*_header(file, key), count))


def _is_label_column(shape: tuple[int, ...], dtype: np.dtype[Any], count: tuple[int, ...]) -> bool:
    return dtype.kind in LABEL_KINDS and shape in (count, (*count, 1))


def _layout(
    shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> Callable[[npt.NDArray[Any]], ImageArray]:
    """Check shape and dtype; a function that views such an array as (N, H, W, C).

    Accepts (N, H, W), (N, H, W, C) and (N, C, H, W), C 1 to 4.
    """
    if dtype.kind not in NUMBER_KINDS:
        raise DataError(f"{where} is {dtype}, expected numbers: uint8, uint16 or float32")
    if len(shape) == 3:
        return lambda array: array[:, :, :, None]
    last = len(shape) == 4 and 1 <= shape[3] <= 4
    first = len(shape) == 4 and 1 <= shape[1] <= 4
    if last == first:
        kind = "can be read in two ways" if last else "is no list of images"
        raise DataError(
            f"{where} has the shape {shape}, which {kind}; "
            "expected (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 to 4"
        )
    return (lambda array: array) if last else (lambda array: array.transpose(0, 2, 3, 1))


def _as_labels(file: Any, path: Path, key: str) -> list[str]:
    array = file[key]
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in LABEL_KINDS:
        raise DataError(
            f"{path}, array {key}: expected one whole number or text for each image, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return [str(label) for label in flat.tolist()]
