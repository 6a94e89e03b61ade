"""Pictures of a run: the grids that training left, cut into what a page shows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ganvas.data.preparation import PreparedData
from ganvas.errors import GanvasError
from ganvas.evaluation.evaluate import reference_images
from ganvas.evaluation.nearest import nearest_training_images
from ganvas.images import Pixels, make_grid, to_channels_last
from ganvas.progress import progress_bar
from ganvas.reports.page import Picture
from ganvas.runs import Run
from ganvas.sampling import display_factor, load
from ganvas.training.grids import GRID_IMAGES

GAP = 2
"""Pixels between the images of a grid, before it is enlarged (`images.make_grid`)."""

MOMENTS = 7
"""How many points in time a strip shows."""

IN_A_ROW = 12
"""Of the same latents, how many images each moment shows."""

SAMPLES, NEIGHBOURS = 12, 3
"""How many samples are looked up, and how many training images are shown for each."""

REFERENCES = 256
"""Held-out images that tell how near a real image is to its nearest training image."""

GRID_WIDTH, TILE = 520, 56
"""About how wide a large grid and one image of a row are shown, in pixels of the page."""


def read_png(path: Path) -> Pixels:
    """uint8 (H, W, C)."""
    with Image.open(path) as image:
        pixels: Pixels = np.atleast_3d(np.asarray(image))
    return pixels


def grid_of(run: Run, path: Path) -> Pixels:
    """A grid as training made it, without its enlargement: uint8 (H, W, C)."""
    pixels = read_png(path)
    data = run.read_data()
    if data["extent"] is not None:
        return pixels
    shape = data["shape"]
    factor = display_factor((shape["height"], shape["width"]))
    small: Pixels = np.ascontiguousarray(pixels[::factor, ::factor])
    return small


def tiles_of(run: Run, grid: Pixels) -> Pixels:
    """The images of a grid, row by row: uint8 (N, H, W, C)."""
    shape = run.read_data()["shape"]
    height, width = shape["height"], shape["width"]
    rows, columns = (
        (side - GAP) // (length + GAP)
        for side, length in zip(grid.shape[:2], (height, width), strict=True)
    )
    places = itertools.product(range(rows), range(columns))
    corners = [(GAP + row * (height + GAP), GAP + column * (width + GAP)) for row, column in places]
    tiles = [grid[top : top + height, left : left + width] for top, left in corners]
    return np.stack(tiles[:GRID_IMAGES])


def sheet(tiles: Pixels, columns: int | None = None, gap: int = 1) -> Pixels:
    """Images side by side, with gaps that let the page through: uint8 (H, W, 2 or 4)."""
    opaque = on_white(tiles)
    alpha = np.full((*opaque.shape[:3], 1), 255, np.uint8)
    pixels = make_grid(np.concatenate([opaque, alpha], axis=3), columns, gap)
    inside = make_grid(alpha - 255, columns, gap) == 0  # the gaps of a grid are white
    cleared: Pixels = pixels * inside[..., :1]
    return cleared


def on_white(tiles: Pixels) -> Pixels:
    """Images without transparency: (N, H, W, 1 or 3)."""
    channels = tiles.shape[3]
    if channels in (1, 3):
        return tiles
    share = tiles[..., -1:].astype(np.float32) / 255
    blended = tiles[..., :-1] * share + 255 * (1 - share)
    return np.round(blended).astype(np.uint8)


def whole_grid(run: Run, path: Path, alt: str, caption: str = "", width: int = 0) -> Picture:
    """The grid of one moment, large."""
    grid = grid_of(run, path)
    data = run.read_data()
    if data["extent"] is not None:
        return Picture(grid, alt, caption)
    columns = grid.shape[1] // (data["shape"]["width"] + GAP)
    pixels = sheet(tiles_of(run, grid), columns)
    return Picture(pixels, alt, caption, enlargement(pixels.shape[1], width or GRID_WIDTH))


def strip(run: Run, paths: list[Path]) -> list[Picture]:
    """What the same latents gave at a handful of moments, first to last; captions say when."""
    points = run.read_data()["extent"] is not None
    pictures = []
    for path in spread(paths, MOMENTS):
        seen = f"{int(path.stem):,}"
        grid = grid_of(run, path)
        if points:
            pictures.append(Picture(grid, f"where the points lie at {seen} seen", seen))
            continue
        tiles = tiles_of(run, grid)[:IN_A_ROW]
        alt = f"{len(tiles)} generated images at {seen} images seen"
        pictures.append(row_of(tiles, alt, seen))
    return pictures


def newest_row(run: Run, path: Path, alt: str) -> Picture:
    """The first images of a grid in a row; of points where they lie."""
    grid = grid_of(run, path)
    if run.read_data()["extent"] is not None:
        return Picture(grid, alt)
    return row_of(tiles_of(run, grid)[:IN_A_ROW], alt)


def row_of(tiles: Pixels, alt: str, caption: str = "") -> Picture:
    """Images beside each other, each about `TILE` pixels wide on the page."""
    pixels = sheet(tiles, columns=len(tiles))
    return Picture(pixels, alt, caption, enlargement(tiles.shape[2], TILE))


def enlargement(width: int, wanted: int) -> int:
    """How many times to enlarge so that it comes nearest to a width; at least once."""
    return max(1, round(wanted / width))


def spread(paths: list[Path], most: int) -> list[Path]:
    """At most so many, the first and the last among them, evenly by position."""
    if len(paths) <= most:
        return paths
    chosen = np.linspace(0, len(paths) - 1, most).round().astype(int)
    return [paths[index] for index in chosen]


def path_from(paths: list[Path], images_seen: int) -> Path | None:
    """The first grid from a moment on, or else the last; None where there is none."""
    later = (path for path in paths if int(path.stem) >= images_seen)
    return next(later, paths[-1] if paths else None)


@dataclass(frozen=True)
class Lookup:
    """A sample beside the training images that are nearest to it."""

    sample: Picture
    neighbours: Picture
    distances: tuple[float, ...]
    """In grey levels, nearest first."""


@dataclass(frozen=True)
class Lookups:
    """What was looked up, or why it could not be.

    usual: the middle distance of a real image that was never trained on to its nearest training
        image, over `references` of them; None where none are held out.
    """

    rows: tuple[Lookup, ...]
    missing: str = ""
    usual: float | None = None
    references: int = 0
    searched: int = 0
    mirrored: bool = False


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
    made = torch.from_numpy(samples).permute(0, 3, 1, 2)
    with progress_bar("nearest training images", quiet) as bar:
        references = torch.from_numpy(data.images[data.held_out[:REFERENCES]])
        both = torch.cat([made, references])
        found = nearest_training_images(both, data, NEIGHBOURS, mirrored, bar)
    usual = found.distances[len(samples) :, 0]
    rows = [
        lookup(image, data, indices, distances.tolist())
        for image, indices, distances in zip(samples, found.indices, found.distances, strict=False)
    ]
    return Lookups(
        tuple(rows),
        usual=float(np.median(usual)) if len(usual) else None,
        references=len(usual),
        searched=len(data.training),
        mirrored=mirrored,
    )


def lookup(image: Pixels, data: PreparedData, indices: Pixels, distances: list[float]) -> Lookup:
    """One sample and its neighbours as pictures."""
    found = to_channels_last(torch.from_numpy(data.images[indices]))
    said = ", ".join(f"{distance:.0f}" for distance in distances)
    return Lookup(
        row_of(image[None], "a generated image"),
        row_of(found, f"its {len(found)} nearest training images, {said} grey levels away"),
        tuple(distances),
    )
