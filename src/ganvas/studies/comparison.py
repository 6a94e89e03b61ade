"""From scores over seeds to one word for each arm, and one sentence for the study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganvas.errors import GanvasError
from ganvas.studies.statistics import (
    ALPHA,
    MAX_SEEDS,
    MIN_SEEDS,
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

ArmVerdict = Literal["better", "worse", "no difference shown", "too few seeds to say"]
Test = Literal["paired t on logs", "paired t", "ranks, failures last"]

SMALLEST_CHANGE = 0.1
"""The smallest difference worth finding: a factor of 1.1 on logs, else a tenth of base's mean."""

SMALLEST_SUPERIORITY = 0.75
"""The same for ranks: of four runs of each side three are better."""

SAME_COST = 1.1
"""Costs that differ by no more than this factor count as equal in a recommendation."""


@dataclass(frozen=True)
class ArmComparison:
    """One arm against the base.

    seeds: how many seeds ended on both sides; only these are compared.
    difference, ratio: over the seeds with a score on both sides; None where there is none (ratio
        also where a score is not above 0).
    p: two-sided, of `test`, not corrected; None where there are fewer than three seeds.
    adjusted: after Holm's correction over all arms; None where p is.
    needed: seeds that would find the larger of the observed and the smallest interesting difference
        four times in five, by the spread that these seeds show; None if more than 1,000 or unknown.
    why: what the verdict rests on, one clause.
    """

    name: str
    seeds: int
    difference: Effect | None
    ratio: Effect | None
    test: Test
    p: float | None
    adjusted: float | None
    verdict: ArmVerdict
    needed: int | None
    why: str

    @property
    def more_seeds(self) -> int | None:
        """How many seeds are lacking to say; 0 where they suffice, None where nobody knows."""
        if self.verdict != "too few seeds to say":
            return 0
        return None if self.needed is None else self.needed - self.seeds


