"""What is due after a step: a pure function of the images seen, the same on every process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ganvas.recipes import Recipe

FIRST_GRID = 1_000
"""Images seen at the first grid of samples after the one of untrained weights."""
GRID_GROWTH = 3
"""Each early grid comes after this many times the images of the one before."""


class Due(NamedTuple):
    """What to do after the step that ended at some count of images."""

    history: bool
    """A record of the history, which needs the numbers of a GPU."""
    probes: bool
    samples: bool
    scores: bool
    checkpoint: bool
    last: bool
    """The budget is reached."""

    @property
    def anything(self) -> bool:
        """Whether anything is due, and a GPU must be waited for."""
        return any(self)

    @classmethod
    def after(cls, before: int, images_seen: int, recipe: Recipe) -> Due:
        """What is due after a step from `before` images to `images_seen`."""

        def elapsed(every: int) -> bool:
            return interval_elapsed(every, before, images_seen)

        intervals = recipe.intervals
        last = images_seen >= recipe.images
        probes = elapsed(intervals.probes) or (last and intervals.probes > 0)
        scores = elapsed(recipe.evaluation.every) or (last and recipe.evaluation.every > 0)
        return cls(
            history=last or probes or elapsed(intervals.history),
            probes=probes,
            samples=last or is_grid_due(intervals.samples, before, images_seen),
            scores=scores,
            checkpoint=last or scores or elapsed(intervals.checkpoint),
            last=last,
        )


def interval_elapsed(every: int, before: int, images_seen: int) -> bool:
    """Whether a multiple of `every` images was passed; never of 0."""
    return every > 0 and images_seen // every > before // every


def is_grid_due(every: int, before: int, images_seen: int) -> bool:
    """Whether a grid of samples is due: every so many images, and more often early on.

    Samples change most at the beginning, and a user wants to see the first ones soon.
    """
    early = any(before < images <= images_seen for images in early_grids(every))
    return early or interval_elapsed(every, before, images_seen)


def early_grids(every: int) -> Iterator[int]:
    """Images seen at the grids before the first regular one: 1,000, 3,000, 9,000, ..."""
    images = FIRST_GRID
    while images < every:
        yield images
        images *= GRID_GROWTH
