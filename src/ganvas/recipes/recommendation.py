"""The one place that decides how to train on given images: recipe, size, flags, and why.

The recipe is that of the table of choices (`choices.py`). `ganvas check`, `ganvas train auto`,
error messages and the README give what this says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from ganvas.command_line import ganvas_command
from ganvas.data.bit_depth import MEASURED
from ganvas.data.image_sizes import SUGGESTED_SIDES
from ganvas.data.inspection import FEW_IMAGES, Inspection
from ganvas.data.mirroring import ALIKE
from ganvas.data.settings import RECIPE_FOR_IMAGES, DataSettings
from ganvas.fields import format_field
from ganvas.formatting import format_percent
from ganvas.labels import FEWEST_IMAGES, MOST_LABELS
from ganvas.recipes.catalog import CATALOG
from ganvas.recipes.choices import Case, Row, ranked_rows
from ganvas.recipes.recipe import Recipe, flag_of

RECIPE_FOR_FEW = "few"
"""Of images with alpha, for which the table of choices has no row."""
FEW_WITH_ALPHA = (
    "on 815 drawings with transparency its distance was a tenth smaller "
    "(docs/results/few-transparent.md)"
)
"""Why that recipe, of images with four channels."""
ALPHA_MODES = ("RGBA", "grey with alpha")
MOST_CROPPED = 0.25
"""Fraction of the area that cropping may lose without the command that keeps it."""
NOTEWORTHY_ALPHA = 0.5
"""Fraction of images with an alpha channel from which it is mentioned."""


@dataclass(frozen=True)
class Recommendation:
    """How to train on what was inspected."""

    recipe: str
    data: str
    """The images as one would type them."""
    flags: tuple[str, ...]
    """Flags and their values: the size, the flags that were given, and what few images need."""
    settings: DataSettings
    """The data settings that the flags give."""
    channels: int
    """Of the images that training gets."""
    reasons: tuple[str, ...]
    """Why, one clause for each choice, the most important first."""
    notes: tuple[str, ...]
    """What becomes of labels and of transparency, where one may expect something else."""
    row: Row | None
    """Of the table of choices; None for data that names its recipe, and where no row suits."""
    second_choice: str | None
    """The next best row with another recipe, and why."""
    cropped_area: float = 0.0
    """The fraction of the area that cropping loses, where no other fit was asked for."""

    @property
    def command(self) -> str:
        """The line to type."""
        return ganvas_command("train", self.recipe, self.data, *self.flags)

    def build(self) -> Recipe:
        """The recipe, with the data settings that the flags give."""
        recipe = CATALOG[self.recipe]() if self.row is None else self.row.build()
        given = self.settings.labels != DataSettings.labels
        labels = self.settings.labels if given else recipe.data.labels
        return replace(recipe, data=replace(self.settings, labels=labels))

    def to_json(self) -> dict[str, Any]:
        """The command and the reasons, as `ganvas check --json` prints them."""
        return {
            "suggested_command": self.command,
            "why": [*self.reasons, *self.notes],
            "second_choice": self.second_choice,
        }

    def lines(self) -> list[str]:
        """For people, the command last."""
        second = [] if self.second_choice is None else [f"second choice: {self.second_choice}"]
        whole = []
        if self.cropped_area > MOST_CROPPED:
            loss = format_percent(self.cropped_area)
            whole = [f"cropping loses {loss} of the area; all of it: {self.command} --fit pad"]
        notes = [f"note: {note}" for note in self.notes]
        return [f"why: {'; '.join(self.reasons)}", *notes, *second, *whole, f"next: {self.command}"]


def recommend(
    inspection: Inspection,
    seen: int | None = None,
    fits: Callable[[Recipe], bool] | None = None,
    keeps_labels: bool = False,
) -> Recommendation:
    """How to train on inspected images, stacks or points that are enough to train on.

    Args:
        seen: how many images the run is to see; None: as many as recipes do by themselves.
        fits: whether a recipe of the table goes with what else was asked for; where none does, or
            without it, all are chosen from.
        keeps_labels: labels that are to be learned (`on`) stay so, however few images they have.
    """
    case = case_of(inspection, CATALOG[RECIPE_FOR_IMAGES]().images if seen is None else seen)
    rows = [] if inspection.recipe else ranked_rows(case)
    if fits is not None:
        rows = [row for row in rows if fits(row.build())] or rows
    row = rows[0] if rows else None
    recipe = inspection.recipe or (_without_row(inspection, case) if row is None else row.recipe)
    flags = list(inspection.flags)
    settings = replace(inspection.settings, size=inspection.size)
    reasons = [_why_recipe(inspection, row, case)]
    keeps_labels &= settings.labels == "on"
    if settings.labels == "on" and not (keeps_labels or inspection.learnable_labels):
        settings = replace(settings, labels="auto")
        flags[flags.index("--labels") + 1] = "auto"
        reasons.append("--labels auto as some labels have too few images to be learned")
    if inspection.recipe is None and "--size" not in flags:
        flags = ["--size", str(inspection.suggested_size), *flags]
        reasons.append(_why_size(inspection))
    fraction = None if inspection.scores_possible else inspection.fraction_for_scores
    if fraction is not None and "--held-out" not in flags:  # a given fraction stays
        flags += ["--held-out", str(fraction)]
        settings = replace(settings, held_out=fraction)
        reasons.append(f"--held-out {fraction} as scores need that many held-out images")
    if inspection.spans.suits_one_range:
        flags += ["--pixel-range", MEASURED]
        settings = replace(settings, pixel_range=MEASURED)
        reasons.append(f"--pixel-range {MEASURED} as the images use little of their range")
    against = inspection.against_flip
    if against is not None:
        given = "--flip was given, but" if "--flip" in flags else "no --flip as"
        reasons.append(f"{given} {against}")
    elif _suits_flip(inspection) and "--flip" not in flags:
        flags.append("--flip")
        settings = replace(settings, flip=True)
        reasons.append("--flip as mirrored images look like the others, and more are needed")
    return Recommendation(
        recipe=recipe,
        data=inspection.typed,
        flags=(*(() if row is None else row.flags), *flags),
        settings=settings,
        channels=_channels(inspection),
        reasons=tuple(reasons),
        notes=tuple(_notes(inspection, keeps_labels)),
        row=row,
        second_choice=_second_choice(rows, case),
        cropped_area=_cropped_area(inspection),
    )


def given_flags(settings: DataSettings) -> list[str]:
    """The flags that give `train` the data settings that differ from their defaults."""
    flags = []
    for entry in fields(DataSettings):
        value = getattr(settings, entry.name)
        if value == entry.default:
            continue
        flags.append(flag_of(f"data.{entry.name}"))
        if not isinstance(value, bool):
            flags.append(format_field(value))
    return flags


def case_of(inspection: Inspection, seen: int) -> Case:
    """What the table of choices is asked about these images."""
    # What follows overfitting compares with held-out images; a given fraction stays.
    can_hold_more = inspection.fraction_for_scores is not None
    can_hold_more &= "--held-out" not in inspection.flags
    return Case(
        side=math.sqrt(math.prod(inspection.size)),
        images=inspection.distinct,
        channels=_channels(inspection),
        labels=inspection.learnable_labels,
        seen=seen,
        can_follow=inspection.scores_possible or can_hold_more,
    )


def _channels(inspection: Inspection) -> int:
    """How many channels training gives the images."""
    channels = inspection.settings.channels
    if channels != "auto":
        return int(channels)
    if inspection.recipe is not None:
        return 2 if inspection.things == "points" else 3
    return 1 if inspection.grey else 3


def _without_row(inspection: Inspection, case: Case) -> str:
    """The recipe for images with alpha."""
    follows = inspection.few and case.can_follow
    return RECIPE_FOR_FEW if follows else RECIPE_FOR_IMAGES


def _why_recipe(inspection: Inspection, row: Row | None, case: Case) -> str:
    if inspection.recipe is not None:
        images = "points" if inspection.things == "points" else "stacked images"
        return f"{inspection.recipe} as it is made for {images}"
    if row is None:
        return _why_with_alpha(_without_row(inspection, case), case.channels)
    return f"{row.recipe} {_grounds(row, case, 'the nearest to {} that was measured')}"


def _why_with_alpha(recipe: str, channels: int) -> str:
    unmeasured = f"nothing was measured on such images with {channels} channels"
    if recipe != RECIPE_FOR_FEW:
        return f"{recipe}, as {unmeasured}"
    grounds = FEW_WITH_ALPHA if channels == 4 else unmeasured
    few = f"as the discriminator memorises fewer than {FEW_IMAGES:,} images"
    return f"{recipe} {few}; {grounds}"


def _second_choice(rows: list[Row], case: Case) -> str | None:
    """The next row with another recipe and why, and what of the images it was not measured on."""
    row = next((other for other in rows if other.name != rows[0].name), None)
    if row is None:
        return None
    return f"{row.name} {_grounds(row, case, 'not measured for {}')}"


def _grounds(row: Row, case: Case, silent: str) -> str:
    """Why a row, and its study; `silent` says, of {}, what of the images that did not cover."""
    uncovered = " and ".join(row.uncovered(case))
    note = f"; {silent.format(uncovered)}" if uncovered else ""
    return f"as {row.why} (docs/{row.study}{note})"


def _cropped_area(inspection: Inspection) -> float:
    """The fraction of the area that cropping loses, where no other fit was asked for."""
    if inspection.sizes is None or "--fit" in inspection.flags:
        return 0.0
    return inspection.sizes.cropped_area


def _why_size(inspection: Inspection) -> str:
    largest, *_, smallest = SUGGESTED_SIDES
    if inspection.suggested_size == largest:
        return f"--size {largest} as most images are that large, and more takes a GPU"
    if inspection.sizes is not None and min(inspection.sizes.median) < smallest:
        return f"--size {smallest} as most images are no larger"
    return f"--size {smallest} as most images are smaller than {largest} pixels"


def _suits_flip(inspection: Inspection) -> bool:
    """Whether few photographs would be twice as many. Grey images may be scans of anything."""
    farther = inspection.mirrored_farther
    alike = farther is not None and farther <= ALIKE
    return inspection.few and inspection.recipe is None and alike and _channels(inspection) > 2


def _notes(inspection: Inspection, keeps_labels: bool) -> list[str]:
    """What becomes of labels and alpha channels, where one may expect something else.

    Args:
        keeps_labels: labels are learned, however few images they have.
    """
    notes = []
    used = inspection.labels and not inspection.unlabelled and inspection.recipe is None
    if used and inspection.few and inspection.learnable_labels:
        if inspection.settings.labels == "scores":  # `on` and `auto` learn them already
            notes.append("labels serve scores alone; --labels on learns them too")
    elif used and not (keeps_labels or inspection.learnable_labels):
        notes.append(
            f"labels serve scores alone, as learning them takes 2 to {MOST_LABELS:,} labels of at "
            f"least {FEWEST_IMAGES} training images each"
        )
    alpha = sum(part for mode, part in inspection.modes.items() if mode in ALPHA_MODES)
    if alpha >= NOTEWORTHY_ALPHA and inspection.settings.channels not in ("2", "4"):
        background = inspection.settings.background
        notes.append(
            f"transparent pixels become {background} (--background); for images with transparency, "
            "such as sprites, --channels 4 keeps it"
        )
    return notes
