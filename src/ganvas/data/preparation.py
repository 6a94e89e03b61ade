"""Decode every image once into one packed, memory-mapped file in the user's cache, and reuse it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganvas.data.cache import (
    IMAGES,
    Blocks,
    DatasetMetadata,
    counted,
    open_or_build,
    write_images,
    write_metadata,
)
from ganvas.data.cache import PreparedData as PreparedData
from ganvas.data.cache import default_cache as default_cache
from ganvas.data.decoding import background_problem, decode, is_grey
from ganvas.data.generated import GeneratedDataset
from ganvas.data.held_out import choose_held_out
from ganvas.data.reading import Progress, digest, parallel_map
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, Unusable, UnusableImage
from ganvas.errors import DataError
from ganvas.networks.sizes import POINT


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
    source: Source | GeneratedDataset,
    settings: DataSettings,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> PreparedData:
    """Decode all usable images, or reuse what an earlier call prepared from the same content.

    Images that cannot be used are left out and listed; exact copies count once unless
    `settings.keep_duplicates`. Several processes may prepare the same data at the same time
    (`cache.open_or_build`). Points and stacks are computed, and kept in the same way.

    Args:
        source: from `open_source`.
        settings: everything but `flip` and `dequantize` matters here.
        cache: folder to keep prepared data in; by default GANVAS_CACHE, else the user's cache.
        on_progress: called with (done, total) while images are decoded; not at all on reuse.

    Raises:
        DataError: no usable image, settings that do not suit, or the cache cannot be written.
    """
    if isinstance(source, GeneratedDataset):
        return _prepare_made(source, settings, cache, on_progress)
    if settings.size == POINT:
        raise DataError(
            f"{source.location} holds images, but the recipe is for points in the plane. "
            "Take a recipe for images, such as dcgan"
        )
    problem = background_problem(settings.background)
    if problem is not None:
        raise DataError(f"background: {problem}")
    digests = list(parallel_map(lambda index: digest(source, index), range(len(source.items))))
    plan = _plan(source, settings, digests)

    def write(folder: Path) -> None:
        _write(plan, folder, on_progress)

    return open_or_build(source, settings, plan.fingerprint, cache, write)


def _prepare_made(
    source: GeneratedDataset,
    settings: DataSettings,
    cache: Path | None,
    on_progress: Progress | None,
) -> PreparedData:
    metadata, blocks = source.generate(settings, cache, on_progress)

    def write(folder: Path) -> None:
        reported = counted(blocks, metadata.shape[0], on_progress)
        write_images(folder / IMAGES, reported, metadata.shape[1:], metadata.dtype)
        write_metadata(folder, source, settings, metadata)

    return open_or_build(source, settings, metadata.fingerprint, cache, write)


def _plan(source: Source, settings: DataSettings, digests: Sequence[bytes]) -> _Plan:
    whole = hashlib.blake2b(digest_size=16)
    seen: dict[bytes, int] = {}
    first: dict[int, int] = {}
    for index, (item, content) in enumerate(zip(source.items, digests, strict=True)):
        whole.update(json.dumps([item.name, item.label]).encode() + content)
        first[index] = index if settings.keep_duplicates else seen.setdefault(content, index)
    whole.update(json.dumps(source.label_names).encode())
    return _Plan(source, settings, whole.hexdigest(), digests, first)


def _write(plan: _Plan, folder: Path, on_progress: Progress | None) -> None:
    source, settings = plan.source, plan.settings
    channels = _channels(source, settings)
    to_decode = [index for index, first in plan.first.items() if index == first]
    problems: dict[int, str] = {}
    decoded = parallel_map(_decoder(source, settings, channels), to_decode, on_progress)

    def usable() -> Blocks:
        for index, outcome in zip(to_decode, decoded, strict=True):
            if isinstance(outcome, str):
                problems[index] = outcome
            else:
                yield outcome[None]

    count = write_images(folder / IMAGES, usable(), (channels, *settings.size), "uint8")
    unusable = [
        Unusable(source.items[index].name, problems[first])
        for index, first in plan.first.items()
        if first in problems
    ]
    if count == 0:
        raise DataError(f"{source.location} has no usable image: {_some(unusable)}")
    kept = [index for index in to_decode if index not in problems]
    labels = _class_numbers(source, kept)
    metadata = DatasetMetadata(
        shape=(count, channels, *settings.size),
        dtype="uint8",
        labels=labels,
        label_names=() if labels is None else source.label_names,
        held_out=choose_held_out([plan.digests[index] for index in kept], settings.held_out),
        fingerprint=plan.fingerprint,
        unusable=tuple(unusable),
        duplicates=len(source.items) - count - len(unusable),
    )
    write_metadata(folder, source, settings, metadata)


def _class_numbers(source: Source, kept: Sequence[int]) -> npt.NDArray[np.int64] | None:
    """The number of each kept image's label; None unless all have one."""
    labels = [source.items[index].label for index in kept]
    if None in labels:
        return None
    number_of = {label: number for number, label in enumerate(source.label_names)}
    return np.array([number_of[label] for label in labels if label is not None], np.int64)


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
    for index, may in zip(indices, parallel_map(may_have_colour, indices), strict=False):
        # A broken colour image among grey ones decides nothing.
        if may and not isinstance(decode_one(index), str):
            return 3
    return 1


def _some(unusable: Sequence[Unusable]) -> str:
    shown = "; ".join(str(problem) for problem in unusable[:3])
    more = len(unusable) - 3
    return f"{shown} and {more} more" if more > 0 else shown
