"""Pictures of samples: the grids that training saved, and samples beside training images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganvas.data.prepared import PreparedData
from ganvas.drawing.grids import make_grid
from ganvas.drawing.samples import display_factor
from ganvas.errors import GanvasError
from ganvas.evaluation.evaluate import reference_images
from ganvas.evaluation.extractors import shuffled
from ganvas.evaluation.nearest import REFERENCES, CopyRule, nearest_images
from ganvas.generators.files import load
from ganvas.images import Pixels, to_channels_last
from ganvas.progress import Progress, progress_bar
from ganvas.reports.page import Picture
from ganvas.runs import Run
from ganvas.training.grids import GRID_COLUMNS, GRID_IMAGES, GRID_LABELS, spread_labels

GAP = 2
"""Pixels between the images of a saved grid, before it is enlarged (`drawing.grids.make_grid`)."""

STRIP_GRIDS = 7
"""Most points in time that a strip shows."""

ROW_IMAGES = 12
"""Images of a row of a strip."""

SAMPLES, NEIGHBOURS = 12, 3
"""Samples that are looked up, and training images that are shown beside each."""

GRID_WIDTH, TILE_WIDTH = 520, 56
"""About how wide a large grid and one image of a row are shown, in CSS pixels."""


Sides = tuple[int, int] | None
"""Height and width of an image; None for points, which are drawn into one picture."""


def image_sides(data: Mapping[str, Any]) -> Sides:
    """The sides of the images that a run or a study trains on.

    Args:
        data: the content of data.json.
    """
    shape = data["shape"]
    return None if data["extent"] is not None else (shape["height"], shape["width"])


def label_rows(run: Run) -> tuple[str, ...]:
    """The labels of the rows of a run's grids, from the top; none of a run without labels."""
    if not run.read_recipe().generator.network.uses_labels:
        return ()
    names = run.read_data()["labels"]
    return tuple(names[label] for label in spread_labels(len(names), GRID_LABELS).tolist())


def read_grid(path: Path, sides: Sides, rows: Sequence[str] = ()) -> Pixels:
    """A grid of samples as they were made, uint8.

    Args:
        rows: the labels of its rows, see `label_rows`.

    Returns:
        (N, H, W, C), the images row by row; of points (1, H, W, 1), the drawing.
    """
    with Image.open(path) as image:
        pixels: Pixels = np.atleast_3d(np.asarray(image))
    if sides is None:
        return pixels[None]
    factor = display_factor(sides)
    most = len(rows) * GRID_COLUMNS or GRID_IMAGES
    return cut_grid(np.ascontiguousarray(pixels[::factor, ::factor]), sides, most)


def cut_grid(grid: Pixels, shape: tuple[int, int], most: int = GRID_IMAGES) -> Pixels:
    """The images of a grid, row by row: uint8 (N, H, W, C).

    Args:
        grid: as `make_grid` lays it out.
        shape: height and width of an image.
        most: how many images it holds; what is beyond is empty.
    """
    height, width = shape
    rows, columns = (
        (side - GAP) // (length + GAP) for side, length in zip(grid.shape, shape, strict=False)
    )
    cells = itertools.product(range(rows), range(columns))
    corners = [(GAP + row * (height + GAP), GAP + column * (width + GAP)) for row, column in cells]
    tiles = [grid[top : top + height, left : left + width] for top, left in corners]
    return np.stack(tiles[:most])


def sample_grid(tiles: Pixels, columns: int | None = None, gap: int = 1) -> Pixels:
    """Images side by side, with transparent gaps: uint8 (H, W, 2 or 4)."""
    opaque = on_white(tiles)
    alpha = np.full((*opaque.shape[:3], 1), 255, np.uint8)
    pixels = make_grid(np.concatenate([opaque, alpha], axis=3), columns, gap)
    inside = make_grid(alpha - 255, columns, gap) == 0  # the gaps of a grid are white
    cleared: Pixels = pixels * inside[..., :1]
    return cleared


