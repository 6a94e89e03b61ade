"""What a study's report says of its arms: the headline, the effects, the curves, what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ganvas.reports import arms
from ganvas.studies.comparison import compare_metric
from ganvas.studies.results import StudyResults
from ganvas.studies.statistics import ArmScores, Failure

GOOD, SAME, BAD = ({seed: value + 0.1 * seed for seed in range(8)} for value in (1.0, 10.0, 30.0))
SCATTERED = {seed: (1.0, 90.0)[seed % 2] for seed in range(8)}


def results_of(sides: dict[str, dict[int, Any]], missing: tuple[Any, ...] = ()) -> StudyResults:
    """Results of a study by fd-lite0 whose base is called base and scores 10."""
    base = ArmScores("base", SAME)
    others = [ArmScores(name, runs) for name, runs in sides.items()]
    comparison = compare_metric(base, others, more_is_better=False, scale="log")
    by_name = {arm.name: arm for arm in comparison.arms}
    return cast(
        StudyResults,
        SimpleNamespace(
            study=SimpleNamespace(base=SimpleNamespace(name="base"), seeds=8),
            deciding="fd-lite0",
            missing=missing,
            directory=SimpleNamespace(path=Path("st udy")),
            plan=SimpleNamespace(seconds=lambda study, left: 90.0),
            arms=[
                SimpleNamespace(name=name, against="base" * (name != "base"), outcomes=SAME)
                for name in ("base", *sides)
            ],
            comparison=lambda name, metric: by_name.get(name),
        ),
    )


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ({"a": GOOD}, "a is better than base"),
        ({"a": GOOD, "b": BAD, "c": GOOD}, "a and c are better than base"),
        ({"a": BAD, "b": BAD}, "a and b are worse than base"),
        ({"a": SCATTERED}, "Too few seeds to tell whether a is better than base"),
        ({"a": BAD, "b": SCATTERED}, "No arm is shown to be better than base"),
        ({"a": SAME}, "No arm is shown to be better than base"),
        ({"a": {seed: Failure("nan") for seed in range(8)}}, "a is worse than base"),
        ({}, "How much base varies over 8 seeds"),
    ],
)
def test_the_headline_follows_from_the_verdicts(
    sides: dict[str, dict[int, Any]], expected: str
) -> None:
    assert arms.headline(results_of(sides)) == expected


def test_next_steps_are_missing_runs_then_the_seeds_that_are_needed() -> None:
    unfinished = results_of({"a": GOOD}, missing=(("a", 8), ("a", 9)))
    assert arms.headline(unfinished) == "a is better than base, so far"
    (step,) = arms.next_steps(unfinished)
    assert step.line == "ganvas compare 'st udy'"
    assert step.about.startswith("2 runs are missing, about 1 min 30 s")
    undecided = results_of({"a": {seed: 10.3 + (-1) ** seed for seed in range(8)}})
    against = undecided.comparison("a", "fd-lite0")
    assert against is not None
    assert against.more_seeds
    (step,) = arms.next_steps(undecided)
    assert step.line == f"ganvas compare 'st udy' --seeds {8 + against.more_seeds}"
    assert arms.next_steps(results_of({"a": GOOD})) == []


def test_effects_are_ratios_on_a_log_scale_and_signed_differences_otherwise() -> None:
    # Logs of the ratio are ln 3 and as often ln 1.1 above as below: Student's 2.3646 with 7 degrees
    # of freedom, times ln 1.1 / sqrt 7, is 0.0852, and 3 exp(-+0.0852) are 2.755 and 3.267.
    tripled = {seed: 3 * value * 1.1 ** (-1) ** seed for seed, value in SAME.items()}
    tripling = results_of({"a": tripled}).comparison("a", "fd-lite0")
    assert tripling is not None
    assert arms.format_effect(tripling) == ("× 3", "[2.76, 3.27]")
    worse = results_of({"a": BAD}).comparison("a", "fd-lite0")
    assert worse is not None
    assert arms.format_effect(replace(worse, scale="plain")) == ("+20", "")
    better = results_of({"a": GOOD}).comparison("a", "fd-lite0")
    assert better is not None
    assert arms.format_effect(replace(better, scale="plain")) == ("−9", "")
