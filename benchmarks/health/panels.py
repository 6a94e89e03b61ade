"""The images of a portrait: samples of a run, as they are, over time, or beside their source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

import ganvas
from ganvas.images import Pixels, to_pillow
from ganvas.networks import ImageShape
from ganvas.runs import Run
from ganvas.runs import checkpoint as tensor_file
from ganvas.runs.checkpoint import select_prefix
from ganvas.sampling import display_factor, generate

COLUMNS, ROWS = 4, 5
"""Images of a panel."""
CELL, GAP = 96, 4
"""Pixels that an image is enlarged to, at most, and those between two."""
BETWEEN = 200
"""The grey between images, so that white ones end somewhere."""
GRID_GAP = 2
"""Pixels between the images of a run's grids, before they are enlarged (`images.make_grid`)."""

OVER_TIME = ("oscillation", "stagnation")
"""Symptoms that only several moments show."""
BESIDE_THE_AVERAGE = ("average-lags",)
"""Symptoms that only the generator beside its average shows."""


@dataclass(frozen=True)
class Panel:
    """Images in columns, each column under a heading; headings may be empty.

    images: uint8 (ROWS * COLUMNS, H, W, C), row by row.
    """

    images: Pixels
    headings: tuple[str, ...]

    def picture(self) -> Pixels:
        """One picture, sharply enlarged: uint8 (H', W', 3)."""
        factor = max(1, CELL // self.images.shape[1])
        height, width = (side * factor for side in self.images.shape[1:3])
        shape = (ROWS * (height + GAP) - GAP, COLUMNS * (width + GAP) - GAP, 3)
        picture = np.full(shape, BETWEEN, np.uint8)
        for index, image in enumerate(self.images):
            row, column = divmod(index, COLUMNS)
            top, left = row * (height + GAP), column * (width + GAP)
            large = (
                to_pillow(image).convert("RGB").resize((width, height), Image.Resampling.NEAREST)
            )
            picture[top : top + height, left : left + width] = np.asarray(large)
        return picture


def panel_of(run: Run, symptom: str, moments: tuple[int, ...]) -> Panel:
    """What is to be seen of a run.

    Args:
        moments: images seen of the grids to show: a column each, or one of which all is shown;
            none for the newest images.
    """
    if len(moments) == COLUMNS:
        grids = [grid_of(run, moment)[:ROWS] for moment in moments]
        return Panel(side_by_side(grids), tuple(f"{moment:,}" for moment in moments))
    if symptom in BESIDE_THE_AVERAGE and run.checkpoint_paths():
        pairs = both_generators(run, 2 * ROWS)
        columns = [images[half::2] for half in (0, 1) for images in pairs]
        return Panel(side_by_side(columns), ("average", "now") * 2)
    n = ROWS * COLUMNS
    if moments and moments[0] in drawn_moments(run):
        return Panel(grid_of(run, moments[0])[:n], ())
    return Panel(ganvas.load(run).sample(n, seed=0), ())


def moments_to_show(run: Run, symptom: str, since: int, moment: int) -> tuple[int, ...]:
    """Which grids of a run show a symptom, as `panel_of` takes them.

    Args:
        since, moment: images seen at the symptom's onset and at the look that is told of.
    """
    drawn = drawn_moments(run)
    if symptom == "stagnation":
        return spread_moments(drawn, since)
    if symptom in OVER_TIME:
        return chosen_moments(drawn, moment)
    has_ended_well = any(run.generator_directory.iterdir())
    if has_ended_well and moment >= run.read_status().images_seen:
        return ()
    earlier = [images for images in drawn if images <= moment]
    return (earlier[-1],) if earlier[-1] > 0 or not has_ended_well else ()


def both_generators(run: Run, n: int) -> tuple[Pixels, Pixels]:
    """Images of the averaged generator and of the one that is trained, for the same latents."""
    averaged = ganvas.load(run)
    recipe, shape = run.read_recipe(), ImageShape(**run.read_data()["shape"])
    network = recipe.architecture.build(shape, recipe.latent_dim).generator
    tensors, _ = tensor_file.read(run.checkpoint_paths()[-1])
    network.load_state_dict(select_prefix(tensors, "generator"))
    latents = averaged.latents(n)
    return averaged.sample(n), generate(network.eval().requires_grad_(False), latents)


def drawn_moments(run: Run) -> list[int]:
    """Images seen at each grid of samples."""
    return [int(path.stem) for path in run.sample_paths()]


def chosen_moments(drawn: list[int], until: int) -> tuple[int, ...]:
    """The last grids up to then, as many as a panel has columns; none where there are fewer."""
    earlier = [moment for moment in drawn if 0 < moment <= until]
    return tuple(earlier[-COLUMNS:]) if len(earlier) >= COLUMNS else ()


def spread_moments(drawn: list[int], since: int) -> tuple[int, ...]:
    """Grids from then to the last, evenly spread, one a column; none where there are fewer."""
    later = [moment for moment in drawn if moment >= since]
    if len(later) < COLUMNS:
        return ()
    return tuple(later[round(i * (len(later) - 1) / (COLUMNS - 1))] for i in range(COLUMNS))


def grid_of(run: Run, moment: int) -> Pixels:
    """The images of a run's grid: uint8 (N, H, W, C)."""
    height, width = run.read_recipe().data.size
    with Image.open(run.sample_path(moment)) as file:
        picture = np.asarray(file)
    return cut_grid(picture, (height, width), display_factor((height, width)))


def cut_grid(picture: Pixels, size: tuple[int, int], factor: int) -> Pixels:
    """`images.make_grid` undone: uint8 (H', W') or (H', W', C) -> (N, H, W, C), row by row."""
    small = picture[::factor, ::factor]
    small = small[:, :, None] if small.ndim == 2 else small
    height, width = size
    tops = range(GRID_GAP, small.shape[0] - height, height + GRID_GAP)
    lefts = range(GRID_GAP, small.shape[1] - width, width + GRID_GAP)
    return np.stack(
        [small[top : top + height, left : left + width] for top in tops for left in lefts]
    )


def side_by_side(columns: list[Pixels]) -> Pixels:
    """Columns of images, each (ROWS, H, W, C), as rows: (ROWS * COLUMNS, H, W, C)."""
    return np.stack([image for row in zip(*columns, strict=True) for image in row])
