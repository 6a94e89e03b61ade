"""From scores over seeds to a verdict on each arm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganvas.errors import GanvasError
from ganvas.formatting import format_count
from ganvas.studies.recommendation import badness, pareto_set, recommend
from ganvas.studies.statistics import (
    ALPHA,
    MAX_SEEDS,
    MIN_SEEDS_RANK_SUM,
    ArmScores,
    Effect,
    Floats,
    Scale,
    Summary,
    holm,
    paired_difference,
    paired_ratio,
    paired_t,
    pairs_needed,
    rank_sum_test,
    runs_needed,
    spread_of,
    summarise,
)
from ganvas.studies.study import MIN_SEEDS

ArmVerdict = Literal["better", "worse", "no difference shown", "too few seeds to say"]
Test = Literal["paired t on logs", "paired t", "ranks, failures last"]

SMALLEST_CHANGE = 0.1
"""The smallest difference worth finding: a factor of 1.1 on logs, else 0.1 of the base's mean."""

SMALLEST_SUPERIORITY = 0.75
"""The same for ranks: of four runs per side, three are better."""


@dataclass(frozen=True)
class ArmComparison:
    """One arm against the base.

    seeds: how many seeds ended on both sides; only these are compared.
    difference, ratio: over the seeds with a score on both sides; None without such a seed (ratio:
        also if a score is not above 0).
    scale: which of them suits the scores: log the ratio, plain the difference.
    p: two-sided, of `test`, uncorrected; None for fewer than three seeds.
    adjusted: after Holm's correction over all arms; None if p is None.
    needed: seeds that would find, four times in five, the larger of the observed and the smallest
        interesting difference, given the spread of these seeds; None if unknown or above 1,000.
    why: the reason for the verdict, one clause.
    """

    name: str
    seeds: int
    difference: Effect | None
    ratio: Effect | None
    scale: Scale
    test: Test
    p: float | None
    adjusted: float | None
    verdict: ArmVerdict
    needed: int | None
    why: str

    @property
    def effect(self) -> Effect | None:
        """The ratio or the difference, as the scale says; None without a seed on both sides."""
        return self.ratio if self.scale == "log" else self.difference

    @property
    def more_seeds(self) -> int | None:
        """How many more seeds the verdict needs; 0 if these suffice, None if unknown."""
        if self.verdict != "too few seeds to say":
            return 0
        return None if self.needed is None else self.needed - self.seeds


@dataclass(frozen=True)
class Comparison:
    """All arms against the base by one metric.

    scale: on which scores were compared: plain if a score of any arm is not above 0.
    summaries: base first, then the arms in their order.
    arms: in their order.
    pareto: names of the arms that no other beats in both quality and cost, cheapest first.
    recommendation: one sentence.
    """

    scale: Scale
    summaries: tuple[Summary, ...]
    arms: tuple[ArmComparison, ...]
    pareto: tuple[str, ...]
    recommendation: str


@dataclass(frozen=True)
class _TestResult:
    """The test of one arm, before the correction over arms.

    gain: above 0 if the arm is the better one.
    min_seeds: below so many seeds the test cannot reach 5 %, whatever the scores.
    """

    test: Test
    seeds: int
    p: float | None
    gain: float
    needed: int | None
    min_seeds: int = MIN_SEEDS


def compare_metric(
    base: ArmScores, arms: Sequence[ArmScores], *, more_is_better: bool, scale: Scale
) -> Comparison:
    """Compare every arm with the base, with summaries, Pareto set and recommendation.

    Holm's correction is over the arms of one metric. With several metrics, decide beforehand which
    one counts.

    Raises:
        GanvasError: two arms have the same name.
    """
    everyone = [base, *arms]
    names = [arm.name for arm in everyone]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise GanvasError(f"arms need different names; more than once: {', '.join(repeated)}")
    if any(score <= 0 for arm in everyone for score in arm.scores.values()):
        scale = "plain"
    comparisons = compare_arms(base, arms, more_is_better=more_is_better, scale=scale)
    verdicts = {arm.name: (arm.verdict, arm.more_seeds) for arm in comparisons}
    return Comparison(
        scale=scale,
        summaries=tuple(summarise(arm) for arm in everyone),
        arms=comparisons,
        pareto=pareto_set(everyone, more_is_better=more_is_better),
        recommendation=recommend(base, arms, verdicts, more_is_better=more_is_better),
    )


