"""How prepared data is kept in the user's cache: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from platformdirs import user_cache_dir

from ganvas.data.bit_depth import FULL
from ganvas.data.prepared import Blocks, DatasetMetadata, PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import Dataset, Unusable
from ganvas.errors import DataError
from ganvas.formatting import format_bytes
from ganvas.json_files import parse_json, write_json
from ganvas.storage import atomic_directory, free_bytes, remove_drafts
from ganvas.system_errors import advice_for, reason_of

FORMAT = 3  # increased when the same images and settings would give other files
IMAGES, LABELS, HELD_OUT = "images.npy", "labels.npy", "held_out.npy"
DESCRIPTION = "prepared.json"
_STREAM_SETTINGS = {"flip", "dequantize"}  # they leave the prepared pixels as they are
_IN_THE_FINGERPRINT = {"labels", "frames"}  # whatever they change there, names the data anew


def open_or_build(
    dataset: Dataset,
    settings: DataSettings,
    fingerprint: str,
    cache: Path,
    write: Callable[[Path], None],
) -> PreparedData:
    """Open the prepared data of an earlier call with the same content, or write it first.

    Other processes may do the same at the same time: one writes, the others wait and open its
    result. A kill leaves only a hidden folder `*.tmp`; the next call for the same content removes
    it.

    Args:
        dataset: gives name and location.
        settings: how the data is prepared; part of the key, as is the fingerprint.
        fingerprint: hash of the content.
        cache: folder of prepared data.
        write: fills the folder that it is given, with `write_images` and `write_metadata`.

    Raises:
        DataError: the cache cannot be written.
    """
    entry = cache / f"data-{_key(fingerprint, settings)}"
    prepared = _open(entry, dataset, settings)
    if prepared is not None:
        return prepared
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):
            # Another process may have built it meanwhile.
            prepared = _open(entry, dataset, settings)
            if prepared is None:
                _build(entry, write)
                prepared = _open(entry, dataset, settings)
    except OSError as error:
        raise DataError(
            f"cannot keep prepared images in {cache}: {reason_of(error)}. Nothing half-written was "
            f"left; {advice_for(error)}, or set GANVAS_CACHE to another folder"
        ) from error
    if prepared is None:
        raise DataError(f"{entry} changed while it was read; remove that folder and try again")
    return prepared


def default_cache() -> Path:
    """The folder of prepared data: GANVAS_CACHE, else the user's cache folder.

    Raises:
        DataError: neither is known, as in a container whose user has no home.
    """
    chosen = os.environ.get("GANVAS_CACHE")
    if chosen:
        return Path(os.path.expanduser(chosen))  # noqa: PTH111 - leaves an unknown ~user as it is
    try:
        return Path(user_cache_dir("ganvas", appauthor=False))
    except RuntimeError as error:
        raise DataError(
            "this user has no home folder, where prepared images would be kept: "
            "set GANVAS_CACHE to a folder"
        ) from error


def _key(fingerprint: str, settings: DataSettings) -> str:
    text = json.dumps([FORMAT, fingerprint, _key_settings(settings)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _key_settings(settings: DataSettings) -> dict[str, Any]:
    without = _STREAM_SETTINGS | _IN_THE_FINGERPRINT
    values = {name: value for name, value in asdict(settings).items() if name not in without}
    # What was the only choice before there was the field changes no key.
    if values["pixel_range"] == FULL:
        del values["pixel_range"]
    if values["split"] == "content":
        del values["split"]
    return values


def _build(entry: Path, write: Callable[[Path], None]) -> None:
    """Write an entry under a temporary name and rename it when whole. The caller holds the lock."""
    remove_drafts(entry)
    with atomic_directory(entry, replace=True) as draft:  # an entry that is damaged is replaced
        write(draft)


def write_metadata(
    folder: Path, dataset: Dataset, settings: DataSettings, metadata: DatasetMetadata
) -> None:
    """Write everything but the pixels; the description last."""
    np.save(folder / HELD_OUT, metadata.held_out, allow_pickle=False)
    if metadata.labels is not None:
        np.save(folder / LABELS, metadata.labels, allow_pickle=False)
    description = {
        "format": FORMAT,
        "name": dataset.name,
        "location": dataset.location,
        "shape": metadata.shape,
        "dtype": metadata.dtype,
        "label_names": metadata.label_names,
        "unusable": [problem._asdict() for problem in metadata.unusable],
        "duplicates": metadata.duplicates,
        "settings": _key_settings(settings),
        "fingerprint": metadata.fingerprint,
    }
    write_json(folder / DESCRIPTION, description)


def check_room(folder: Path, needed: int) -> None:
    """Raise a `DataError` if so many bytes of images do not fit on the disk of a folder."""
    free = free_bytes(folder)
    if needed > free:
        raise DataError(
            f"the prepared images take {format_bytes(needed)} in {folder.parent}, where "
            f"{format_bytes(free)} are free. Choose a smaller size (--size), free some space, or "
            "set GANVAS_CACHE to a folder on another disk"
        )


def write_images(path: Path, blocks: Blocks, shape: tuple[int, int, int], dtype: str) -> int:
    """Write blocks (n, C, H, W) as one .npy file; returns the number of images.

    Writes a file, not through a memory map, whose written pages would count as this process's.
    """
    with path.open("wb") as file:
        count = write_rows(file, blocks, shape, dtype)
        file.flush()
        os.fsync(file.fileno())
    return count


def write_rows(file: BinaryIO, blocks: Blocks, shape: tuple[int, ...], dtype: str) -> int:
    """Write blocks (n, *shape) into an open .npy file as they come; returns the number of rows."""
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


def _open(entry: Path, dataset: Dataset, settings: DataSettings) -> PreparedData | None:
    """Open a prepared entry; None where there is none or it is damaged.

    Name and location are those of `dataset`: the same content may have moved.
    """
    try:
        about = parse_json((entry / DESCRIPTION).read_bytes())
        images = np.load(entry / IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / LABELS, allow_pickle=False) if about["label_names"] else None
        held_out = np.load(entry / HELD_OUT, allow_pickle=False)
        if list(images.shape) != about["shape"] or images.dtype != about["dtype"]:
            return None
        if labels is not None and labels.shape != images.shape[:1]:
            return None
        return PreparedData(
            name=dataset.name,
            location=dataset.location,
            images=images,
            labels=labels,
            label_names=tuple(about["label_names"]),
            held_out=held_out,
            unusable=tuple(Unusable(**problem) for problem in about["unusable"]),
            duplicates=about["duplicates"],
            fingerprint=about["fingerprint"],
            pixel_range=settings.pixel_range,
            key=entry.name,
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
