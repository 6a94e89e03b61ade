"""Decode every image once into one packed, memory-mapped file in the user's cache, and reuse it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from platformdirs import user_cache_dir

from ganvas.architectures.sizes import CHANNEL_NAMES, ImageShape
from ganvas.data.decoding import background_problem, decode, is_grey
from ganvas.data.reading import Progress, digest, in_order
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, Unusable, UnusableImage
from ganvas.errors import DataError
from ganvas.storage import flush_directory, write_json

FORMAT = 2  # counted up when the same images and settings would give other files
IMAGES, LABELS, HELD_OUT = "images.npy", "labels.npy", "held_out.npy"
DESCRIPTION = "prepared.json"
_STREAMED_LATER = {"flip", "dequantize"}  # settings that leave the prepared pixels as they are


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Images, decoded and split. Pixels lie in a mapped file; only what is read takes memory."""

    name: str
    """Short name for people."""
    location: str
    """What `open_source` opens again: an absolute path or a built-in name."""
    images: npt.NDArray[np.uint8] = field(repr=False)
    """(N, C, H, W), 0 to 255, a read-only memory map."""
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

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width of every image."""
        _, channels, height, width = self.images.shape
        return ImageShape(channels, height, width)

    @cached_property
    def training(self) -> npt.NDArray[np.int64]:
        """(N - M,), ascending: the images to train on."""
        return np.setdiff1d(np.arange(len(self.images)), self.held_out, assume_unique=True)

    def summary(self) -> str:
        """One line for people: `fashion: 10,000 images 32x32 grey, 10 labels, 1,000 held out`."""
        count, channels, height, width = self.images.shape
        line = f"{self.name}: {count:,} images {height}x{width} {CHANNEL_NAMES[channels]}"
        if self.labels is not None:
            line += f", {len(self.label_names)} labels"
        line += f"; {len(self.training):,} to train on, {len(self.held_out):,} held out"
        if self.duplicates:
            line += f"; {self.duplicates:,} exact copies left out"
        if self.unusable:
            line += f"; {len(self.unusable):,} unusable left out"
        return line


@dataclass(frozen=True)
class _Plan:
    """What one preparation does: which images are decoded, and what becomes of the others."""

    source: Source
    settings: DataSettings
    fingerprint: str
    digests: Sequence[bytes]
    """For each item a hash of its content."""
    first: dict[int, int]
    """For each item the first one with the same content, which may be itself."""


def prepare(
    source: Source,
    settings: DataSettings,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> PreparedData:
    """Decode all usable images, or reuse what an earlier call prepared from the same content.

    Images that cannot be used are left out and listed; exact copies count once unless
    `settings.keep_duplicates`. Another process may prepare the same data at the same time: one
    works, the others wait and use its result. A kill leaves only a folder `*.tmp`, which the next
    preparation of the same data removes.

    Args:
        source: from `open_source`.
        settings: everything but `flip` and `dequantize` matters here.
        cache: folder to keep prepared data in; by default GANVAS_CACHE, else the user's cache.
        on_progress: called with (done, total) while images are decoded; not at all on reuse.

    Raises:
        DataError: no usable image, a wrong background colour, or the cache cannot be written.
    """
    problem = background_problem(settings.background)
    if problem is not None:
        raise DataError(f"background: {problem}")
    digests = list(in_order(lambda index: digest(source, index), range(len(source.items))))
    plan = _plan(source, settings, digests)
    cache = cache or default_cache()
    entry = cache / f"data-{_key(plan)}"
    prepared = _open(entry, source)
    if prepared is not None:
        return prepared
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{entry}.lock"):
            prepared = _open(entry, source)  # another process may have made it meanwhile
            if prepared is None:
                _build(plan, entry, on_progress)
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


def _plan(source: Source, settings: DataSettings, digests: Sequence[bytes]) -> _Plan:
    whole = hashlib.blake2b(digest_size=16)
    seen: dict[bytes, int] = {}
    first: dict[int, int] = {}
    for index, (item, content) in enumerate(zip(source.items, digests, strict=True)):
        whole.update(json.dumps([item.name, item.label]).encode() + content)
        first[index] = index if settings.keep_duplicates else seen.setdefault(content, index)
    whole.update(json.dumps(source.label_names).encode())
    return _Plan(source, settings, whole.hexdigest(), digests, first)


def _key(plan: _Plan) -> str:
    text = json.dumps([FORMAT, plan.fingerprint, _kept_settings(plan.settings)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _kept_settings(settings: DataSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name not in _STREAMED_LATER}


def _build(plan: _Plan, entry: Path, on_progress: Progress | None) -> None:
    """Write an entry under a temporary name and rename it when whole. The caller holds the lock."""
    for abandoned in entry.parent.glob(f"{entry.name}.*.tmp"):
        shutil.rmtree(abandoned)
    temporary = entry.with_name(f"{entry.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        _write(plan, temporary, on_progress)
        if entry.exists():  # cut or damaged, else it would have been used
            shutil.rmtree(entry)
        temporary.rename(entry)
        flush_directory(entry.parent)
    except BaseException:  # Ctrl-C too
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _write(plan: _Plan, folder: Path, on_progress: Progress | None) -> None:
    source, settings = plan.source, plan.settings
    channels = _channels(source, settings)
    to_decode = [index for index, first in plan.first.items() if index == first]
    problems: dict[int, str] = {}
    decoded = in_order(_decoder(source, settings, channels), to_decode, on_progress)

    def usable() -> Iterator[npt.NDArray[np.uint8]]:
        for index, outcome in zip(to_decode, decoded, strict=True):
            if isinstance(outcome, str):
                problems[index] = outcome
            else:
                yield outcome

    count = _write_images(folder / IMAGES, usable(), (channels, *settings.size))
    unusable = [
        Unusable(source.items[index].name, problems[first])
        for index, first in plan.first.items()
        if first in problems
    ]
    if count == 0:
        raise DataError(f"{source.location} has no usable image: {_some(unusable)}")
    kept = [index for index in to_decode if index not in problems]
    held_out = choose_held_out([plan.digests[index] for index in kept], settings.held_out)
    np.save(folder / HELD_OUT, held_out, allow_pickle=False)
    labels = [source.items[index].label for index in kept]
    labelled = None not in labels
    if labelled:
        number_of = {label: number for number, label in enumerate(source.label_names)}
        classes = [number_of[label] for label in labels if label is not None]
        np.save(folder / LABELS, np.array(classes, np.int64), allow_pickle=False)
    description = {
        "format": FORMAT,
        "name": source.name,
        "location": source.location,
        "shape": [count, channels, *settings.size],
        "label_names": source.label_names if labelled else (),
        "unusable": [problem._asdict() for problem in unusable],
        "duplicates": len(source.items) - count - len(unusable),
        "settings": _kept_settings(settings),
        "fingerprint": plan.fingerprint,
    }
    write_json(folder / DESCRIPTION, description)


def choose_held_out(digests: Sequence[bytes], share: float) -> npt.NDArray[np.int64]:
    """Which images are never trained on: those whose contents have the lowest hashes.

    A choice by content keeps copies of an image on one side, needs no seed, and moves few images
    when some are added.
    """
    contents = sorted(set(digests))
    chosen = set(contents[: round(share * len(contents))])
    return np.array([i for i, content in enumerate(digests) if content in chosen], np.int64)


def _decoder(
    source: Source, settings: DataSettings, channels: int
) -> Callable[[int], npt.NDArray[np.uint8] | str]:
    """A function from an index to the image's pixels, or to the reason why there are none."""

    def decode_one(index: int) -> npt.NDArray[np.uint8] | str:
        try:
            return decode(source.read(index), settings, channels)
        except UnusableImage as problem:
            return problem.reason

    return decode_one


