"""Read every image before training: what is in there, what is broken, whether it will train."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganvas.data.cache import default_cache
from ganvas.data.decoding import decode, upright_size
from ganvas.data.digests import DECODING, StageProgress, read_digests
from ganvas.data.held_out import (
    FEWEST_HELD_OUT,
    can_be_scored,
    choose_held_out,
    fewest_images,
    fraction_for_scores,
    rare_labels_warning,
)
from ganvas.data.image_sizes import NOTEWORTHY_LOSS, Sizes, measure_sizes, suggested_side
from ganvas.data.reading import parallel_map
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, Unusable, UnusableImage
from ganvas.data.stacking import CLASSES, PREFIX, Stacked
from ganvas.data.synthetic import Points
from ganvas.formatting import format_count, format_image_size, format_percent

FEW_IMAGES = 2000
"""With fewer images a discriminator can memorise them within a short training."""
AUGMENTED = "--augmentation 0.3"
"""What delays overfitting of the discriminator where images are few (docs/recipes.md)."""
HELD_OUT = "--held-out"

_MODE_NAMES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "I": "32-bit grey",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "F": "floating point",
}
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
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of names with exactly the same content."""
    fit: str
    keeps_duplicates: bool
    suggested_size: int
    """Side of a square that suits these images."""
    size: tuple[int, int]
    """Height and width that the suggested command trains at."""
    command: str
    """The command that would train on them if they were many."""
    things: str = "images"
    """What is counted: images, or points."""
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
    def suggested_command(self) -> str:
        """The next command, with the flags that few images need."""
        command = self.command
        fraction = None if self.scores_possible else self.fraction_for_scores
        if fraction is not None and HELD_OUT not in command:  # a given fraction stays
            command += f" {HELD_OUT} {fraction}"
        return f"{command} {AUGMENTED}" if self.few else command

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
                f"discriminator to memorise. Train with {AUGMENTED}, and with --flip where a "
                "mirrored image is as real as any; look at ganvas diagnose while it runs"
            )
        if self.trainable and not self.scores_possible:
            warnings.append(self._scores_warning())
        if self.unscored_labels and self.trainable:
            count = len(self.labels)
            warnings.append(rare_labels_warning(self.unscored_labels, count, "--json lists all"))
        if self.labels and self.unlabelled:
            warnings.append(
                f"{self.unlabelled:,} images have no label, so labels are not used; "
                "move them into one of the label folders"
            )
        if self.sizes is not None and min(self.sizes.median) < min(self.size):
            width, height = self.sizes.median
            warnings.append(
                f"small images: most are about {width}x{height} and will be enlarged to "
                f"{format_image_size(self.size)}"
            )
        return tuple(warnings)

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
            "duplicates": [list(group) for group in self.duplicates],
            "warnings": list(self.warnings),
            "suggested_size": self.suggested_size,
            "suggested_command": self.suggested_command if self.trainable else None,
        }

    def lines(self) -> list[str]:
        """The report for people, line by line; the first line says whether it trains."""
        details = [self._unusable_line(), self._copies_line(), self._labels_line()]
        details += [self._aspect_line(), self.note]
        table = [f"  {label:<20}  {text}" for label, text in filter(None, details)]
        return [self._headline(), *table, *self.warnings, *self._next_lines()]

    def _scores_warning(self) -> str:
        few = (
            f"few held-out {self.things}: {self.held_out:,} of {self.distinct:,} would be held "
            f"out, and ganvas evaluate needs at least {FEWEST_HELD_OUT}"
        )
        if self.fraction_for_scores is None:
            return f"{few}. These are too few for scores: add {self.things} to have some"
        return f"{few}. Train with {HELD_OUT} {self.fraction_for_scores}"

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

    def _labels_line(self) -> tuple[str, str] | None:
        if not self.labels:
            return None
        counts = [f"{name} {count:,}" for name, count in self.labels.items()]
        listed = [*counts[:_LISTED], "..."] if len(counts) > _LISTED else counts
        return format_count(len(counts), "label"), ", ".join(listed)

    def _aspect_line(self) -> tuple[str, str] | None:
        if self.sizes is None or self.sizes.cropped_area < NOTEWORTHY_LOSS or self.fit != "crop":
            return None
        loss = format_percent(self.sizes.cropped_area)
        return "aspect ratios differ", f"cropping loses {loss} of the area; --fit pad keeps it"

    def _next_lines(self) -> list[str]:
        return [f"next: {self.suggested_command}"] if self.trainable else []


class _Header(NamedTuple):
    """Size and mode of an image, or why it is unusable."""

    size: tuple[int, int]
    mode: str
    problem: str | None


