"""Scores in one sentence: it never says more than was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.evaluation.score import Score
from ganvas.evaluation.summary import standing, summary


def score(
    metric: str,
    value: float,
    real: float,
    width: float = 1.0,
    *,
    real_width: float = 0.0,
    n_real: int = 1000,
    **details: float,
) -> Score:
    """A score whose intervals reach `width` and `real_width` to each side."""
    return Score(
        metric=metric,
        value=value,
        interval=(value - width, value + width),
        floor=real,
        floor_interval=(real - real_width, real + real_width),
        protocol={"n_real": n_real},
        details=details,
    )


def test_the_sentence_of_a_usual_evaluation() -> None:
    scores = [
        score("fd-lite0", 423, 106, 9),
        score("precision-lite0", 0.5, 0.9, 0.01),
        score("coverage-lite0", 0.46, 0.97, 0.02),
        score("swd", 30, 10, 1),
    ]
    assert summary(scores) == (
        "real images score 106, yours 423 (fd-lite0): clearly different; about half of their "
        "variety is covered (coverage-lite0 0.46; real images 0.97)"
    )


def test_what_can_be_told_from_real_images_is_different() -> None:
    assert summary([score("c2st", 0.93, 0.49, 0.03, real_width=0.03)]) == (
        "real images score 0.49, yours 0.93 (c2st): different"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (106, "cannot be told apart"),
        (112, "cannot be told apart"),  # its interval overlaps that of real images
        (200, "different, but close"),
        (212, "clearly different"),
        (530, "very different"),
        (80, "no worse than real images"),
    ],
)
def test_a_distance_is_different_only_beyond_both_intervals(value: float, words: str) -> None:
    assert summary([score("fd-lite0", value, 106, 4, real_width=3)]).endswith(f": {words}")


def test_a_multiple_means_nothing_where_real_images_score_about_zero() -> None:
    assert summary([score("kid-lite0", 2.0, -0.001, 0.1)]).endswith("(kid-lite0): different")
    assert summary([score("kid-lite0", 0.05, -0.001, 0.1)]).endswith("cannot be told apart")
    assert summary([score("fd-lite0", 2.0, 0.0, 0.1)]).endswith("(fd-lite0): different")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.95, "as varied as real images"),
        (0.9, "nearly all of their variety"),
        (0.7, "most of their variety"),
        (0.4, "about half of their variety"),
        (0.2, "less than half of their variety"),
        (0.01, "little of their variety"),
    ],
)
def test_variety_is_a_fraction_of_that_of_real_images(value: float, words: str) -> None:
    assert summary([score("coverage-lite0", value, 0.97, 0.03)]).startswith(words)


def test_modes_are_counted() -> None:
    scores = [score("modes", 7, 10, of=10), score("reverse-kl", 0.4, 0.01, 0.1)]
    assert summary(scores) == (
        "7 of 10 modes appear (real images: 10); the modes appear less evenly than in real images"
    )
    assert "less evenly" in summary(scores[1:])
    assert "as evenly" in summary([score("reverse-kl", 0.02, 0.01, 0.1)])


def test_points_are_called_points() -> None:
    scores = [score("high-quality", 0.5, 0.99, 0.01), score("modes", 7, 8, of=8)]
    points = [replace(some, protocol={"n_real": 1000, "size": "1x1"}) for some in scores]
    assert summary(points) == (
        "real points score 0.99, yours 0.5 (high-quality): different; 7 of 8 modes appear "
        "(real points: 8)"
    )


def test_copies_are_named() -> None:
    memorised = score("memorised-lite0", 0.6, 0.05, 0.02)
    assert summary([memorised]) == "60 % of the samples lie unusually near to a training image"
    assert summary([replace(memorised, value=0.05, interval=(0.03, 0.07))]).startswith("no sign")
    birthday = score("birthday-lite0", 0.9, 0.05, 0.02)
    assert summary([birthday]) == "90 % of batches hold near-duplicates (real images: 5 %)"


def test_repeated_samples_are_named_though_they_are_no_copies_of_training_images() -> None:
    memorised = score("memorised-lite0", 0.0, 0.0, 0.03)
    birthday = score("birthday-lite0", 0.63, 0.03, 0.2)
    assert summary([memorised, birthday]) == (
        "no sign that samples are nearer to training images than real images are; "
        "63 % of batches hold near-duplicates (real images: 3 %)"
    )


def test_few_real_images_are_said() -> None:
    text = summary([score("swd", 30, 10, n_real=60)])
    assert text.endswith("clearly different; a rough answer, from 60 real images")


def test_few_real_images_are_compared_by_swd_first() -> None:
    fd, swd = score("fd-lite0", 1640, 1077, n_real=25), score("swd", 232, 38.9, n_real=25)
    assert summary([fd, swd]).startswith("real images score 38.9, yours 232 (swd): very different")
    assert "close" in summary([fd])
    many = [replace(each, protocol={"n_real": 100}) for each in (fd, swd)]
    assert "(fd-lite0)" in summary(many)


def test_every_family_has_a_sentence() -> None:
    for metric in ("fd-inception", "kid-classifier", "recall-lite0", "density-lite0", "swd"):
        assert summary([score(metric, 0.5, 0.9, 0.01)])
    for metric in ("precision-inception", "inception-score", "birthday-lite0", "modes"):
        assert summary([score(metric, 0.5, 0.9, 0.01)])
    assert summary([]) == ""


def test_records_without_an_interval_of_real_images_are_compared_with_its_value() -> None:
    old = replace(score("fd-lite0", 110, 106, 3), floor_interval=None)
    assert standing(old) == "worse"
    assert standing(replace(old, interval=(100, 120))) == "alike"