@dataclass(frozen=True)
class Comparison:
    """A study's answer for one metric.

    scale: on which scores were compared: plain where a score of any arm is not above 0.
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
class _Tested:
    """An arm before the correction over arms.

    gain: above 0 if the arm is the better one.
    fewest: seeds below which the test reaches 5 % by no scores at all.
    """

    test: Test
    seeds: int
    p: float | None
    gain: float
    needed: int | None
    fewest: int = MIN_SEEDS


def compare_metric(
    base: ArmScores, arms: Sequence[ArmScores], *, more_is_better: bool, scale: Scale
) -> Comparison:
    """Every arm against the base, with summaries, Pareto set and recommendation.

    One metric is one family: Holm's correction is over its arms. Whoever asks several metrics
    should say beforehand which one decides.

    Raises:
        GanvasError: two arms of one name.
    """
    everyone = [base, *arms]
    names = [arm.name for arm in everyone]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise GanvasError(f"arms need different names; more than once: {', '.join(twice)}")
    if any(score <= 0 for arm in everyone for score in arm.scores.values()):
        scale = "plain"
    against = compare_arms(base, arms, more_is_better=more_is_better, scale=scale)
    return Comparison(
        scale=scale,
        summaries=tuple(summarise(arm) for arm in everyone),
        arms=against,
        pareto=pareto_set(everyone, more_is_better=more_is_better),
        recommendation=recommend(base, arms, against, more_is_better=more_is_better),
    )


def compare_arms(
    base: ArmScores, arms: Sequence[ArmScores], *, more_is_better: bool, scale: Scale
) -> tuple[ArmComparison, ...]:
    """The verdict on each arm.

    Where every run has a score the paired t test decides. Where a run of the arm or of the base
    failed, ranks decide, a failed run being worse than every score: so no arm is called better on
    its survivors alone, and failures by themselves can make it worse. Which test is taken depends
    on whether anything failed, not on which side, so the choice costs nothing.

    better, worse: the adjusted p is at most 5 %.
    too few seeds to say: it is not, and these seeds would have found the difference less than four
        times in five: the smallest interesting one, or the observed one where that is larger. (A
        smaller observed one is left out: power there only says p again, Hoenig and Heisey 2001.)
    no difference shown: it is not, and they would have. In simulated studies of 3 to 8 seeds with
        logs spread 0.03 to 0.2, up to 3 % of arms that do differ by a factor of 1.1 are called so.

    Args:
        scale: log only where every score is above 0.
    """
    level = ALPHA / max(1, len(arms))
    tested = [_test(base, arm, more_is_better, scale, level) for arm in arms]
    adjusted = holm([1.0 if one.p is None else one.p for one in tested])
    return tuple(
        _against(base, arm, one, None if one.p is None else p)
        for arm, one, p in zip(arms, tested, adjusted, strict=True)
    )


def _test(
    base: ArmScores, arm: ArmScores, more_is_better: bool, scale: Scale, level: float
) -> _Tested:
    shared = _shared(base, arm)
    sign = 1.0 if more_is_better else -1.0
    if any(seed in side.failures for side in (base, arm) for seed in shared):
        return _test_ranks(_badness(base, shared, sign), _badness(arm, shared, sign), level)
    values = [np.array([side.scores[seed] for seed in shared]) for side in (base, arm)]
    return _test_scores(values[0], values[1], sign, scale, level)


def _test_scores(base: Floats, arm: Floats, sign: float, scale: Scale, level: float) -> _Tested:
    test: Test = "paired t on logs" if scale == "log" else "paired t"
    n = len(base)
    if n < 2:
        return _Tested(test, n, None, 0.0, None)
    if scale == "log":
        differences, smallest = np.log(arm) - np.log(base), math.log1p(SMALLEST_CHANGE)
    else:
        differences, smallest = arm - base, SMALLEST_CHANGE * abs(float(base.mean()))
    mean, spread = float(differences.mean()), float(spread_of(differences))
    p = float(paired_t(differences)) if n >= MIN_SEEDS else None
    # The same scores twice: what else there may be to find nobody knows.
    same = not differences.any()
    needed = MIN_SEEDS if same else pairs_needed(max(abs(mean), smallest), spread, level)
    return _Tested(test, n, p, sign * mean, needed)


def _test_ranks(base: Floats, arm: Floats, level: float) -> _Tested:
    n = len(base)
    ranks = rank_sum_test(base, arm)
    gain = ranks.superiority - 0.5
    needed = runs_needed(0.5 + max(abs(gain), SMALLEST_SUPERIORITY - 0.5), level)
    p = ranks.p if n >= MIN_SEEDS else None
    return _Tested("ranks, failures last", n, p, gain, needed, MIN_SEEDS_RANK_SUM)


def _against(
    base: ArmScores, arm: ArmScores, tested: _Tested, adjusted: float | None
) -> ArmComparison:
    verdict: ArmVerdict
    if adjusted is not None and adjusted <= ALPHA:
        verdict = "better" if tested.gain > 0 else "worse"
    elif tested.needed is None or tested.needed > tested.seeds:
        verdict = "too few seeds to say"
    else:
        verdict = "no difference shown"
    pairs = [seed for seed in _shared(base, arm) if seed in base.scores and seed in arm.scores]
    left, right = (np.array([side.scores[seed] for seed in pairs]) for side in (base, arm))
    return ArmComparison(
        name=arm.name,
        seeds=tested.seeds,
        difference=paired_difference(left, right) if pairs else None,
        ratio=paired_ratio(left, right) if pairs else None,
        test=tested.test,
        p=tested.p,
        adjusted=adjusted,
        verdict=verdict,
        needed=tested.needed,
        why=_why(verdict, tested, adjusted),
    )


def _why(verdict: ArmVerdict, tested: _Tested, adjusted: float | None) -> str:
    seeds = "1 seed" if tested.seeds == 1 else f"{tested.seeds} seeds"
    if adjusted is None or tested.seeds < tested.fewest:
        of = f"{seeds} ({tested.test}, which can tell nothing below {tested.fewest} seeds)"
    else:
        of = f"{seeds} ({tested.test}; p = {adjusted:.2g} over all arms)"
    if verdict in ("better", "worse"):
        return of
    if verdict == "no difference shown":
        return f"{of}; a difference worth finding would have shown four times in five"
    if tested.needed is None:
        unknown = "how many would say is known from 2 seeds on"
        return f"{of}; {unknown if tested.seeds < 2 else f'it would take more than {MAX_SEEDS:,}'}"
    return f"{of}; about {tested.needed - tested.seeds} more would say, by what these show"


def pareto_set(arms: Sequence[ArmScores], *, more_is_better: bool) -> tuple[str, ...]:
    """Arms that no other beats in quality and cost, cheapest first (Pareto 1906).

    Quality is the median over all runs, a failed one being worse than every score. An arm is left
    out where half of its runs failed, where its cost is unknown, and where another one is no
    worse in both and better in one.
    """
    sign = 1.0 if more_is_better else -1.0
    points = [
        (arm.cost, _typical(arm, sign), arm.name)
        for arm in arms
        if arm.cost is not None and math.isfinite(_typical(arm, sign))
    ]
    kept = [
        one
        for one in points
        if not any(
            other[0] <= one[0] and other[1] <= one[1] and other[:2] != one[:2] for other in points
        )
    ]
    return tuple(name for *_, name in sorted(kept))


def recommend(
    base: ArmScores,
    arms: Sequence[ArmScores],
    against: Sequence[ArmComparison],
    *,
    more_is_better: bool,
) -> str:
    """One sentence: the best of the arms that are shown to be better, and on what conditions; then
    the best of those that ask for less, and so on.

    Without one it is the base, or an arm that costs less where no difference was shown.
    """
    sign = 1.0 if more_is_better else -1.0
    verdicts = {one.name: one.verdict for one in against}
    better = [arm for arm in arms if verdicts[arm.name] == "better"]
    if better:
        sentence = _of_the_better(base, better, sign)
    else:
        same = [arm for arm in arms if verdicts[arm.name] == "no difference shown"]
        sentence = _of_the_cheaper(base, same)
    unsaid = [
        one.name if one.more_seeds is None else f"{one.name} (about {one.more_seeds} more)"
        for one in against
        if one.verdict == "too few seeds to say"
    ]
    return f"{sentence}; too few seeds to say: {', '.join(unsaid)}" if unsaid else sentence


def _of_the_better(base: ArmScores, better: Sequence[ArmScores], sign: float) -> str:
    offers: list[ArmScores] = []
    for arm in sorted(better, key=lambda arm: (_typical(arm, sign), len(arm.failures))):
        if not offers or _asks_less(arm, offers[-1]):
            offers.append(arm)
    parts = []
    for arm in offers:
        conditions = _conditions(arm, base)
        if not conditions:
            parts.append(arm.name)
            break
        parts.append(f"{arm.name}, if {' and '.join(conditions)} can be accepted")
    else:
        parts.append(base.name)
    return "; else ".join(parts)


def _asks_less(arm: ArmScores, other: ArmScores) -> bool:
    """Whether `arm` costs less, or fails less often, than `other`."""
    return _times(other, arm) > SAME_COST or _failing(arm) < _failing(other)


def _conditions(arm: ArmScores, base: ArmScores) -> list[str]:
    """What must be accepted to have `arm` in place of the base."""
    conditions = []
    if _times(arm, base) > SAME_COST:
        conditions.append(f"{_times(arm, base):.1f} times the training time")
    if _failing(arm) > _failing(base):
        conditions.append(f"failures ({len(arm.failures)} of {len(arm.runs)} runs)")
    return conditions


def _of_the_cheaper(base: ArmScores, same: Sequence[ArmScores]) -> str:
    savers = [
        arm for arm in same if _times(base, arm) > SAME_COST and _failing(arm) <= _failing(base)
    ]
    if savers:
        best = max(savers, key=lambda arm: _times(base, arm))
        times = f"{base.name} takes {_times(base, best):.1f} times as long"
        return f"{best.name}: no difference in quality was shown, and {times}"
    if not base.scores:
        return f"none: every run of {base.name} failed, and no arm is shown to be better"
    return f"{base.name}: no arm is shown to be better"


def _times(arm: ArmScores, other: ArmScores) -> float:
    """How many times as much `arm` costs; 1 where either is unknown."""
    return 1.0 if arm.cost is None or other.cost is None else arm.cost / other.cost


def _typical(arm: ArmScores, sign: float) -> float:
    """The median over all runs, less is better; inf where half of them failed."""
    return float(np.median(_badness(arm, sorted(arm.runs), sign)))


def _failing(arm: ArmScores) -> float:
    return len(arm.failures) / len(arm.runs)


def _badness(arm: ArmScores, seeds: Sequence[int], sign: float) -> Floats:
    """Less is better, inf for a failed run."""
    return np.array([-sign * arm.scores[s] if s in arm.scores else math.inf for s in seeds])


def _shared(base: ArmScores, arm: ArmScores) -> list[int]:
    return sorted(base.runs.keys() & arm.runs.keys())
