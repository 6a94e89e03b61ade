"""When grids of samples are drawn."""

from __future__ import annotations

import dataclasses

import pytest

from ganvas.recipes.recipe import Intervals
from ganvas.training.grids import is_grid_due
from ganvas.training.step import is_looked_at
from tests.unit.tiny import start, tiny_recipe


def drawn(every: int, step: int, until: int) -> list[int]:
    """Images seen at the grids of a run, but for its first and its last."""
    (state, _), found = start(tiny_recipe()), []
    for seen in range(step, until + 1, step):
        state.images_seen = seen
        if is_grid_due(state, every, seen - step):
            found.append(seen)
    return found


@pytest.mark.parametrize(
    ("every", "step", "expected"),
    [
        (20_000, 1_000, [1_000, 3_000, 9_000, 20_000, 40_000]),
        (20_000, 320, [1_280, 3_200, 9_280, 20_160, 40_000]),
        (20_000, 15_000, [15_000, 30_000, 45_000]),
        (3_000, 1_000, [1_000, *range(3_000, 45_001, 3_000)]),
        (1_000, 500, list(range(1_000, 45_001, 1_000))),
        (10**9, 500, [1_000, 3_000, 9_000, 27_000]),
    ],
)
def test_they_are_close_together_until_the_interval_takes_over(
    every: int, step: int, expected: list[int]
) -> None:
    assert drawn(every, step, 45_000) == expected


def test_the_numbers_are_looked_at_before_a_grid_is_drawn() -> None:
    never = Intervals(history=10**6, samples=20_000, checkpoint=10**6, probes=0)
    recipe = dataclasses.replace(tiny_recipe(), intervals=never)
    state, _ = start(recipe)
    state.images_seen = 3_000
    assert is_looked_at(state, recipe, 2_996)
    state.images_seen = 3_004
    assert not is_looked_at(state, recipe, 3_000)
