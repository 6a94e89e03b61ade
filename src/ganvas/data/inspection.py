"""Read every image before training: what is in there, what is broken, whether it will train."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganvas.data.bit_depth import FULL, parse_pixel_range
from ganvas.data.cache import default_cache
from ganvas.data.digests import DECODING, StageProgress, read_digests
from ganvas.data.folder_labels import labels_from_folders, with_labels
from ganvas.data.frames import split_frames
from ganvas.data.held_out import (
    FEWEST_HELD_OUT,
    can_be_scored,
    choose_held_out,
    count_held_out,
    fewest_images,
    fraction_for_scores,
    rare_labels_warning,
)
from ganvas.data.image_sizes import NOTEWORTHY_LOSS, Sizes, measure_sizes, suggested_side
from ganvas.data.measured_range import with_known_range
from ganvas.data.preparation import fingerprint
from ganvas.data.reading import parallel_map
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, Unusable
from ganvas.data.stacking import CLASSES, PREFIX, Stacked
from ganvas.data.survey import decode_header, exact_copies, frames_of_files, mode_fractions
from ganvas.data.synthetic import Points
from ganvas.data.value_spans import ValueSpans, value_spans
from ganvas.formatting import format_count, format_image_size, format_percent

FEW_IMAGES = 2000
"""With fewer images a discriminator can memorise them within a short training."""
HELD_OUT = "--held-out"

_LISTED = 5  # entries of a list, for people; `to_json` has all


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found. `usable + len(unusable) == total`."""

    name: str
    location: str
    total: int
    usable: int
    unusable: tuple[Unusable, ...]
    distinct: int
    """Usable images that will train: each exact copy counted once, unless copies are kept."""
    minimum: int
    """How many images training needs."""
    held_out: int
    """How many of them would be held out for scores."""
    fraction_for_scores: float | None
    """Fraction to hold out instead where `held_out` is too few for scores; None: none will do."""
    sizes: Sizes | None
    """None where no image is usable."""
    modes: dict[str, float]
    """Fraction of the usable images in each pixel mode, the most frequent first."""
    labels: dict[str, int]
    """Usable images of each label, in class order; empty without labels."""
    unscored_labels: tuple[str, ...]
    """Labels with usable images, but too few for scores by label (see `can_be_scored`)."""
    unlabelled: int
    """Usable images without a label, where others have one; then labels are not used."""
    frames: dict[str, int]
    """How many frames or pages each usable file with several has."""
    uses_all_frames: bool
    splits: tuple[str, ...]
    """Folders such as train and val, which are no labels; those of the images lie below them."""
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of names with exactly the same content."""
    fit: str
    keeps_duplicates: bool
    suggested_size: int
    """Side of a square that suits these images."""
    size: tuple[int, int]
    """Height and width that the suggested command trains at."""
    settings: DataSettings
    """What they were inspected with."""
    typed: str
    """The location as one would type it."""
    flags: tuple[str, ...]
    """Flags and their values that were given, for the command to train with."""
    recipe: str | None = None
    """The recipe that generated data names; None for images."""
    things: str = "images"
    """What is counted: images, or points."""
    spans: ValueSpans = field(default_factory=ValueSpans)
    """How much of what their numbers can hold the images use; nothing with a range of their own."""
    pixel_range: str = FULL
    """The values that become black and white, as a setting."""
    note: tuple[str, str] | None = None
    """One more line for people, in two columns: what is generated from the images."""

    @property
    def problem(self) -> str | None:
        """Why this will not train; None where it will."""
        if self.distinct >= self.minimum:
            return None
        counted = "usable" if self.distinct == self.usable else "distinct usable"
        return f"{self.distinct:,} {counted} {self.things}, at least {self.minimum:,} are needed"

    @property
    def trainable(self) -> bool:
        """Whether there are enough usable images to train on."""
        return self.problem is None

    @property
    def few(self) -> bool:
        """Whether a discriminator will soon memorise the images."""
        return self.trainable and self.distinct < FEW_IMAGES

    @property
    def scores_possible(self) -> bool:
        """Whether a trained generator can be scored with these images."""
        return self.held_out >= FEWEST_HELD_OUT

    @property
    def copies(self) -> int:
        """How many images are exact copies of an earlier one."""
        return sum(len(group) - 1 for group in self.duplicates)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may go wrong although it trains, with what to do."""
        warnings = []
        if self.few:
            warnings.append(
                f"few images: {self.distinct:,} is little for a GAN from scratch; expect the "
                "discriminator to memorise. Add --flip where a mirrored image is as real as any; "
                "look at ganvas diagnose while it runs"
            )
        if self.trainable and not self.scores_possible:
            warnings.append(self._scores_warning())
        if self.unscored_labels and self.trainable:
            count = len(self.labels)
            warnings.append(rare_labels_warning(self.unscored_labels, count, "--json lists all"))
        if self.labels and self.unlabelled:
            either = "give one split alone, or " if self.splits else ""
            warnings.append(
                f"{self.unlabelled:,} images have no label, so labels are not used; "
                f"{either}move them into one of the label folders"
            )
        if self.sizes is not None and min(self.sizes.median) < min(self.size):
            width, height = self.sizes.median
            warnings.append(
                f"small images: most are about {width}x{height} and will be enlarged to "
                f"{format_image_size(self.size)}"
            )
        return (*warnings, *self.spans.warnings)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON types; `usable`, `unusable` and `trainable` are the stable keys."""
        return {
            "name": self.name,
            "location": self.location,
            "total": self.total,
            "usable": self.usable,
            "unusable": [problem._asdict() for problem in self.unusable],
            "trainable": self.trainable,
            "problem": self.problem,
            "distinct": self.distinct,
            "minimum": self.minimum,
            "held_out": self.held_out,
            "sizes": None if self.sizes is None else asdict(self.sizes),
            "modes": self.modes,
            "labels": self.labels,
            "unscored_labels": list(self.unscored_labels),
            "unlabelled": self.unlabelled,
            "splits": list(self.splits),
            "frames": self.frames,
            "pixel_range": self.pixel_range,
            "narrow": self.spans.to_json(),
            "duplicates": [list(group) for group in self.duplicates],
            "warnings": list(self.warnings),
            "suggested_size": self.suggested_size,
        }

    def lines(self) -> list[str]:
        """The report for people, line by line; the first line says whether it trains."""
        details = [self._unusable_line(), self._copies_line(), self._splits_line()]
        details += [
            self._labels_line(),
            self._frames_line(),
            self._aspect_line(),
            self._range_line(),
            self.note,
        ]
        table = [f"  {label:<20}  {text}" for label, text in filter(None, details)]
        return [self._headline(), *table, *self.warnings]

    def _scores_warning(self) -> str:
        few = (
            f"few held-out {self.things}: {self.held_out:,} of {self.distinct:,} would be held "
            f"out, and ganvas evaluate needs at least {FEWEST_HELD_OUT}"
        )
        if self.fraction_for_scores is None:
            return f"{few}. These are too few for scores: add {self.things} to have some"
        return f"{few}. Train with {HELD_OUT} {self.fraction_for_scores}"

    def _range_line(self) -> tuple[str, str] | None:
        chosen = parse_pixel_range(self.pixel_range)
        return chosen and ("pixel values", f"{chosen.in_words()} become black to white")

    def _headline(self) -> str:
        if self.problem is not None:
            headline = f"will not train: {self.problem}"
        else:
            size = "" if self.note else f" at {format_image_size(self.size)}"
            headline = f"{self.distinct:,} {self.things} to train on{size}"
        if self.sizes is None:
            return f"{self.name}: {headline}"
        width, height = self.sizes.median
        modes = ", ".join(f"{format_percent(part)} {mode}" for mode, part in self.modes.items())
        return f"{self.name}: {headline}      median size {width}x{height}, {modes}"

    def _unusable_line(self) -> tuple[str, str] | None:
        if not self.unusable:
            return None
        listed = " · ".join(str(problem) for problem in self.unusable[:_LISTED])
        more = len(self.unusable) - _LISTED
        return f"{len(self.unusable):,} cannot be used", listed + (
            f" · and {more:,} more (--json lists all)" if more > 0 else ""
        )

    def _copies_line(self) -> tuple[str, str] | None:
        if not self.copies:
            return None
        once = "each image counts once; --keep-duplicates keeps all copies"
        kept = "they are kept (--keep-duplicates)"
        return f"{self.copies:,} are exact copies", kept if self.keeps_duplicates else once

    def _splits_line(self) -> tuple[str, str] | None:
        if not self.splits:
            return None
        named = ", ".join(f"{name}/" for name in self.splits)
        verb = "is a split" if len(self.splits) == 1 else "are splits"
        below = "labels are the folders below them" if self.labels else "no labels"
        return "all are used", f"{named} {verb}; {below} (--labels chooses otherwise)"

    def _labels_line(self) -> tuple[str, str] | None:
        if not self.labels:
            return None
        counts = [f"{name} {count:,}" for name, count in self.labels.items()]
        listed = [*counts[:_LISTED], "..."] if len(counts) > _LISTED else counts
        return format_count(len(counts), "label"), ", ".join(listed)

    def _frames_line(self) -> tuple[str, str] | None:
        if not self.frames:
            return None
        files, total = len(self.frames), sum(self.frames.values())
        listed = [f"{name} {count:,}" for name, count in self.frames.items()][:_LISTED]
        more = ", ..." if files > _LISTED else ""
        use = (
            "all are used (--frames all); those of one file are trained on or held out together"
            if self.uses_all_frames
            else f"the first of each is used; --frames all uses all {total:,}"
        )
        files_have = "file has" if files == 1 else "files have"
        return f"{files:,} {files_have} frames", f"{use}: {', '.join(listed)}{more}"

    def _aspect_line(self) -> tuple[str, str] | None:
        if self.sizes is None or self.sizes.cropped_area < NOTEWORTHY_LOSS or self.fit != "crop":
            return None
        loss = format_percent(self.sizes.cropped_area)
        return "aspect ratios differ", f"cropping loses {loss} of the area; --fit pad keeps it"


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
        images = inspect(source.base, settings, CLASSES, workers, on_progress, verify=verify)
        return _inspect_stacks(source, images, settings, flags)
    source = with_labels(source, settings.labels)
    names = [item.name for item in source.items]
    splits = labels_from_folders(names).splits if settings.labels == "auto" else ()
    cache = default_cache()
    digests = read_digests(source, cache, verify, on_progress)
    source, digests = split_frames(source, digests, settings, cache, on_progress)
    content = fingerprint(source, digests)
    settings = with_known_range(source, settings, content, cache, on_progress)
    decode_one = partial(decode_header, source, settings)
    report = None if on_progress is None else partial(on_progress, DECODING)
    headers = list(parallel_map(decode_one, range(len(source.items)), report, workers))
    usable = [index for index, header in enumerate(headers) if header.problem is None]
    copies = exact_copies(source, digests, usable)
    different = len(usable) - sum(len(group) - 1 for group in copies)
    held_out, unscored = _split(source, settings, digests, usable)

    def held_out_at(fraction: float) -> int:
        return _split(source, replace(settings, held_out=fraction), digests, usable)[0]

    labels = Counter(source.items[index].label for index in usable)
    values = [header.values for header in headers if header.values is not None]
    sizes = measure_sizes([headers[index].size for index in usable], settings)
    side = suggested_side(sizes)
    return Inspection(
        name=source.name,
        location=source.location,
        total=len(headers),
        usable=len(usable),
        unusable=tuple(
            Unusable(source.items[index].name, header.problem)
            for index, header in enumerate(headers)
            if header.problem is not None
        ),
        distinct=len(usable) if settings.keep_duplicates else different,
        minimum=fewest_images(minimum, settings.held_out),
        held_out=held_out,
        fraction_for_scores=fraction_for_scores(different, minimum, held_out_at),
        sizes=sizes,
        modes=mode_fractions([headers[index].mode for index in usable]),
        labels={name: labels[name] for name in source.label_names if labels[name]},
        unscored_labels=unscored,
        unlabelled=labels[None] if source.label_names else 0,
        frames=frames_of_files(source, headers, usable),
        uses_all_frames=settings.frames == "all",
        splits=splits,
        duplicates=copies,
        fit=settings.fit,
        keeps_duplicates=settings.keep_duplicates,
        suggested_size=side,
        size=settings.size if "--size" in flags else (side, side),
        spans=value_spans(values) if settings.pixel_range == FULL else ValueSpans(),
        pixel_range=settings.pixel_range,
        settings=settings,
        typed=_as_typed(source.location),
        flags=tuple(flags),
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
        uses_all_frames=False,
        splits=(),
        duplicates=(),
        fit=settings.fit,
        keeps_duplicates=settings.keep_duplicates,
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
        typed=PREFIX + images.typed,
        flags=tuple(flags),
        recipe=stacks.recipe,
        note=(
            f"{CLASSES**3:,} modes",
            f"{stacks.training:,} stacks of three to train on, and {stacks.held_out:,} stacks "
            "of held-out images",
        ),
    )


def _split(
    source: Source, settings: DataSettings, digests: Sequence[bytes], usable: Sequence[int]
) -> tuple[int, tuple[str, ...]]:
    """How many different images would be held out, and the labels that could not be scored."""
    first = {digests[index]: index for index in reversed(usable)}
    indices = sorted(first.values())
    labels = source.class_numbers(indices)
    by_label = labels if settings.split == "labels" else None
    groups = [source.group(index) for index in indices]
    held_out = choose_held_out([digests[i] for i in indices], settings.held_out, by_label, groups)
    if labels is None:
        return len(held_out), ()
    scored = can_be_scored(labels, held_out, len(source.label_names))
    names = (source.label_names[label] for label in np.unique(labels) if not scored[label])
    return len(held_out), tuple(names)


def _as_typed(location: str) -> str:
    """A location as one would type it: relative if below the current folder, and no flag."""
    path = Path(location)
    if not path.is_absolute():
        return location
    here = Path.cwd()
    typed = str(path.relative_to(here)) if path.is_relative_to(here) else location
    if typed.startswith(("-", PREFIX)):
        typed = os.path.join(".", typed)  # noqa: PTH118 - a `Path` drops the leading dot
    if path.is_dir():
        typed += os.sep  # also tells a folder called `fashion` from the built-in images
    return typed
