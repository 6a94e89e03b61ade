"""What is due after a step: a pure function of the images seen."""

from __future__ import annotations

import dataclasses

import pytest

from ganvas.recipes.recipe import EvaluationSettings, Intervals
from ganvas.training.due import Due, interval_elapsed, is_grid_due
from tests.builders.tiny import tiny_recipe


def drawn(every: int, step: int, until: int) -> list[int]:
    """Images seen at the grids of a run, without its first and its last."""
    return [seen for seen in range(step, until + 1, step) if is_grid_due(every, seen - step, seen)]


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
def test_early_grids_are_closer_together_than_the_interval(
    every: int, step: int, expected: list[int]
) -> None:
    assert drawn(every, step, 45_000) == expected


def test_metrics_are_flushed_before_a_grid_is_drawn() -> None:
    never = Intervals(history=10**6, samples=20_000, checkpoint=10**6, probes=0)
    recipe = dataclasses.replace(tiny_recipe(images=10**6), intervals=never)
    assert Due.after(2_996, 3_000, recipe).anything
    assert Due.after(2_996, 3_000, recipe).samples
    assert not Due.after(3_000, 3_004, recipe).anything


def test_everything_but_scores_is_due_at_the_end() -> None:
    recipe = tiny_recipe(images=100)
    assert Due.after(96, 100, recipe) == Due(
        history=True, probes=True, samples=True, scores=False, checkpoint=True, last=True
    )


def test_scores_bring_a_checkpoint_and_probes_a_record() -> None:
    never = Intervals(history=10**6, samples=10**6, checkpoint=10**6, probes=40)
    recipe = dataclasses.replace(
        tiny_recipe(images=10**6), intervals=never, evaluation=EvaluationSettings(every=60)
    )
    after_probes, after_scores = Due.after(36, 40, recipe), Due.after(56, 60, recipe)
    assert (after_probes.history, after_probes.probes, after_probes.checkpoint) == (
        True,
        True,
        False,
    )
    assert (after_scores.scores, after_scores.checkpoint, after_scores.history) == (
        True,
        True,
        False,
    )


def test_an_interval_of_zero_never_elapses() -> None:
    assert not interval_elapsed(0, 0, 10**9)
    assert interval_elapsed(10, 9, 10)
    assert not interval_elapsed(10, 10, 19)
