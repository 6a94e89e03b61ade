"""What prepared data is, and how it is kept in the user's cache: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from platformdirs import user_cache_dir

from ganvas.data.reading import Progress
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, Unusable
from ganvas.errors import DataError
from ganvas.networks.sizes import CHANNEL_NAMES, ImageShape
from ganvas.storage import atomic_directory, remove_drafts, write_json

if TYPE_CHECKING:
    from ganvas.data.generated import GeneratedDataset

FORMAT = 2  # counted up when the same images and settings would give other files
IMAGES, LABELS, HELD_OUT = "images.npy", "labels.npy", "held_out.npy"
DESCRIPTION = "prepared.json"
_STREAMED_LATER = {"flip", "dequantize"}  # settings that leave the prepared pixels as they are

Blocks = Iterator[npt.NDArray[Any]]
"""Arrays (n, C, H, W) that follow each other, so that a large data set is never held whole."""


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Images, decoded and split. Pixels lie in a mapped file; only what is read takes memory."""

    name: str
    """Short name for people."""
    location: str
    """What `open_source` opens again: an absolute path or built-in name, `stacked:` before it."""
    images: npt.NDArray[Any] = field(repr=False)
    """(N, C, H, W), 0 to 255; or points (N, 2, 1, 1), float32: x and y. A read-only memory map."""
    labels: npt.NDArray[np.int64] | None = field(repr=False)
    """(N,), indices into `label_names`; None unless every image has a label."""
    label_names: tuple[str, ...]
    held_out: npt.NDArray[np.int64] = field(repr=False)
    """(M,), ascending: the images that are never trained on."""
    unusable: tuple[Unusable, ...]
    """What was left out, and why, in the order of the source."""
    duplicates: int
    """How many exact copies of other images were left out."""
    fingerprint: str
    """Hash of every name, label and content of the source (32 hex digits)."""
    key: str
    """Hash of the fingerprint and of how the images were prepared; what is derived from them is
    cached under it."""

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width of every image."""
        _, channels, height, width = self.images.shape
        return ImageShape(channels, height, width)

    @cached_property
    def extent(self) -> float | None:
        """Half the side of the square around 0 in which points are drawn; None for images.

        It leaves room around all of them, where a generator's strays are seen.
        """
        return round(1.5 * float(np.abs(self.images).max()), 1) if self.shape.is_point else None

    @cached_property
    def training(self) -> npt.NDArray[np.int64]:
        """(N - M,), ascending: the images to train on."""
        return np.setdiff1d(np.arange(len(self.images)), self.held_out, assume_unique=True)

    def summary(self) -> str:
        """One line for people: what, how many, at which size, how many are held out or left out."""
        count, channels, height, width = self.images.shape
        line = f"{self.name}: {count:,} "
        if self.shape.is_point:
            line += str(self.shape)
        else:
            line += f"images {height}x{width} {CHANNEL_NAMES[channels]}"
        if self.labels is not None:
            line += f", {len(self.label_names):,} labels"
        line += f"; {len(self.training):,} to train on, {len(self.held_out):,} held out"
        if self.duplicates:
            line += f"; {self.duplicates:,} exact copies left out"
        if self.unusable:
            line += f"; {len(self.unusable):,} unusable left out"
        return line


@dataclass(frozen=True, eq=False)
class DatasetMetadata:
    """What there is to know about prepared data apart from its pixels."""

    shape: tuple[int, int, int, int]
    """(N, C, H, W)."""
    dtype: Literal["uint8", "float32"]
    """uint8 for images, float32 for points."""
    labels: npt.NDArray[np.int64] | None = field(repr=False)
    """(N,), indices into `label_names`; None unless everything has a label."""
    label_names: tuple[str, ...]
    held_out: npt.NDArray[np.int64] = field(repr=False)
    """(M,), ascending: what is never trained on."""
    fingerprint: str
    """Hash of everything that it was made from (32 hex digits)."""
    unusable: tuple[Unusable, ...] = ()
    """What was left out, and why."""
    duplicates: int = 0
    """How many exact copies were left out."""


def open_or_build(
    source: Source | GeneratedDataset,
    settings: DataSettings,
    fingerprint: str,
    cache: Path | None,
    write: Callable[[Path], None],
) -> PreparedData:
    """Open what an earlier call kept of the same content, or have it written first.

    Another process may do the same at the same time: one writes, the others wait and use its
    result. A kill leaves only a hidden folder `*.tmp`; the next call for the same content removes
    it.

    Args:
        source: what the data calls itself.
        settings: how it is prepared; part of the key, as is the fingerprint.
        fingerprint: hash of the content.
        cache: folder to keep prepared data in; by default `default_cache()`.
        write: fills the folder that it is given, with `write_images` and `write_metadata`.

    Raises:
        DataError: the cache cannot be written.
    """
    cache = cache or default_cache()
    entry = cache / f"data-{_key(fingerprint, settings)}"
    prepared = _open(entry, source)
    if prepared is not None:
        return prepared
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):
            prepared = _open(entry, source)  # another process may have made it meanwhile
            if prepared is None:
                _build(entry, write)
                prepared = _open(entry, source)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(
            f"cannot keep prepared images in {cache}: {reason}. Nothing half-written was left; "
            "make room or give permission there, or set GANVAS_CACHE to another folder"
        ) from error
    if prepared is None:
        raise DataError(f"{entry} changed while it was read; remove that folder and try again")
    return prepared


def default_cache() -> Path:
    """Where prepared data is kept: the folder in GANVAS_CACHE, else the user's cache folder."""
    chosen = os.environ.get("GANVAS_CACHE")
    return Path(chosen).expanduser() if chosen else Path(user_cache_dir("ganvas", appauthor=False))


