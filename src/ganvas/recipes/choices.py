"""The table of choices: which recipe suits which images, as far as it has been measured.

The table is data, choices.toml. Each row names the study that it stands on; docs/auto.md explains
it. What the table does not cover gets the nearest row, and hears that.
"""

from __future__ import annotations

import functools
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Len
from pydantic import TypeAdapter

from ganvas.errors import RecipeError
from ganvas.fields import field_types, parse_field, replace_field
from ganvas.formatting import format_short
from ganvas.networks import ROLES
from ganvas.recipes.catalog import load_recipe
from ganvas.recipes.files import checked
from ganvas.recipes.players import NETWORK_FIELDS, exchange_networks
from ganvas.recipes.recipe import Recipe, flag_of
from ganvas.schedules import Adaptive

TABLE = Path(__file__).with_name("choices.toml")

Range = tuple[int, int]
"""From and to, both included."""

Distance = tuple[float, ...]
"""How far images are from what a row covers, the condition that counts most first."""


@dataclass(frozen=True)
class Case:
    """What a row is looked up for.

    side: of the images to train on; of others than squares, of one with as many pixels.
    images: how many there are.
    channels: of each.
    labels: whether labels suit networks that take them.
    seen: how many images the run is to see.
    can_follow: whether enough are held out for an augmentation that follows overfitting.
    """

    side: float
    images: int
    channels: int
    labels: bool
    seen: int
    can_follow: bool = True


@dataclass(frozen=True, kw_only=True)
class Row:
    """One choice, and the images that it was measured for; see choices.toml."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    recipe: str
    sides: Range
    images: Range
    channels: Literal["grey", "colour"]
    labels: Literal["learned", "any"]
    seen: Range
    study: Annotated[str, Len(1)]
    arm: Annotated[str, Len(1)]
    why: Annotated[str, Len(1)]
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The recipe, and what is changed in it."""
        changes = ", ".join(f"{name} {text}" for name, text in self.changes.items())
        return f"{self.recipe} ({changes})" if changes else self.recipe

    @property
    def flags(self) -> tuple[str, ...]:
        """The changes as flags of `ganvas train`."""
        return tuple(word for name, text in self.changes.items() for word in (flag_of(name), text))

    def build(self) -> Recipe:
        """The recipe with its changes.

        Raises:
            RecipeError: a field that it does not have, or a value or a combination that cannot be.
        """
        recipe = load_recipe(self.recipe)
        try:
            networks = [self.changes.get(f"{role}.network", "") for role in ROLES]
            recipe = exchange_networks(recipe, *networks)
            for name, text in self.changes.items():
                if name not in NETWORK_FIELDS:
                    recipe = replace_field(
                        recipe, name, parse_field(field_types(recipe)[name], text)
                    )
        except (KeyError, ValueError) as error:
            raise RecipeError([f"{self.name}: {error}"], TABLE.name) from error
        return checked(recipe, TABLE.name)

    def suits(self, case: Case) -> bool:
        """Whether it can be trained on these images at all."""
        if case.channels not in (1, 3) or (self.labels == "learned" and not case.labels):
            return False
        return case.can_follow or not self.follows

    @functools.cached_property
    def follows(self) -> bool:
        """Whether its augmentation follows overfitting, which held-out images show."""
        return isinstance(self.build().augmentation, Adaptive)

    def distance(self, case: Case) -> Distance:
        """How far the images are from what the row covers; all zeros where it covers them.

        In doublings outside of each range, in this order: how many images there are, whether their
        labels are left unused, their side, grey or colour, how many the run sees.
        """
        return (
            doublings_outside(case.images, self.images),
            float(case.labels and self.labels == "any"),
            doublings_outside(case.side, self.sides),
            float((case.channels == 1) != (self.channels == "grey")),
            doublings_outside(case.seen, self.seen),
        )

    def uncovered(self, case: Case) -> list[str]:
        """What of the images the row does not cover, in words."""
        images, _, side, channels, seen = self.distance(case)
        words = {
            f"{case.images:,} images": images,
            f"images of {case.side:.0f} pixels": side,
            f"{'grey' if case.channels == 1 else 'colour'} images": channels,
            f"runs of {format_short(case.seen)} images": seen,
        }
        return [text for text, distance in words.items() if distance]


def doublings_outside(value: float, span: Range) -> float:
    """How many times the nearer end must be doubled or halved to reach the value; 0 inside."""
    low, high = span
    if low <= value <= high:
        return 0.0
    return abs(math.log2(value / (low if value < low else high)))


@functools.cache
def read_choices(path: Path = TABLE) -> tuple[Row, ...]:
    """The rows of the table."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(TypeAdapter(list[Row]).validate_python(table["rows"]))


def ranked_rows(case: Case) -> list[Row]:
    """The rows that suit the images, the nearest first; of equally near ones, the first listed.

    Empty where no row suits them: for two or four channels.
    """
    rows = [row for row in read_choices() if row.suits(case)]
    return sorted(rows, key=lambda row: row.distance(case))
