"""Which arm to take: the Pareto set of quality and cost, and a recommendation in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ganvas.studies.statistics import ArmScores, Floats

SAME_COST = 1.1
"""Costs that differ by no more than this factor count as equal in a recommendation."""


def pareto_set(arms: Sequence[ArmScores], *, more_is_better: bool) -> tuple[str, ...]:
    """Arms that no other beats in quality and cost, cheapest first (Pareto 1906).

    Quality is the median over all runs, with failed runs worse than every score. An arm is left out
    if half of its runs failed, if its cost is unknown, or if another arm is no worse in both and
    better in one.
    """
    sign = 1.0 if more_is_better else -1.0
    points = [
        (arm.cost, _median_badness(arm, sign), arm.name)
        for arm in arms
        if arm.cost is not None and math.isfinite(_median_badness(arm, sign))
    ]

    def is_beaten(cost: float, quality: float) -> bool:
        return any(
            other_cost <= cost and other <= quality and (other_cost, other) != (cost, quality)
            for other_cost, other, _ in points
        )

    return tuple(name for cost, quality, name in sorted(points) if not is_beaten(cost, quality))


def recommend(
    base: ArmScores,
    arms: Sequence[ArmScores],
    verdicts: Mapping[str, tuple[str, int | None]],
    *,
    more_is_better: bool,
) -> str:
    """One sentence: the best of the arms that are better, and its conditions; then the best of
    those with fewer conditions, and so on.

    If none is better: the base, or an arm that costs less and shows no difference.

    Args:
        verdicts: of each arm, with the number of seeds that it still needs (None: unknown).
    """
    sign = 1.0 if more_is_better else -1.0
    better = [arm for arm in arms if verdicts[arm.name][0] == "better"]
    if better:
        sentence = _best_of(better, base, sign)
    else:
        equal = [arm for arm in arms if verdicts[arm.name][0] == "no difference shown"]
        sentence = _cheapest_of(equal, base)
    open_arms = [
        name if more is None else f"{name} (about {more} more would tell)"
        for name, (verdict, more) in verdicts.items()
        if verdict == "too few seeds to say"
    ]
    if not open_arms:
        return sentence
    return f"{sentence}. Undecided with so few seeds: {', '.join(open_arms)}"


def _best_of(better: Sequence[ArmScores], base: ArmScores, sign: float) -> str:
    offers: list[ArmScores] = []
    for arm in sorted(better, key=lambda arm: (_median_badness(arm, sign), len(arm.failures))):
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
    return _cost_ratio(other, arm) > SAME_COST or _failure_rate(arm) < _failure_rate(other)


def _conditions(arm: ArmScores, base: ArmScores) -> list[str]:
    """What one has to accept to use `arm` instead of the base."""
    conditions = []
    if _cost_ratio(arm, base) > SAME_COST:
        conditions.append(f"{_cost_ratio(arm, base):.1f} times the training time")
    if _failure_rate(arm) > _failure_rate(base):
        conditions.append(f"failures ({len(arm.failures)} of {len(arm.runs)} runs)")
    return conditions


def _cheapest_of(equal: Sequence[ArmScores], base: ArmScores) -> str:
    cheaper = [
        arm
        for arm in equal
        if _cost_ratio(base, arm) > SAME_COST and _failure_rate(arm) <= _failure_rate(base)
    ]
    if cheaper:
        best = max(cheaper, key=lambda arm: _cost_ratio(base, arm))
        times = f"{base.name} takes {_cost_ratio(base, best):.1f} times as long"
        return f"{best.name}: no difference in quality was shown, and {times}"
    if not base.scores:
        return f"none: every run of {base.name} failed, and no arm is shown to be better"
    return f"stay with {base.name}: no arm is shown to be better"


def _cost_ratio(arm: ArmScores, other: ArmScores) -> float:
    """The cost of `arm` in multiples of the other's; 1 if either is unknown."""
    return 1.0 if arm.cost is None or other.cost is None else arm.cost / other.cost


def _failure_rate(arm: ArmScores) -> float:
    return len(arm.failures) / len(arm.runs)


def _median_badness(arm: ArmScores, sign: float) -> float:
    """The median over all runs, less is better; inf if half of them failed."""
    return float(np.median(badness(arm, sorted(arm.runs), sign)))


def badness(arm: ArmScores, seeds: Sequence[int], sign: float) -> Floats:
    """Scores by seed, less is better; inf for a failed run. sign: 1 if more is better, else -1."""
    return np.array([-sign * arm.scores[s] if s in arm.scores else math.inf for s in seeds])
