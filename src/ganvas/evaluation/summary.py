"""Scores in one sentence: how far from real images, and how much of their variety is there.

Every claim follows from a rule here. A score counts as worse than that of real images only if the
95 % intervals of the two do not overlap. The words for how much worse are conventions, chosen from
the faults of docs/metrics.md: with three of ten kinds missing, `fd-lite0` is 2.1 times that of real
images; blurred images, 3.4 times; noisy ones, 8 times.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

from ganvas.evaluation.score import Score
from ganvas.formatting import format_number, format_percent

Standing = Literal["worse", "alike", "better"]

CLOSENESS = (
    *("fd", "swd", "kid", "c2st", "precision", "density", "inception-score", "high-quality"),
)
VARIETY = ("coverage", "modes", "recall")
EVENNESS = ("reverse-kl",)
COPIES = ("memorised",)
REPETITION = ("birthday",)
QUESTIONS = (CLOSENESS, VARIETY, EVENNESS, COPIES, REPETITION)
"""Scores that answer one question, the first choice first. The sentence takes one of each."""

CLOSENESS_OF_FEW = ("swd", *CLOSENESS)
"""The first choice with few real images. Theirs, too, are then so far by `fd`, whose covariances
need many images, that anything looks close: of 253 sprites, 25 were 1,077 from the others, plain
grey squares 1,640. By `swd` the two were 38.9 and 232."""

RATIOS = ("fd", "swd")
"""Distances of which a multiple of that of real images means something; KID may be 0 or less."""

CLEARLY, VERY = 2.0, 5.0
"""From so many times the distance of real images on, samples are clearly, or very, different."""

COVERED = ((0.9, "nearly all"), (0.65, "most"), (0.4, "about half"), (0.15, "less than half"))
"""Fractions of what real images cover, at least, and words for them; below: little."""

FEW_REAL = 100
"""With fewer held-out images the sentence says how many there are, and trusts `swd` first."""


def summary(scores: Sequence[Score]) -> str:
    """One sentence about scores of one evaluation; empty where there is none."""
    if not scores:
        return ""
    real = min(int(score.protocol["n_real"]) for score in scores)
    closeness = CLOSENESS_OF_FEW if real < FEW_REAL else CLOSENESS
    clauses = [
        clause_of(first)
        for question in (closeness, *QUESTIONS[1:])
        if (first := first_of(scores, question)) is not None
    ]
    if not clauses:
        return ""
    if real < FEW_REAL:
        clauses.append(f"a rough answer, from {real} real images")
    return "; ".join(clauses)


def first_of(scores: Sequence[Score], stems: Sequence[str]) -> Score | None:
    """The score that comes first in an order of names; None where there is none of them."""
    by_stem = {stem_of(score): score for score in reversed(scores)}
    return next((by_stem[stem] for stem in stems if stem in by_stem), None)


def stem_of(score: Score) -> str:
    """The name without its features: fd for fd-lite0."""
    names = itertools.chain.from_iterable(QUESTIONS)
    return next((name for name in names if has_stem(score.metric, name)), "")


def has_stem(metric: str, stem: str) -> bool:
    """Whether a metric is this one, with any features: fd-lite0 is fd."""
    return metric == stem or metric.startswith(f"{stem}-")


def question_of(metric: str) -> int:
    """Which of `QUESTIONS` a metric answers, counted from 0; their number where it is none."""
    answers = (any(has_stem(metric, stem) for stem in question) for question in QUESTIONS)
    return next((index for index, does in enumerate(answers) if does), len(QUESTIONS))


def standing(score: Score) -> Standing:
    """How a score compares with that of real images. Intervals that touch cannot be told apart."""
    low, high = score.interval
    real_low, real_high = score.floor_interval or (score.floor, score.floor)
    if low <= real_high and real_low <= high:
        return "alike"
    return "better" if (low > real_high) == score.more_is_better else "worse"


def clause_of(score: Score) -> str:
    """One score in words."""
    stem = stem_of(score)
    if stem in (*COPIES, *REPETITION):
        return copies_clause(score)
    if stem in ("coverage", "recall"):
        return variety_clause(score)
    if stem == "modes":
        return modes_clause(score)
    if stem == "reverse-kl":
        uneven = standing(score) == "worse"
        evenly = "less evenly than" if uneven else "as evenly as"
        return f"the modes appear {evenly} in {score.real}"
    real, value = format_number(score.floor, 3), format_number(score.value, 3)
    return f"{score.real} score {real}, yours {value} ({score.metric}): {difference(score)}"


def difference(score: Score) -> str:
    """How different samples are from real images, by one score."""
    if standing(score) == "alike":
        return "cannot be told apart"
    if standing(score) == "better":
        return f"no worse than {score.real}"
    if stem_of(score) not in RATIOS or score.floor <= 0:
        return "different"
    ratio = score.value / score.floor
    if ratio < CLEARLY:
        return "different, but close"
    return "clearly different" if ratio < VERY else "very different"


def variety_clause(score: Score) -> str:
    """How much of the variety of real images is there, as a fraction of what real images reach."""
    figures = f"{format_number(score.value, 2)}; real images {format_number(score.floor, 2)}"
    if standing(score) != "worse":
        return f"as varied as real images ({score.metric} {figures})"
    fraction = score.value / score.floor
    words = next((words for least, words in COVERED if fraction >= least), "little")
    return f"{words} of their variety is covered ({score.metric} {figures})"


def modes_clause(score: Score) -> str:
    """How many modes, or labels, appear."""
    of = score.details.get("of")
    count = f"{score.value:,.0f}" + (f" of {of:,.0f}" if of is not None else "")
    return f"{count} modes appear ({score.real}: {score.floor:,.0f})"


def copies_clause(score: Score) -> str:
    """Whether samples are copies, of training images or of each other."""
    memorised = stem_of(score) in COPIES
    if standing(score) != "worse":
        what = "nearer to training images" if memorised else "more alike"
        return f"no sign that samples are {what} than real images are"
    percent = format_percent(score.value)
    if memorised:
        return f"{percent} of the samples lie unusually near to a training image"
    return f"{percent} of batches hold near-duplicates (real images: {format_percent(score.floor)})"