def _channels(source: Source, settings: DataSettings) -> int:
    """The number of channels; `auto` reads headers until a usable image with colour is found."""
    if settings.channels != "auto":
        return int(settings.channels)

    def may_have_colour(index: int) -> bool:
        try:
            return not is_grey(source.read(index))
        except UnusableImage:
            return False

    decode_one = _decoder(source, settings, 3)
    indices = range(len(source.items))
    for index, may in zip(indices, in_order(may_have_colour, indices), strict=False):
        # A broken colour image among grey ones decides nothing.
        if may and not isinstance(decode_one(index), str):
            return 3
    return 1


def _write_images(
    path: Path, images: Iterable[npt.NDArray[np.uint8]], shape: tuple[int, int, int]
) -> int:
    """Write images (C, H, W) one after the other as one .npy; returns how many they were.

    Written as a file rather than through a map, so that written pages do not count as ours.
    """
    count = 0
    with path.open("wb") as file:
        _write_header(file, (0, *shape))
        start = file.tell()
        for image in images:
            file.write(image.tobytes())
            count += 1
        file.seek(0)
        _write_header(file, (count, *shape))  # numpy leaves room for the first axis to grow
        if file.tell() != start:
            raise ValueError("numpy changed the length of the .npy header")
        file.flush()
        os.fsync(file.fileno())
    return count


def _write_header(file: Any, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _open(entry: Path, source: Source) -> PreparedData | None:
    """Open a prepared entry; None where there is none or it is damaged.

    Name and location come from the source: the same content may lie elsewhere now.
    """
    try:
        about = json.loads((entry / DESCRIPTION).read_bytes())
        images = np.load(entry / IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(entry / LABELS, allow_pickle=False) if about["label_names"] else None
        held_out = np.load(entry / HELD_OUT, allow_pickle=False)
        if list(images.shape) != about["shape"] or images.dtype != np.uint8:
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
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


def _some(unusable: Sequence[Unusable]) -> str:
    shown = "; ".join(str(problem) for problem in unusable[:3])
    more = len(unusable) - 3
    return f"{shown} and {more} more" if more > 0 else shown
