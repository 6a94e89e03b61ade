"""A film of a training run: its grids of samples, in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ganvas.drawing.captions import with_caption
from ganvas.drawing.films import write_film
from ganvas.errors import RunError
from ganvas.runs import Run

FEWEST_GRIDS = 2
LAST_SECONDS = 2
"""How long the last grid is shown."""
USUAL_SECONDS = 10
"""How long a film lasts, where each grid can be shown for 0.1 to 0.5 seconds."""


class ProgressFilm(NamedTuple):
    """How many grids a film shows, and how long it lasts."""

    grids: int
    seconds: float


def usual_fps(grids: int) -> int:
    """Grids a second, for a film of so many: 2 to 10."""
    return min(max(round(grids / USUAL_SECONDS), 2), 10)


def write_progress_film(
    path: Path, run: Run, fps: int | None = None, captions: bool = False
) -> ProgressFilm:
    """Write a film of all grids in a run's samples/.

    Args:
        path: .gif, .webp or .mp4.
        run: finished or not.
        fps: grids a second, `usual_fps` by default; the last one stays for two seconds.
        captions: write below each grid how many images training had seen.

    Raises:
        RunError: there are fewer than two grids, one cannot be read, or the film not written.
        GanvasError: no such kind of film, or the extra `video` is missing.
    """
    grids = run.sample_paths()
    check_grids(run)
    fps = usual_fps(len(grids)) if fps is None else fps
    last = itertools.repeat(grids[-1], fps * LAST_SECONDS - 1)
    write_film(path, _frames([*grids, *last], captions), round(1000 / fps))
    return ProgressFilm(len(grids), (len(grids) - 1) / fps + LAST_SECONDS)


def check_grids(run: Run) -> None:
    """Raise a `RunError` unless a run has grids to make a film of."""
    count = len(run.sample_paths())
    if count < FEWEST_GRIDS:
        raise RunError(
            f"{run.directory} has {count or 'no'} {'grid' if count == 1 else 'grids'} in samples/, "
            f"and a film needs at least {FEWEST_GRIDS}. --intervals.samples says after how many "
            "images a run in training draws one"
        )


def _frames(paths: list[Path], captions: bool) -> Iterator[Image.Image]:
    """The pictures of grids, perhaps with how many images had been seen."""
    for path in paths:
        try:
            with Image.open(path) as picture:
                picture.load()
        except OSError as error:
            raise RunError(f"{path} cannot be read: it is no PNG, or damaged") from error
        yield with_caption(picture, f"{int(path.stem):,} images") if captions else picture
