"""The curves of a study: means over seeds, and the fraction that reached a quality."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from ganvas.reports import study_curves
from ganvas.studies.outcome import Outcome, ScorePoint
from ganvas.studies.results import ArmResults
from ganvas.studies.survival import RunObservation, time_to_quality


def outcome(seed: int, values: list[float], seconds: float) -> Outcome:
    score_curve = tuple(
        ScorePoint(images_seen=100 * number, seconds=seconds * number, value=value)
        for number, value in enumerate(values, 1)
    )
    return Outcome(
        arm="a", seed=seed, ending="finished", scores={}, floors={}, score_curve=score_curve
    )


def test_a_score_curve_is_the_mean_of_the_runs_with_a_band_from_minimum_to_maximum() -> None:
    outcomes = {0: outcome(0, [8.0, 4.0], 1.0), 1: outcome(1, [6.0], 3.0)}
    arm = cast(ArmResults, SimpleNamespace(name="a", outcomes=outcomes))
    images = study_curves.mean_score_curve(arm, "images")
    assert (images.x, images.y) == ([100, 200], [7.0, 4.0])
    assert (images.low, images.high) == ([6.0, 4.0], [8.0, 4.0])
    assert study_curves.mean_score_curve(arm, "seconds").x == [2.0, 2.0]


def test_the_fraction_that_reached_a_quality_rises_in_steps() -> None:
    attainment = time_to_quality(
        [RunObservation(10.0, 50.0), RunObservation(None, 50.0, failed=True)]
    )
    line = study_curves.reached_line("a", attainment, 50)
    assert line.steps
    assert list(line.x) == [0, 10.0, 50.0, 50]
    assert list(line.y) == [0.0, 0.5, 0.5, 0.5]
    assert study_curves.format_median(attainment, "images") == "10"
    never = time_to_quality([RunObservation(None, 50.0)])
    assert study_curves.format_median(never, "seconds") == "not reached by half"
    assert study_curves.format_interval(never, "seconds") == ""