def _key(fingerprint: str, settings: DataSettings) -> str:
    text = json.dumps([FORMAT, fingerprint, _kept_settings(settings)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _kept_settings(settings: DataSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name not in _STREAMED_LATER}


def _build(entry: Path, write: Callable[[Path], None]) -> None:
    """Write an entry under a temporary name and rename it when whole. The caller holds the lock."""
    remove_drafts(entry)
    with atomic_directory(entry, replace=True) as draft:  # an entry that is damaged is replaced
        write(draft)


def write_metadata(
    folder: Path,
    source: Source | GeneratedDataset,
    settings: DataSettings,
    metadata: DatasetMetadata,
) -> None:
    """Write all that lies beside the pixels; the description last."""
    np.save(folder / HELD_OUT, metadata.held_out, allow_pickle=False)
    if metadata.labels is not None:
        np.save(folder / LABELS, metadata.labels, allow_pickle=False)
    description = {
        "format": FORMAT,
        "name": source.name,
        "location": source.location,
        "shape": metadata.shape,
        "dtype": metadata.dtype,
        "label_names": metadata.label_names,
        "unusable": [problem._asdict() for problem in metadata.unusable],
        "duplicates": metadata.duplicates,
        "settings": _kept_settings(settings),
        "fingerprint": metadata.fingerprint,
    }
    write_json(folder / DESCRIPTION, description)


def counted(blocks: Blocks, total: int, on_progress: Progress | None) -> Blocks:
    """The same blocks, reported as they come."""
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if on_progress is not None:
            on_progress(done, total)


def write_images(path: Path, blocks: Blocks, shape: tuple[int, int, int], dtype: str) -> int:
    """Write blocks (n, C, H, W) one after the other as one .npy; returns how many images that is.

    Written as a file rather than through a map, so that written pages do not count as ours.
    """
    with path.open("wb") as file:
        count = write_rows(file, blocks, shape, dtype)
        file.flush()
        os.fsync(file.fileno())
    return count


def write_rows(file: BinaryIO, blocks: Blocks, shape: tuple[int, ...], dtype: str) -> int:
    """Write blocks (n, *shape) into an open .npy as they come; returns how many rows that is."""
    count = 0
    _write_header(file, (0, *shape), dtype)
    start = file.tell()
    for block in blocks:
        file.write(np.ascontiguousarray(block).data)
        count += len(block)
    file.seek(0)
    _write_header(file, (count, *shape), dtype)  # numpy leaves room for the first axis to grow
    if file.tell() != start:
        raise ValueError("numpy changed the length of the .npy header")
    return count


def _write_header(file: Any, shape: tuple[int, ...], dtype: str) -> None:
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _open(entry: Path, source: Source | GeneratedDataset) -> PreparedData | None:
    """Open a prepared entry; None where there is none or it is damaged.

    Name and location come from the source: the same content may lie elsewhere now.
    """
    try:
        about = json.loads((entry / DESCRIPTION).read_bytes())
        images = np.load(entry / IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / LABELS, allow_pickle=False) if about["label_names"] else None
        held_out = np.load(entry / HELD_OUT, allow_pickle=False)
        if list(images.shape) != about["shape"] or images.dtype != about["dtype"]:
            return None
        if labels is not None and labels.shape != images.shape[:1]:
            return None
        return PreparedData(
            name=source.name,
            location=source.location,
            images=images,
            labels=labels,
            label_names=tuple(about["label_names"]),
            held_out=held_out,
            unusable=tuple(Unusable(**problem) for problem in about["unusable"]),
            duplicates=about["duplicates"],
            fingerprint=about["fingerprint"],
            key=entry.name,
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