def inspect(
    source: Source | Points | Stacked,
    settings: DataSettings,
    minimum: int = 1,
    workers: int | None = None,
    on_progress: StageProgress | None = None,
    flags: str = "",
    verify: bool = False,
) -> Inspection:
    """Decode every image exactly as training would; for stacks, the images that they stack.

    Args:
        source: from `open_source`.
        settings: `size`, `fit`, `background` and `keep_duplicates` are read.
        minimum: fewest images to train on, usually one batch; held-out images come on top.
        workers: threads; by default as many as there are cores for this process, at most 32.
        on_progress: called with (stage, done, total).
        flags: flags of the suggested command in place of the suggested size.
        verify: read every file again to find copies, whatever its time stamp.

    Raises:
        DataError: points or stacks that the settings do not suit.
    """
    if isinstance(source, Points):
        return _inspect_points(source, settings, minimum, flags)
    if isinstance(source, Stacked):
        images = inspect(source.base, settings, CLASSES, workers, on_progress, verify=verify)
        return _inspect_stacks(source, images, settings, flags)
    digests = read_digests(source, default_cache(), verify, on_progress)
    decode_one = partial(_decode_one, source, settings)
    report = None if on_progress is None else partial(on_progress, DECODING)
    headers = list(parallel_map(decode_one, range(len(source.items)), report, workers))
    usable = [index for index, header in enumerate(headers) if header.problem is None]
    copies = _copies(source, digests, usable)
    different = len(usable) - sum(len(group) - 1 for group in copies)
    held_out, unscored = _split(source, settings, digests, usable)
    labels = Counter(source.items[index].label for index in usable)
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
        fraction_for_scores=fraction_for_scores(different, minimum),
        sizes=sizes,
        modes=_mode_fractions([headers[index].mode for index in usable]),
        labels={name: labels[name] for name in source.label_names if labels[name]},
        unscored_labels=unscored,
        unlabelled=labels[None] if source.label_names else 0,
        duplicates=copies,
        fit=settings.fit,
        keeps_duplicates=settings.keep_duplicates,
        suggested_size=side,
        size=settings.size if flags else (side, side),
        command=f"ganvas train dcgan {_as_typed(source.location)} {flags or f'--size {side}'}",
    )


def _decode_one(source: Source, settings: DataSettings, index: int) -> _Header:
    """One image, decoded as training would decode it."""
    try:
        image = source.read(index)
        size, mode = upright_size(image), image.mode  # before a JPEG is decoded smaller
        decode(image, settings, 3)
    except UnusableImage as problem:
        return _Header((0, 0), "", problem.reason)
    return _Header(size, mode, None)


def _inspect_points(points: Points, settings: DataSettings, minimum: int, flags: str) -> Inspection:
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
        fraction_for_scores=fraction_for_scores(count, minimum),
        sizes=None,
        modes={},
        labels=dict(zip(metadata.label_names, labels, strict=True)),
        unscored_labels=(),
        unlabelled=0,
        duplicates=(),
        fit=settings.fit,
        keeps_duplicates=settings.keep_duplicates,
        suggested_size=settings.size[0],
        size=settings.size,
        command=f"ganvas train {points.recipe} {points.location} {flags}".strip(),
        things="points",
        note=("held out", f"{held_out:,} more"),
    )


def _inspect_stacks(
    stacks: Stacked, images: Inspection, settings: DataSettings, flags: str
) -> Inspection:
    """The inspection of the single images, turned into one of their stacks."""
    stacks.check_settings(settings)
    typed = PREFIX + _as_typed(stacks.base.location)
    return replace(
        images,
        name=stacks.name,
        location=stacks.location,
        held_out=stacks.held_out if images.held_out else 0,
        size=settings.size,
        suggested_size=settings.size[0],
        command=f"ganvas train {stacks.recipe} {typed} {flags}".strip(),
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
    held_out = choose_held_out([digests[i] for i in indices], settings.held_out, by_label)
    if labels is None:
        return len(held_out), ()
    scored = can_be_scored(labels, held_out, len(source.label_names))
    names = (source.label_names[label] for label in np.unique(labels) if not scored[label])
    return len(held_out), tuple(names)


def _copies(
    source: Source, digests: Sequence[bytes], usable: Sequence[int]
) -> tuple[tuple[str, ...], ...]:
    groups: dict[bytes, list[str]] = defaultdict(list)
    for index in usable:
        groups[digests[index]].append(source.items[index].name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _mode_fractions(modes: Sequence[str]) -> dict[str, float]:
    names = Counter(_MODE_NAMES.get(mode, mode) for mode in modes)
    return {name: round(count / len(modes), 4) for name, count in names.most_common()}


def _as_typed(location: str) -> str:
    """A location as one would type it: relative if below the current folder, quoted if needed."""
    path = Path(location)
    if not path.is_absolute():
        return location
    here = Path.cwd()
    typed = str(path.relative_to(here)) if path.is_relative_to(here) else location
    if path.is_dir():
        typed += os.sep  # also tells a folder called `fashion` from the built-in images
    return f'"{typed}"' if " " in typed else typed
