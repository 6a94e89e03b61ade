"""Read every image before training."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganvas.data.bit_depth import FULL
from ganvas.data.cache import default_cache
from ganvas.data.digests import DECODING, read_digests
from ganvas.data.folder_labels import labels_from_folders, with_labels
from ganvas.data.frames import split_frames
from ganvas.data.held_out import (
    can_be_scored,
    choose_held_out,
    count_held_out,
    fewest_images,
    fraction_for_scores,
)
from ganvas.data.image_sizes import is_enlarged, measure_sizes, suggested_side
from ganvas.data.inspection import Inspection
from ganvas.data.measured_range import with_known_range
from ganvas.data.mirroring import mirrored_farther, sampled
from ganvas.data.preparation import fingerprint
from ganvas.data.reading import parallel_map
from ganvas.data.settings import OWN_LABELS, DataSettings
from ganvas.data.source import Source, Unusable
from ganvas.data.stacking import CLASSES, STACKED, Stacked
from ganvas.data.survey import Header, decode_header, exact_copies, frames_of_files, mode_fractions
from ganvas.data.synthetic import Points
from ganvas.data.value_spans import ValueSpans, value_spans
from ganvas.progress import StageProgress


def inspect(
    source: Source | Points | Stacked,
    settings: DataSettings,
    minimum: int = 1,
    workers: int | None = None,
    on_progress: StageProgress | None = None,
    flags: Sequence[str] = (),
    verify: bool = False,
) -> Inspection:
    """Decode every image exactly as training would; for stacks, the images that they stack.

    Args:
        source: from `open_source`.
        settings: all but `channels`, `flip` and `dequantize` are read.
        minimum: fewest images to train on, usually one batch; held-out images come on top.
        workers: threads; by default as many as there are cores for this process, at most 32.
        on_progress: called with (stage, done, total).
        flags: flags and their values that the command to train with is to have.
        verify: read every file again to find copies, whatever its time stamp.

    Raises:
        DataError: points or stacks that the settings do not suit.
    """
    if isinstance(source, Points):
        return _inspect_points(source, settings, minimum, flags)
    if isinstance(source, Stacked):
        single = inspect(source.base, settings, CLASSES, workers, on_progress, verify=verify)
        return _inspect_stacks(source, single, settings, flags)
    source = with_labels(source, settings.labels)
    images = _read_images(source, settings, workers, on_progress, verify)
    return _inspect_images(source, images, minimum, flags)


class _Images(NamedTuple):
    """All images of a source, read once.

    source: with the frames that the settings ask for.
    settings: with the range of pixel values, where one was measured.
    digests: of each item's content.
    headers: of each item, usable or not.
    """

    source: Source
    settings: DataSettings
    digests: Sequence[bytes]
    headers: Sequence[Header]

    @property
    def usable(self) -> list[int]:
        """The items that can be trained on."""
        return [index for index, header in enumerate(self.headers) if header.problem is None]


def _read_images(
    source: Source,
    settings: DataSettings,
    workers: int | None,
    on_progress: StageProgress | None,
    verify: bool,
) -> _Images:
    cache = default_cache()
    digests = read_digests(source, cache, verify, on_progress)
    source, digests = split_frames(source, digests, settings, cache, on_progress)
    content = fingerprint(source, digests)
    settings = with_known_range(source, settings, content, cache, on_progress)
    decode_one = partial(decode_header, source, settings, sampled(len(source.items)))
    report = None if on_progress is None else partial(on_progress, DECODING)
    headers = list(parallel_map(decode_one, range(len(source.items)), report, workers))
    return _Images(source, settings, digests, headers)


def _inspect_images(
    source: Source, images: _Images, minimum: int, flags: Sequence[str]
) -> Inspection:
    """Sum up what is known of each image.

    Args:
        source: with its labels; an item is a file, and not one of its frames.
        images: the same, read.
    """
    files = source
    source, settings, digests, headers = images
    names = [item.name for item in files.items]
    splits = labels_from_folders(names).splits if settings.labels in OWN_LABELS else ()
    usable = images.usable
    copies = exact_copies(source, digests, usable)
    different = len(usable) - sum(len(group) - 1 for group in copies)
    held_out, unscored = _split(images, settings.held_out)
    labels = Counter(source.items[index].label for index in usable)
    values = [header.values for header in headers if header.values is not None]
    other_depths = any(header.without_range for header in headers)
    sizes = measure_sizes([headers[index].size for index in usable], settings)
    side = suggested_side(sizes)
    size = settings.size if "--size" in flags else (side, side)
    fitted = replace(settings, size=size)
    return Inspection(
        name=source.name,
        location=source.location,
        total=len(headers),
        usable=len(usable),
        unusable=unusable_items(source, headers),
        distinct=len(usable) if settings.keep_duplicates else different,
        minimum=fewest_images(minimum, settings.held_out),
        held_out=held_out,
        fraction_for_scores=fraction_for_scores(
            different, minimum, lambda fraction: _split(images, fraction)[0]
        ),
        sizes=sizes,
        modes=mode_fractions([headers[index].mode for index in usable]),
        grey=all(headers[index].grey for index in usable),
        labels={name: labels[name] for name in source.label_names if labels[name]},
        unscored_labels=unscored,
        unlabelled=labels[None] if source.label_names else 0,
        frames=frames_of_files(source, headers, usable),
        splits=splits,
        label_table=files.label_table,
        unread_labels=() if settings.labels == "off" else files.unread_labels,
        duplicates=copies,
        suggested_size=side,
        size=size,
        enlarged=sum(is_enlarged(headers[index].size, fitted) for index in usable),
        spans=value_spans(values, other_depths) if settings.pixel_range == FULL else ValueSpans(),
        mirrored_farther=mirrored_farther(
            [header.thumbnail for header in headers if header.thumbnail is not None]
        ),
        settings=settings,
        typed=_as_typed(source.location),
        flags=tuple(flags),
    )


def unusable_items(source: Source, headers: Sequence[Header]) -> tuple[Unusable, ...]:
    """The items that cannot be used, each with the problem in its header."""
    return tuple(
        Unusable(item.name, header.problem)
        for item, header in zip(source.items, headers, strict=True)
        if header.problem is not None
    )


def _inspect_points(
    points: Points, settings: DataSettings, minimum: int, flags: Sequence[str]
) -> Inspection:
    metadata, _ = points.draw_dataset(settings)
    held_out = len(metadata.held_out)
    count = metadata.shape[0] - held_out
    labels = () if metadata.labels is None else np.bincount(metadata.labels[:count]).tolist()
    return Inspection(
        name=points.name,
        location=points.location,
        total=count,
        usable=count,
        unusable=(),
        distinct=count,
        minimum=minimum,
        held_out=held_out,
        fraction_for_scores=fraction_for_scores(count, minimum, partial(count_held_out, count)),
        sizes=None,
        modes={},
        labels=dict(zip(metadata.label_names, labels, strict=True)),
        unscored_labels=(),
        unlabelled=0,
        frames={},
        splits=(),
        duplicates=(),
        suggested_size=settings.size[0],
        size=settings.size,
        settings=settings,
        typed=points.location,
        flags=tuple(flags),
        recipe=points.recipe,
        things="points",
        note=("held out", f"{held_out:,} more"),
    )


def _inspect_stacks(
    stacks: Stacked, images: Inspection, settings: DataSettings, flags: Sequence[str]
) -> Inspection:
    """The inspection of the single images, turned into one of their stacks."""
    stacks.check_settings(settings)
    return replace(
        images,
        name=stacks.name,
        location=stacks.location,
        held_out=stacks.held_out if images.held_out else 0,
        size=settings.size,
        suggested_size=settings.size[0],
        typed=STACKED + images.typed,
        flags=tuple(flags),
        recipe=stacks.recipe,
        note=(
            f"{CLASSES**3:,} modes",
            f"{stacks.training:,} stacks of three to train on, and {stacks.held_out:,} stacks "
            "of held-out images",
        ),
    )


def _split(images: _Images, fraction: float) -> tuple[int, tuple[str, ...]]:
    """How many different images this fraction holds out, and the labels too rare to score."""
    source, settings, digests, _ = images
    usable = images.usable
    first = {digests[index]: index for index in reversed(usable)}
    indices = sorted(first.values())
    labels = source.class_numbers(indices)
    by_label = labels if settings.split == "labels" else None
    groups = [source.group(index) for index in indices]
    held_out = choose_held_out([digests[i] for i in indices], fraction, by_label, groups)
    if labels is None:
        return len(held_out), ()
    scored = can_be_scored(labels, held_out, len(source.label_names))
    used = {source.items[index].label for index in usable}
    names = zip(source.label_names, scored, strict=True)
    return len(held_out), tuple(name for name, is_scored in names if name in used and not is_scored)


def _as_typed(location: str) -> str:
    """A location as one would type it: relative if below the current folder, and no flag."""
    path = Path(location)
    if not path.is_absolute():
        return location
    here = Path.cwd()
    typed = str(path.relative_to(here)) if path.is_relative_to(here) else location
    if typed.startswith(("-", STACKED)):
        typed = os.path.join(".", typed)  # noqa: PTH118 - a `Path` drops the leading dot
    if path.is_dir():
        typed += os.sep  # also tells a folder called `fashion` from the built-in images
    return typed
