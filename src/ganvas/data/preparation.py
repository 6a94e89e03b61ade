"""Decode every image once into one packed, memory-mapped file in the user's cache, and reuse it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from json.encoder import encode_basestring_ascii
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganvas.data.bit_depth import pixel_range_problem
from ganvas.data.cache import (
    IMAGES,
    check_room,
    default_cache,
    open_or_build,
    write_images,
    write_metadata,
)
from ganvas.data.decoding import background_problem, decode, is_grey
from ganvas.data.digests import DECODING, GENERATING, read_digests
from ganvas.data.folder_labels import with_labels
from ganvas.data.frames import split_frames
from ganvas.data.generated import GeneratedDataset
from ganvas.data.held_out import choose_held_out
from ganvas.data.measured_range import with_known_range
from ganvas.data.prepared import Blocks, DatasetMetadata, PreparedData
from ganvas.data.reading import parallel_map
from ganvas.data.settings import RECIPE_FOR_IMAGES, DataSettings
from ganvas.data.source import Source, Unusable, UnusableImage
from ganvas.errors import DataError
from ganvas.networks.sizes import POINT
from ganvas.progress import Progress, StageProgress, no_progress


def prepare(
    source: Source | GeneratedDataset,
    settings: DataSettings,
    cache: Path | None = None,
    on_progress: StageProgress | None = None,
    verify: bool = False,
) -> PreparedData:
    """Decode all usable images, or open what an earlier call prepared from the same content.

    Files are read again only where their size or modification time changed (`read_digests`). Images
    that cannot be used are left out and listed; exact copies count once unless
    `settings.keep_duplicates`. Several processes may prepare the same data at the same time: one
    does the work. Points and stacks are computed, and cached in the same way.

    Args:
        source: from `open_source`.
        settings: everything but `flip` and `dequantize` matters here.
        cache: folder of prepared data; by default GANVAS_CACHE, else the user's cache.
        on_progress: called with (stage, done, total); not at all where nothing has to be done.
        verify: read every file again, whatever its time stamp.

    Raises:
        DataError: no usable image, settings that do not suit, or the cache cannot be written.
    """
    cache = cache or default_cache()
    if isinstance(source, GeneratedDataset):
        prepare_source = partial(prepare, cache=cache, on_progress=on_progress, verify=verify)
        return _prepare_generated(source, settings, cache, on_progress, prepare_source)
    if settings.size == POINT:
        raise DataError(
            f"{source.location} holds images, but the recipe is for points in the plane. "
            f"Take a recipe for images, such as {RECIPE_FOR_IMAGES}"
        )
    for name, problem in (
        ("background", background_problem(settings.background)),
        ("pixel_range", pixel_range_problem(settings.pixel_range)),
    ):
        if problem is not None:
            raise DataError(f"{name}: {problem}")
    source = with_labels(source, settings.labels)
    if not source.label_names:  # both splits are the same, and one prepared copy serves both
        settings = replace(settings, split="content")
    digests = read_digests(source, cache, verify, on_progress)
    source, digests = split_frames(source, digests, settings, cache, on_progress)
    content = fingerprint(source, digests)
    settings = with_known_range(source, settings, content, cache, on_progress)
    preparation = _Preparation(source, settings, digests, content)

    def write(folder: Path) -> None:
        preparation.write(folder, _stage(DECODING, on_progress))

    return open_or_build(source, settings, content, cache, write)


def fingerprint(source: Source, digests: Sequence[bytes]) -> str:
    """Hash of every name, label and content (32 hex digits)."""
    encoded = {label: json.dumps(label) for label in (None, *source.label_names)}
    whole = hashlib.blake2b(digest_size=16)
    for (name, label), digest in zip(source.items, digests, strict=True):
        whole.update(f"[{encode_basestring_ascii(name)}, {encoded[label]}]".encode() + digest)
    whole.update(json.dumps(source.label_names).encode())
    return whole.hexdigest()


def _prepare_generated(
    dataset: GeneratedDataset,
    settings: DataSettings,
    cache: Path,
    on_progress: StageProgress | None,
    prepare_source: Callable[[Source, DataSettings], PreparedData],
) -> PreparedData:
    metadata, blocks = dataset.generate(settings, prepare_source)
    settings = replace(settings, pixel_range=metadata.pixel_range)
    report = _stage(GENERATING, on_progress)

    def reported() -> Blocks:
        done = 0
        for block in blocks:
            yield block
            done += len(block)
            report(done, metadata.shape[0])

    def write(folder: Path) -> None:
        write_images(folder / IMAGES, reported(), metadata.shape[1:], metadata.dtype)
        write_metadata(folder, dataset, settings, metadata)

    return open_or_build(dataset, settings, metadata.fingerprint, cache, write)


def _stage(name: str, on_progress: StageProgress | None) -> Progress:
    """The same progress, of one stage."""
    return no_progress if on_progress is None else partial(on_progress, name)


@dataclass(frozen=True)
class _Preparation:
    """What is decoded, and from which digests it was decided."""

    source: Source
    settings: DataSettings
    digests: Sequence[bytes]
    fingerprint: str

    def write(self, folder: Path, on_progress: Progress) -> None:
        """Decode the images, and write them with everything that belongs to them."""
        source, settings = self.source, self.settings
        channels = _channels(source, settings)
        original_of = self._originals()
        to_decode = [index for index, original in enumerate(original_of) if index == original]
        check_room(folder, len(to_decode) * channels * math.prod(settings.size))
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
            Unusable(source.items[index].name, problems[original])
            for index, original in enumerate(original_of)
            if original in problems
        ]
        if count == 0:
            raise DataError(f"{source.location} has no usable image: {_first_few(unusable)}")
        kept = [index for index in to_decode if index not in problems]
        labels = source.class_numbers(kept)
        metadata = DatasetMetadata(
            shape=(count, channels, *settings.size),
            dtype="uint8",
            labels=labels,
            label_names=() if labels is None else source.label_names,
            held_out=choose_held_out(
                [self.digests[index] for index in kept],
                settings.held_out,
                labels if settings.split == "labels" else None,
                [source.group(index) for index in kept],
            ),
            fingerprint=self.fingerprint,
            unusable=tuple(unusable),
            duplicates=len(source.items) - count - len(unusable),
        )
        write_metadata(folder, source, settings, metadata)

    def _originals(self) -> list[int]:
        """For each item the first one with the same content, which may be itself."""
        if self.settings.keep_duplicates:
            return list(range(len(self.digests)))
        first: dict[bytes, int] = {}
        return [first.setdefault(digest, index) for index, digest in enumerate(self.digests)]


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
    """The number of channels; `auto` reads headers until it finds a usable image with colour."""
    if settings.channels != "auto":
        return int(settings.channels)

    def may_have_colour(index: int) -> bool:
        try:
            return not is_grey(source.read(index), settings)
        except UnusableImage:
            return False

    decode_one = _decoder(source, settings, 3)
    indices = range(len(source.items))
    for index, coloured in zip(indices, parallel_map(may_have_colour, indices), strict=False):
        # A broken colour image among grey ones does not count.
        if coloured and not isinstance(decode_one(index), str):
            return 3
    return 1


def _first_few(unusable: Sequence[Unusable]) -> str:
    listed = "; ".join(str(problem) for problem in unusable[:3])
    more = len(unusable) - 3
    return f"{listed} and {more} more" if more > 0 else listed
