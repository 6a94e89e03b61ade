"""What was found in images: what is in there, what is broken, whether it will train."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ganvas.data.bit_depth import parse_pixel_range
from ganvas.data.held_out import FEWEST_HELD_OUT, rare_labels_warning
from ganvas.data.image_sizes import NOTEWORTHY_LOSS, Sizes
from ganvas.data.label_tables import LabelTable
from ganvas.data.mirroring import against_mirroring
from ganvas.data.settings import DataSettings
from ganvas.data.source import Unusable
from ganvas.data.value_spans import ValueSpans
from ganvas.formatting import format_count, format_image_size, format_list, format_percent
from ganvas.hub_files import HUB
from ganvas.labels import LabelSet, unsuitable

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
    splits: tuple[str, ...]
    """Folders such as train and val, which are no labels; those of the images lie below them."""
    duplicates: tuple[tuple[str, ...], ...]
    """Groups of names with exactly the same content."""
    suggested_size: int
    """Side of a square that suits these images."""
    size: tuple[int, int]
    """Height and width that the suggested command trains at."""
    settings: DataSettings
    """What they were inspected with, a measured range of pixel values included."""
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
    mirrored_farther: float | None = None
    """The fraction of images that are farther from the others when mirrored, if measured."""
    label_table: LabelTable | None = None
    """The table that the labels are from, or that could not be read."""
    unread_labels: tuple[str, ...] = ()
    """Arrays or columns that may each hold the labels, if they are several."""
    grey: bool = False
    """Whether no usable image can hold colour, so that `auto` trains with one channel."""
    enlarged: int = 0
    """How many usable images are smaller than `size`, and enlarged to it."""
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
    def learnable_labels(self) -> bool:
        """Whether the labels suit a network that takes labels, of images that have all one."""
        if self.recipe is not None or self.unlabelled or self.settings.labels == "off":
            return False
        kept = 1 - self.settings.held_out
        counts = [int(count * kept) for count in self.labels.values()]
        return bool(counts) and not unsuitable(LabelSet(tuple(self.labels), tuple(counts)))

    @property
    def against_flip(self) -> str | None:
        """Why mirrored images would be wrong, as far as that can be known; None where it cannot."""
        if self.recipe is not None:
            return None
        return against_mirroring(self.name, list(self.labels), self.mirrored_farther)

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
            flip = "Add --flip where a mirrored image is as real as any; look"
            decided = self.settings.flip or self.against_flip is not None
            warnings.append(
                f"few images: {self.distinct:,} is little for a GAN from scratch; expect the "
                f"discriminator to memorise. {'Look' if decided else flip} at ganvas "
                "diagnose while it runs"
            )
        if self.trainable and not self.scores_possible:
            warnings.append(self._scores_warning())
        if self.unscored_labels and self.trainable:
            count = len(self.labels)
            warnings.append(rare_labels_warning(self.unscored_labels, count, "--json lists all"))
        if self.labels and self.unlabelled:
            warnings.append(self._unlabelled_warning())
        table = self.label_table
        if table is not None and not table.is_read:
            warnings.append(
                f"no labels: {table.name} is not read: {table.problem}. If it is meant to hold the "
                "labels, see docs/data.md#labels"
            )
        if self.unread_labels:
            warnings.append(self._unread_labels_warning())
        if self.enlarged:
            are = "is" if self.enlarged == 1 else "are"
            warnings.append(
                f"small images: {self.enlarged:,} of {self.usable:,} {are} smaller than "
                f"{format_image_size(self.size)} and will be enlarged"
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
            "enlarged": self.enlarged,
            "labels": self.labels,
            "unscored_labels": list(self.unscored_labels),
            "unlabelled": self.unlabelled,
            "label_table": None if self.label_table is None else self.label_table.name,
            "splits": list(self.splits),
            "frames": self.frames,
            "pixel_range": self.settings.pixel_range,
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
            self._table_line(),
            self._frames_line(),
            self._aspect_line(),
            self._range_line(),
            self.note,
        ]
        table = [f"  {label:<20}  {text}" for label, text in filter(None, details)]
        return [self._headline(), *table, *self.warnings]

    def _unread_labels_warning(self) -> str:
        """Which arrays or columns may hold the labels, and how one is chosen."""
        *_, name = self.unread_labels
        choose = "Name the one that is meant `labels`"
        if self.location.startswith(HUB):
            choose = f"Choose one in the address, such as #label={name}"
        return (
            f"no labels: {format_list(self.unread_labels)} may each hold them, so none is read. "
            f"{choose}"
        )

    def _unlabelled_warning(self) -> str:
        """Why labels are not used although there are some."""
        table = self.label_table
        if table is not None and table.is_read:
            have = "has" if self.unlabelled == 1 else "have"
            return (
                f"training without labels: {self.unlabelled:,} of the {self.usable:,} images "
                f"{have} none in {table.name}. For labels, add rows for those, or move them "
                "elsewhere"
            )
        either = "give one split alone, or " if self.splits else ""
        are = "is" if self.unlabelled == 1 else "are"
        return (
            "training without labels: folder names are taken as labels only if every image is in "
            f"such a folder, and {self.unlabelled:,} {are} not. For labels, {either}move those "
            "into one"
        )

    def _scores_warning(self) -> str:
        few = (
            f"few held-out {self.things}: {self.held_out:,} of {self.distinct:,} would be held "
            f"out, and ganvas evaluate needs at least {FEWEST_HELD_OUT}"
        )
        if self.fraction_for_scores is None:
            return f"{few}. These are too few for scores: add {self.things} to have some"
        return f"{few}. Train with {HELD_OUT} {self.fraction_for_scores}"

    def _range_line(self) -> tuple[str, str] | None:
        chosen = parse_pixel_range(self.settings.pixel_range)
        return chosen and ("pixel values", f"{chosen.in_words()} become black to white")

    def _headline(self) -> str:
        if self.problem is not None:
            headline = f"will not train: {self.problem}"
        else:
            headline = f"{self.distinct:,} {self.things}"
            if self.recipe is None:
                training = f"{self.distinct - self.held_out:,} to train on"
                parts = f"{training}, {self.held_out:,} held out for scores"
                headline += f" at {format_image_size(self.size)}: {parts}"
            else:  # what is generated has held-out points or images of its own
                headline += " to train on"
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
        copies = format_count(self.copies, "is an exact copy", "are exact copies")
        return copies, kept if self.settings.keep_duplicates else once

    def _splits_line(self) -> tuple[str, str] | None:
        if not self.splits:
            return None
        named = ", ".join(f"{name}/" for name in self.splits)
        verb = "is a split" if len(self.splits) == 1 else "are splits"
        below = "labels are the folders below them" if self.labels else "no labels"
        if self._table_line():
            below = "labels are those of a table"
        return "all are used", f"{named} {verb}; {below} (--labels chooses otherwise)"

    def _labels_line(self) -> tuple[str, str] | None:
        if not self.labels:
            return None
        counts = [f"{name} {count:,}" for name, count in self.labels.items()]
        listed = [*counts[:_LISTED], "..."] if len(counts) > _LISTED else counts
        return format_count(len(counts), "label"), ", ".join(listed)

    def _table_line(self) -> tuple[str, str] | None:
        table = self.label_table
        if table is None or not table.is_read:
            return None
        other = format_count(table.unmatched, "row names", "rows name")
        return "labels are from", table.name + (f"; {other} no image" if table.unmatched else "")

    def _frames_line(self) -> tuple[str, str] | None:
        if not self.frames:
            return None
        files, total = len(self.frames), sum(self.frames.values())
        listed = [f"{name} {count:,}" for name, count in self.frames.items()][:_LISTED]
        more = ", ..." if files > _LISTED else ""
        use = (
            "all are used (--frames all); those of one file are trained on or held out together"
            if self.settings.frames == "all"
            else f"the first of each is used; --frames all uses all {total:,}"
        )
        files_have = "file has" if files == 1 else "files have"
        return f"{files:,} {files_have} frames", f"{use}: {', '.join(listed)}{more}"

    def _aspect_line(self) -> tuple[str, str] | None:
        if self.settings.fit != "crop":
            return None
        if self.sizes is None or self.sizes.cropped_area < NOTEWORTHY_LOSS:
            return None
        loss = format_percent(self.sizes.cropped_area)
        return "aspect ratios differ", f"cropping loses {loss} of the area; --fit pad keeps it"