def on_white(tiles: Pixels) -> Pixels:
    """Images without transparency: (N, H, W, 1 or 3)."""
    if tiles.shape[3] in (1, 3):
        return tiles
    alpha = tiles[..., -1:].astype(np.float32) / 255
    return np.round(tiles[..., :-1] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def grid_picture(
    path: Path,
    sides: Sides,
    caption: str,
    alt: str = "",
    width: int = GRID_WIDTH,
    rows: Sequence[str] = (),
) -> Picture:
    """A grid of samples, about `width` CSS pixels wide; points in the size of their drawing.

    Args:
        caption, alt: `{}` in them becomes how many images were seen; no alt: the caption.
        rows: the labels of its rows, which the caption then names.
    """
    seen = f"{int(path.stem):,} images seen"
    caption, alt = caption.format(seen), (alt or caption).format(seen)
    tiles = read_grid(path, sides, rows)
    if sides is None:
        return Picture(tiles[0], alt, caption)
    pixels = sample_grid(tiles, GRID_COLUMNS if rows else None)
    if rows:
        caption += f"; a row for each label, from the top: {', '.join(rows)}"
    return Picture(pixels, alt, caption, enlargement(pixels.shape[1], width))


def row_picture(tiles: Pixels, alt: str, caption: str = "") -> Picture:
    """Images side by side, each about `TILE_WIDTH` CSS pixels wide."""
    pixels = sample_grid(tiles, columns=len(tiles))
    return Picture(pixels, alt, caption, enlargement(tiles.shape[2], TILE_WIDTH))


def first_samples(
    path: Path, sides: Sides, alt: str, caption: str = "", rows: Sequence[str] = ()
) -> Picture:
    """The first images of a grid in a row, with `rows` the first of each label; of points the
    whole drawing."""
    tiles = read_grid(path, sides, rows)
    if sides is None:
        return Picture(tiles[0], alt, caption)
    if rows:
        tiles = tiles[::GRID_COLUMNS]
    return row_picture(tiles[:ROW_IMAGES], alt, caption)


def strip(paths: list[Path], sides: Sides, rows: Sequence[str] = ()) -> list[Picture]:
    """Samples of the same latents at several points in time; captions say when."""
    kind = "generated points" if sides is None else "generated images"
    return [
        first_samples(
            path, sides, f"{kind} at {int(path.stem):,} images seen", f"{int(path.stem):,}", rows
        )
        for path in spread(paths, STRIP_GRIDS)
    ]


def enlargement(width: int, wanted: int) -> int:
    """How many times to enlarge to come nearest to a width; at least once."""
    return max(1, round(wanted / width))


def spread(paths: list[Path], most: int) -> list[Path]:
    """At most so many, evenly by position, with the first and the last."""
    if len(paths) <= most:
        return paths
    chosen = np.linspace(0, len(paths) - 1, most).round().astype(int)
    return [paths[index] for index in chosen]


def path_from(paths: list[Path], images_seen: int) -> Path | None:
    """The first grid at `images_seen` or later, or else the last; None without any."""
    later = (path for path in paths if int(path.stem) >= images_seen)
    return next(later, paths[-1] if paths else None)


@dataclass(frozen=True)
class Lookup:
    """A sample beside its nearest training images.

    distance: to the nearest, in grey levels.
    is_copy: of the nearest, by the rule of `Lookups`.
    """

    sample: Picture
    neighbours: Picture
    distance: float
    is_copy: bool


@dataclass(frozen=True)
class Lookups:
    """Samples with their nearest training images, or why there are none.

    rule: when a sample is a copy; None where the held-out images cannot decide it.
    searched: how many training images there are; mirrored: whether also their mirror images.
    """

    rows: tuple[Lookup, ...]
    missing: str = ""
    rule: CopyRule | None = None
    searched: int = 0
    mirrored: bool = False

    @property
    def copies(self) -> int:
        """How many of the samples are copies."""
        return sum(row.is_copy for row in self.rows)


def look_up(run: Run, quiet: bool) -> Lookups:
    """The first samples of seed 0, each with its nearest training images."""
    if run.read_data()["extent"] is not None:
        return Lookups((), "Points have no nearest images.")
    try:
        samples = load(run).sample(SAMPLES)
        data = reference_images(run, None, quiet)
    except GanvasError as error:
        return Lookups((), f"{error}")
    mirrored = run.read_recipe().data.flip
    with progress_bar("nearest training images", quiet) as bar:
        return nearest_to(samples, data, mirrored, bar)


def nearest_to(
    samples: Pixels, data: PreparedData, mirrored: bool, on_progress: Progress | None = None
) -> Lookups:
    """Samples, each with its nearest training images, and whether it is a copy of the nearest.

    Args:
        samples: uint8 (N, H, W, C).
        mirrored: whether mirrored images count too.
    """
    pixels = torch.from_numpy(samples).permute(0, 3, 1, 2)
    references = torch.from_numpy(data.images[shuffled(data.held_out)[:REFERENCES]])
    searched = torch.cat([pixels, references])
    nearest = nearest_images(searched, data, data.training, NEIGHBOURS, mirrored, on_progress)
    rule = CopyRule.of(nearest.distances[len(samples) :, 0])
    if rule is None:
        is_copy = [False] * len(samples)
    else:
        to_held_out = nearest_images(pixels, data, data.held_out, 1, mirrored).distances[:, 0]
        to_training = nearest.distances[: len(samples), 0]
        is_copy = [*map(rule.is_copy, to_training.tolist(), to_held_out.tolist())]
    rows = [
        lookup(image, data, indices, distances.tolist(), copy)
        for image, indices, distances, copy in zip(
            samples, nearest.indices, nearest.distances, is_copy, strict=False
        )
    ]
    return Lookups(tuple(rows), rule=rule, searched=len(data.training), mirrored=mirrored)


def lookup(
    image: Pixels, data: PreparedData, indices: Pixels, distances: list[float], is_copy: bool
) -> Lookup:
    """One sample and its neighbours as pictures."""
    neighbours = to_channels_last(torch.from_numpy(data.images[indices]))
    levels = ", ".join(f"{distance:.0f}" for distance in distances)
    alt = f"its {len(neighbours)} nearest training images, {levels} grey levels away"
    return Lookup(
        row_picture(image[None], "a generated image"),
        row_picture(neighbours, alt),
        distances[0],
        is_copy,
    )
