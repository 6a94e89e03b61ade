"""Metric names: what is asked for, what is not known, which way is better."""

from __future__ import annotations

import pytest

from ganvas.errors import GanvasError
from ganvas.metrics.names import (
    PUBLISHED_NAMES,
    Metric,
    accepted_names,
    known_names,
    more_is_better,
    parse_metrics,
)


def test_a_family_gives_all_of_its_scores() -> None:
    (metric,) = parse_metrics(["prdc-lite0"])
    assert metric == Metric("prdc", "lite0", ("precision", "recall", "density", "coverage"))
    assert [metric.full_name(score) for score in metric.scores][3] == "coverage-lite0"


def test_scores_of_one_family_are_measured_together() -> None:
    assert parse_metrics(["coverage-lite0", "swd", "recall-lite0"]) == [
        Metric("prdc", "lite0", ("coverage", "recall")),
        Metric("swd", None, ("swd",)),
    ]


def test_lite0_is_the_default() -> None:
    assert parse_metrics(["fd", "memorised"]) == parse_metrics(["fd-lite0", "memorised-lite0"])


def test_scores_of_different_features_have_different_names() -> None:
    named = [m.full_name(m.scores[0]) for m in parse_metrics(["fd-lite0", "fd-inception"])]
    assert named == ["fd-lite0", "fd-inception"]


def test_hyphens_in_names_are_not_features() -> None:
    assert parse_metrics(["reverse-kl"]) == [Metric("modes", None, ("reverse-kl",))]
    assert parse_metrics(["inception-score"]) == [
        Metric("inception-score", None, ("inception-score",))
    ]


@pytest.mark.parametrize("name", known_names())
def test_every_known_name_is_parsed(name: str) -> None:
    (metric,) = parse_metrics([name])
    assert metric.scores


def test_all_unknown_names_are_listed_with_suggestions() -> None:
    with pytest.raises(GanvasError) as caught:
        parse_metrics(["fid-lite0", "swd", "kidd-lite0"])
    assert "'fid-lite0' is not a metric. Did you mean fd-lite0?" in str(caught.value)
    assert "'kidd-lite0' is not a metric. Did you mean kid-lite0?" in str(caught.value)


@pytest.mark.parametrize(("name", "meant"), [("fdd", "fd"), ("coverge", "coverage")])
def test_suggestions_include_short_names_and_single_scores(name: str, meant: str) -> None:
    with pytest.raises(GanvasError, match=f"'{name}' is not a metric. Did you mean {meant}\\?"):
        parse_metrics([name])


@pytest.mark.parametrize(("name", "meant"), PUBLISHED_NAMES.items())
def test_what_papers_call_a_score_is_not_taken_for_one_in_other_features(
    name: str, meant: str
) -> None:
    (metric,) = parse_metrics([meant])
    assert metric.features in ("inception", None)
    with pytest.raises(GanvasError, match=f"'{name.upper()}' is not a metric. That is {meant} "):
        parse_metrics([name.upper()])


def test_every_suggested_name_is_parsed() -> None:
    for name in accepted_names():
        assert len(parse_metrics([name])) == 1, name


def test_no_names_are_an_error() -> None:
    with pytest.raises(GanvasError, match="no metric was named"):
        parse_metrics([])


@pytest.mark.parametrize(
    ("score", "more"),
    [
        ("fd-lite0", False),
        ("coverage-inception", True),
        ("reverse-kl", False),
        ("modes", True),
        ("memorised-lite0", False),
        ("high-quality", True),
        ("inception-score", True),
    ],
)
def test_which_way_is_better(score: str, more: bool) -> None:
    assert more_is_better(score) == more


@pytest.mark.parametrize("names", ["fd-lite0,swd", "fd-lite0, swd", ["fd-lite0", "swd"]])
def test_names_may_be_one_text_with_commas(names: str | list[str]) -> None:
    assert [metric.name for metric in parse_metrics(names)] == ["fd-lite0", "swd"]


def test_one_name_as_a_text_is_one_metric() -> None:
    assert parse_metrics("swd") == parse_metrics(["swd"])
