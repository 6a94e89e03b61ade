"""After how many images shapes can be seen: a table of measured runs, and the entry for a recipe.

`benchmarks/first_shapes.py` measures and writes the table; docs/first-shapes.md says how.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ganvas import storage
from ganvas.formatting import format_estimate, format_image_size, format_short
from ganvas.recipes.catalog import CATALOG
from ganvas.recipes.recipe import Recipe

SHAPES = 4.0
"""Distance at which shapes are seen (docs/first-shapes.md has the pictures)."""
TABLE = Path(__file__).with_name("first_shapes.json")


@dataclass(frozen=True)
class MeasuredRun:
    """One run, until its samples showed shapes or its images were used up."""

    recipe: str
    """A named recipe, whose settings it had but for size, budget and augmentation."""
    data: str
    """What it was trained on, for people: Fashion-MNIST."""
    training_images: int
    channels: int
    size: tuple[int, int]
    augmentation: float
    seed: int
    curve: tuple[tuple[int, float], ...]
    """Images seen, and the distance of the samples from held-out images, in distances of training
    images from them."""

    @property
    def images(self) -> int | None:
        """Images seen where shapes are seen first, between two points of the curve; None: nowhere.

        With two digits, since a run of another seed gives another count.
        """
        if self.curve[0][1] <= SHAPES:
            return self.curve[0][0]
        for (before, far), (after, near) in itertools.pairwise(self.curve):
            if far > SHAPES >= near:
                part = math.log(far / SHAPES) / math.log(far / near)
                exact = before * (after / before) ** part
                digits = math.floor(math.log10(exact)) - 1
                return int(round(exact / 10**digits) * 10**digits)
        return None

    def __str__(self) -> str:
        augmented = f" with augmentation {self.augmentation:g}" if self.augmentation else ""
        return f"{self.data} at {format_image_size(self.size)}{augmented}"


@dataclass(frozen=True)
class ShapesForecast:
    """When a recipe shows shapes and when it is done, at a measured rate.

    images_per_second: of training, measured on this machine.
    budget: images of the whole training.
    run: the measured run that is most like it; None: there is none.
    things: what is trained on: images, or points, which have no shapes.
    """

    images_per_second: float
    budget: int
    run: MeasuredRun | None
    things: str = "images"

    def __str__(self) -> str:
        done = f"done at {self._at(self.budget)}"
        if self.things == "points":
            return done
        if self.run is None:
            return f"{done}; when shapes are seen has not been measured for these settings"
        if self.run.images is None:
            until = format_short(self.run.curve[-1][0])
            return f"{done}; {self.run} showed no shapes within {until} images"
        shapes = f"shapes after about {self._at(self.run.images)}, as with {self.run}"
        return f"{shapes}; {done}" if self.run.images <= self.budget else f"{done}; {shapes}"

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON types; None for what has not been measured."""
        shapes = None if self.run is None else self.run.images
        return {
            "images_per_second": round(self.images_per_second, 1),
            "images": self.budget,
            "seconds": round(self.budget / self.images_per_second),
            "shapes_at_images": shapes,
            "shapes_at_seconds": None if not shapes else round(shapes / self.images_per_second),
            "shapes_measured_with": None if self.run is None else str(self.run),
        }

    def _at(self, images: int) -> str:
        time = format_estimate(images / self.images_per_second)
        return f"{format_short(images)} {self.things} ({time})"


def enough_for_shapes(recipe: Recipe, channels: int) -> int | None:
    """A budget that shows shapes, where the recipe's ends before; None where that is not known."""
    run = measured_run(recipe, channels)
    if run is None or run.images is None or recipe.images >= run.images:
        return None
    return max(CATALOG[run.recipe]().images, 2 * run.images)


def too_short(recipe: Recipe, channels: int, enough: int) -> str | None:
    """The warning for a budget that ends before shapes can be seen; None for any other.

    Args:
        enough: images to train on in its place.
    """
    run = measured_run(recipe, channels)
    if run is None or run.images is None or enough_for_shapes(recipe, channels) is None:
        return None
    return (
        f"{recipe.images:,} images are too few to see shapes: with {run} that took about "
        f"{format_short(run.images)}. Train on {format_short(enough)}"
    )


def read_table(path: Path = TABLE) -> list[MeasuredRun]:
    """The measured runs."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        MeasuredRun(
            **{
                **row,
                "size": tuple(row["size"]),
                "curve": tuple((images, distance) for images, distance in row["curve"]),
            }
        )
        for row in rows
    ]


def write_table(runs: Sequence[MeasuredRun], path: Path = TABLE) -> None:
    """Write the measured runs, one a line."""
    lines = [json.dumps(asdict(run)) for run in runs]
    storage.write_bytes(path, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def measured_run(recipe: Recipe, channels: int) -> MeasuredRun | None:
    """The measured run that is most like this recipe on images with so many channels.

    It has the same networks, objective and optimizers, and at most twice or half the side.
    None where there is no such run: then nothing is known.
    """
    name = next((name for name in CATALOG if has_settings_of(recipe, name)), None)
    runs = [run for run in read_table() if run.recipe == name and doublings(run, recipe) <= 1]

    def difference(run: MeasuredRun) -> tuple[bool, float, bool]:
        is_augmented = recipe.augmentation != 0
        return (
            (run.channels > 2) != (channels > 2),
            doublings(run, recipe),
            (run.augmentation > 0) != is_augmented,
        )

    return min(runs, key=difference, default=None)


def doublings(run: MeasuredRun, recipe: Recipe) -> float:
    """How many times the side of the smaller images is doubled to get that of the larger ones."""
    areas = math.prod(run.size), math.prod(recipe.data.size)
    return abs(math.log2(areas[0] / areas[1])) / 2


def has_settings_of(recipe: Recipe, name: str) -> bool:
    """Whether a recipe trains as a named one, but for what does not change the pace of learning."""
    named = replace(
        CATALOG[name](),
        **{
            field: getattr(recipe, field)
            for field in (
                *("name", "data", "images", "intervals", "evaluation", "precision"),
                *("augmentation", "augmentation_policy", "on_failure", "sync_batch_norm"),
            )
        },
    )
    return recipe in (named, named.with_fixed_schedules())
