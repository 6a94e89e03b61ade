"""Sample images of a run: at one moment, over time, or of the EMA generator beside the trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

import ganvas
from ganvas import tensor_file
from ganvas.drawing.samples import display_factor
from ganvas.images import Pixels
from ganvas.latents.latents import Latents, generate
from ganvas.networks import Dimensions, ImageShape
from ganvas.runs import Run
from ganvas.tensor_file import select_prefix

COLUMNS, ROWS = 4, 5
"""Images of a panel."""
CELL, GAP = 96, 4
"""Pixels of an enlarged image, at most, and between two."""
GREY = 200
"""Between images, so that the edges of white ones show."""
GRID_GAP = 2
"""Pixels between the images of a saved grid, before it is enlarged (`drawing.grids.make_grid`)."""


@dataclass(frozen=True)
class Panel:
    """Images in columns, with headings or none.

    images: uint8 (ROWS * COLUMNS, H, W, C), row by row.
    """

    images: Pixels
    headings: tuple[str, ...]

    def picture(self) -> Pixels:
        """One picture, enlarged by whole pixels: uint8 (H', W', 3)."""
        factor = max(1, CELL // self.images.shape[1])
        large = self.images.repeat(factor, axis=1).repeat(factor, axis=2)
        count, height, width, _ = large.shape
        cells = np.full((ROWS * COLUMNS, height + GAP, width + GAP, 3), GREY, np.uint8)
        cells[:count, :height, :width] = large
        grid = cells.reshape(ROWS, COLUMNS, *cells.shape[1:]).swapaxes(1, 2)
        return grid.reshape(ROWS * (height + GAP), COLUMNS * (width + GAP), 3)[:-GAP, :-GAP]


def panel_of(run: Run, symptom: str, moments: tuple[int, ...]) -> Panel:
    """The samples of a run that show a symptom.

    Args:
        moments: images seen at the grids to show: one per column, or one for all; none for the
            final generator.
    """
    if len(moments) == COLUMNS:
        grids = [grid_of(run, moment)[:ROWS] for moment in moments]
        return Panel(side_by_side(grids), tuple(f"{moment:,}" for moment in moments))
    if symptom == "average-lags" and run.checkpoint_paths():
        pairs = both_generators(run, 2 * ROWS)
        columns = [images[half::2] for half in (0, 1) for images in pairs]
        return Panel(side_by_side(columns), ("average", "now") * 2)
    count = ROWS * COLUMNS
    if moments and moments[0] in grid_moments(run):
        return Panel(grid_of(run, moments[0])[:count], ())
    return Panel(ganvas.load(run).sample(count, seed=0), ())


def moments_to_show(run: Run, symptom: str, since: int, moment: int) -> tuple[int, ...]:
    """Which grids of a run show a symptom, as `panel_of` takes them.

    Args:
        since, moment: images seen at the onset of the symptom and at the finding.
    """
    grids = grid_moments(run)
    if symptom == "stagnation":
        return spread(grids, since)
    if symptom == "oscillation":
        return last_before(grids, moment)
    has_generator = any(run.generator_directory.iterdir())
    if has_generator and moment >= run.read_status().images_seen:
        return ()
    newest = max(images for images in grids if images <= moment)
    return (newest,) if newest > 0 or not has_generator else ()


def both_generators(run: Run, n: int) -> tuple[Pixels, Pixels]:
    """Images of the EMA generator and of the trained one, for the same latents."""
    averaged = ganvas.load(run)
    recipe, shape = run.read_recipe(), ImageShape(**run.read_data()["shape"])
    network = recipe.generator.network.build(Dimensions(shape, recipe.latent_dim))
    tensors, _ = tensor_file.read(run.checkpoint_paths()[-1])
    network.load_state_dict(select_prefix(tensors, "generator"))
    latents = averaged.latents(n)
    return averaged.sample(n), generate(network.eval().requires_grad_(False), Latents(latents))


def grid_moments(run: Run) -> list[int]:
    """Images seen at each grid of samples."""
    return [int(path.stem) for path in run.sample_paths()]


def last_before(grids: list[int], until: int) -> tuple[int, ...]:
    """The last grids up to then, one per column; none where there are fewer."""
    earlier = [moment for moment in grids if 0 < moment <= until]
    return tuple(earlier[-COLUMNS:]) if len(earlier) >= COLUMNS else ()


def spread(grids: list[int], since: int) -> tuple[int, ...]:
    """Grids evenly spread from then to the last, one per column; none where there are fewer."""
    later = [moment for moment in grids if moment >= since]
    if len(later) < COLUMNS:
        return ()
    return tuple(later[round(i * (len(later) - 1) / (COLUMNS - 1))] for i in range(COLUMNS))


def grid_of(run: Run, moment: int) -> Pixels:
    """The images of a run's grid: uint8 (N, H, W, C)."""
    size = run.read_recipe().data.size
    with Image.open(run.sample_path(moment)) as file:
        return cut_grid(np.asarray(file), size, display_factor(size))


def cut_grid(picture: Pixels, size: tuple[int, int], factor: int) -> Pixels:
    """The inverse of `drawing.grids.make_grid`: uint8 (H', W') or (H', W', C) -> (N, H, W, C)."""
    small = picture[::factor, ::factor]
    small = small[:, :, None] if small.ndim == 2 else small
    height, width = size
    tops = range(GRID_GAP, small.shape[0] - height, height + GRID_GAP)
    lefts = range(GRID_GAP, small.shape[1] - width, width + GRID_GAP)
    return np.stack(
        [small[top : top + height, left : left + width] for top in tops for left in lefts]
    )


def side_by_side(columns: list[Pixels]) -> Pixels:
    """Columns of images, each (ROWS, H, W, C), row by row: (ROWS * COLUMNS, H, W, C)."""
    stacked = np.stack(columns, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])