def compare_arms(
    base: ArmScores, arms: Sequence[ArmScores], *, more_is_better: bool, scale: Scale
) -> tuple[ArmComparison, ...]:
    """Test every arm against the base, with Holm's correction over the arms.

    If every run has a score, the paired t test decides. If a run of the arm or of the base failed,
    ranks decide, with failed runs worse than every score. So no arm is called better because of its
    surviving runs alone, and failures by themselves can make it worse. The choice of the test
    depends on whether anything failed, not on which side, so it does not bias the result.

    better, worse: the adjusted p is at most 5 %.
    too few seeds to say: it is not, and so few seeds would find the difference less than four times
        in five: the smallest interesting one, or the observed one if that is larger. (A smaller
        observed one is ignored: its power only repeats p, Hoenig and Heisey 2001.)
    no difference shown: it is not, and these seeds would have found it. In simulated studies of 3
        to 8 seeds with logs of spread 0.03 to 0.2, up to 3 % of arms that do differ by a factor of
        1.1 get this verdict.

    Args:
        scale: log only if every score is above 0.
    """
    level = ALPHA / max(1, len(arms))
    results = [_test_arm(base, arm, more_is_better, scale, level) for arm in arms]
    adjusted = holm([1.0 if result.p is None else result.p for result in results])
    return tuple(
        _compare_arm(base, arm, scale, result, None if result.p is None else p)
        for arm, result, p in zip(arms, results, adjusted, strict=True)
    )


def _test_arm(
    base: ArmScores, arm: ArmScores, more_is_better: bool, scale: Scale, level: float
) -> _TestResult:
    seeds = sorted(base.runs.keys() & arm.runs.keys())
    sign = 1.0 if more_is_better else -1.0
    if any(seed in side.failures for side in (base, arm) for seed in seeds):
        return _test_ranks(badness(base, seeds, sign), badness(arm, seeds, sign), level)
    base_scores, scores = (np.array([side.scores[seed] for seed in seeds]) for side in (base, arm))
    return _test_scores(base_scores, scores, sign, scale, level)


def _test_scores(base: Floats, arm: Floats, sign: float, scale: Scale, level: float) -> _TestResult:
    test: Test = "paired t on logs" if scale == "log" else "paired t"
    n = len(base)
    if n < 2:
        return _TestResult(test, n, None, 0.0, None)
    if scale == "log":
        differences, smallest = np.log(arm) - np.log(base), math.log1p(SMALLEST_CHANGE)
    else:
        differences, smallest = arm - base, SMALLEST_CHANGE * abs(float(base.mean()))
    mean, spread = float(differences.mean()), float(spread_of(differences))
    p = float(paired_t(differences)) if n >= MIN_SEEDS else None
    # Equal scores on both sides say nothing about the spread of other ones.
    equal = not differences.any()
    needed = MIN_SEEDS if equal else pairs_needed(max(abs(mean), smallest), spread, level)
    return _TestResult(test, n, p, sign * mean, needed)


def _test_ranks(base: Floats, arm: Floats, level: float) -> _TestResult:
    n = len(base)
    result = rank_sum_test(base, arm)
    gain = result.superiority - 0.5
    needed = runs_needed(0.5 + max(abs(gain), SMALLEST_SUPERIORITY - 0.5), level)
    p = result.p if n >= MIN_SEEDS else None
    return _TestResult("ranks, failures last", n, p, gain, needed, MIN_SEEDS_RANK_SUM)


def _compare_arm(
    base: ArmScores, arm: ArmScores, scale: Scale, result: _TestResult, adjusted: float | None
) -> ArmComparison:
    verdict: ArmVerdict
    if adjusted is not None and adjusted <= ALPHA:
        verdict = "better" if result.gain > 0 else "worse"
    elif result.needed is None or result.needed > result.seeds:
        verdict = "too few seeds to say"
    else:
        verdict = "no difference shown"
    pairs = sorted(base.scores.keys() & arm.scores.keys())
    base_scores, scores = (np.array([side.scores[seed] for seed in pairs]) for side in (base, arm))
    return ArmComparison(
        name=arm.name,
        seeds=result.seeds,
        difference=paired_difference(base_scores, scores) if pairs else None,
        ratio=paired_ratio(base_scores, scores) if pairs else None,
        scale=scale,
        test=result.test,
        p=result.p,
        adjusted=adjusted,
        verdict=verdict,
        needed=result.needed,
        why=_why(verdict, result, adjusted),
    )


def _why(verdict: ArmVerdict, result: _TestResult, adjusted: float | None) -> str:
    seeds = format_count(result.seeds, "seed")
    if adjusted is None or result.seeds < result.min_seeds:
        of = f"{seeds} ({result.test}, which needs at least {result.min_seeds} seeds)"
    else:
        of = f"{seeds} ({result.test}; p = {adjusted:.2g} over all arms)"
    if verdict in ("better", "worse"):
        return of
    if verdict == "no difference shown":
        return f"{of}; a difference worth finding would have shown four times in five"
    if result.needed is not None:
        more = result.needed - result.seeds
        word = "at least" if adjusted is None or result.seeds < result.min_seeds else "about"
        verb = "is" if more == 1 else "are"
        return f"{of}; {word} {more} more {verb} needed to tell, by the spread of these"
    if result.seeds < 2:
        return f"{of}; how many are needed is known from 2 seeds on"
    return f"{of}; it would take more than {MAX_SEEDS:,}"
