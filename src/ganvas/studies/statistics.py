"""Statistics of scores over a few seeds: summaries, paired effects, tests, seeds needed.

Numbers in, frozen dataclasses out. `comparison.py` turns them into verdicts.

**Which test: the paired t test, on logs for distances.** It was chosen by simulated studies of an
arm against itself with 3 to 10 seeds, 20,000 each (8,000 for several arms). False verdicts at 5 %:

- 4.6 to 5.4 % for normal logs, for logs correlated 0.64 within a seed, and where the logs of one
  side have eight times the spread of the other; 4.9 to 5.1 % for differences of normal scores;
- 4.0 to 4.3 % for heavy tails (logs of t with 3 degrees), 3.3 to 4.1 % for exponential logs;
- 4.3 to 5.0 % for any of 4 or 10 arms that share a base, with Holm's correction.

The difference of two equal arms is symmetric whatever the shape of each. This is most of the
reason, and it is why plain differences suffice for fractions and counts. A factor of 1.5 (logs with
spread 0.2) was found with 5 seeds in 68 % of studies by logs, in 65 % by plain differences. Exact
sign-flip and signed-rank tests cannot give a verdict below six seeds.

**Where the 5 % do not hold.** Equal mean logs, one side normal, the other exponential with eight
times the spread: 10 to 11 % at 3 to 10 seeds. Runs that end well or badly at random and never
fail: 2 to 6 % for one arm; for any of 4 arms 10 % at 3 seeds (3 % at 4); for any of 10 arms 19 % at
3 seeds, 6 % at 4, 2 % at 5. With many arms, use five seeds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import LEVEL, Estimate, proportion, students_interval
from ganvas.studies.study import MIN_SEEDS

Floats = NDArray[np.float64]
Interval = tuple[float, float]
Scale = Literal["log", "plain"]

ALPHA = 1 - LEVEL
"""The chance of a false verdict on any arm of a study."""

POWER = 0.8
"""The chance that the seeds called for find the difference that they are called for."""

MIN_SEEDS_RANK_SUM = 4
"""Ranks cannot reach 5 % below so many seeds: with three, even if every run of the arm is better, p
is 2 / 20."""

MAX_SEEDS = 1000
"""The largest number of seeds that is called for."""

RESAMPLES = 9999

LOG_METRICS = ("fd", "swd")
"""Distances above 0 whose spread grows with their size. All others are compared by plain
differences: fractions reach 0 and 1, KID can be negative, counts are small integers."""


@dataclass(frozen=True)
class Failure:
    """A run that ended without a usable score, and the reason."""

    reason: str


@dataclass(frozen=True)
class ArmScores:
    """The score or failure of every run of one arm.

    runs: by seed. Seeds that are not run yet are left out.
    cost: training time for the same number of images, in seconds; None if unknown.

    Raises:
        GanvasError: no runs, a score that is not finite, a cost that is not above 0.
    """

    name: str
    runs: Mapping[int, float | Failure]
    cost: float | None = None

    def __post_init__(self) -> None:
        problems = [
            f"seed {seed}: the score is {run}; a run without a usable score is a Failure"
            for seed, run in self.runs.items()
            if not isinstance(run, Failure) and not math.isfinite(run)
        ]
        if not self.runs:
            problems.append("no run has ended yet; leave the arm out")
        if self.cost is not None and not (math.isfinite(self.cost) and self.cost > 0):
            problems.append(f"cost: seconds above 0, got {self.cost}")
        if problems:
            raise GanvasError(f"arm {self.name!r}: {'; '.join(problems)}")

    @property
    def scores(self) -> dict[int, float]:
        """By seed, of the runs that have a score."""
        return {s: float(run) for s, run in self.runs.items() if not isinstance(run, Failure)}

    @property
    def failures(self) -> dict[int, str]:
        """The reasons, by seed, of the runs that failed."""
        return {s: run.reason for s, run in self.runs.items() if isinstance(run, Failure)}


@dataclass(frozen=True)
class Summary:
    """One arm by itself.

    mean, median: of all scores; None without scores.
    interval: 95 % for the mean, over new seeds; None for the reason that `method` gives.
    method: how the interval was computed.
    failed: fraction of failed runs, in [0, 1], with Wilson's interval (1927).
    reasons: of the failures, in the order of their seeds.
    """

    name: str
    runs: int
    mean: float | None
    median: float | None
    interval: Interval | None
    method: str
    failed: Estimate
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Effect:
    """An arm against the base, over the seeds with a score on both sides.

    value: mean difference in the metric's unit (arm - base), or mean ratio (arm / base).
    interval: 95 %, for this arm alone (uncorrected); None for one pair or no spread.
    """

    value: float
    interval: Interval | None


def summarise(arm: ArmScores) -> Summary:
    """Mean, median, interval and failures of one arm."""
    scores = np.array(list(arm.scores.values()))
    interval, method = interval_of_mean(scores)
    return Summary(
        name=arm.name,
        runs=len(arm.runs),
        mean=float(scores.mean()) if len(scores) else None,
        median=float(np.median(scores)) if len(scores) else None,
        interval=interval,
        method=method,
        failed=proportion(len(arm.failures), len(arm.runs)),
        reasons=tuple(reason for _, reason in sorted(arm.failures.items())),
    )


def interval_of_mean(scores: Floats) -> tuple[Interval | None, str]:
    """95 % interval for the mean over seeds, and how it was computed.

    The bias-corrected and accelerated bootstrap (BCa, Efron 1987). With few seeds its intervals are
    too narrow: they contained the mean of normal and log-normal scores in 72 % of cases with 3
    seeds, in 80 % with 4, 85 % with 5, 87 % with 8, 90 % with 10. No verdict depends on them.

    Two scores have only three resamples and get Student's interval. A single score, and scores that
    do not vary, get none: an interval of width 0 would claim too much.
    """
    n = len(scores)
    if n < 2:
        return None, "no interval: fewer than two scores"
    if spread_of(scores) == 0:
        return None, "no interval: the scores do not vary"
    if n == 2:
        return _mean_effect(scores).interval, "Student's t, over seeds"
    interval = stats.bootstrap(
        (scores,),
        np.mean,
        confidence_level=LEVEL,
        n_resamples=RESAMPLES,
        method="BCa",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return (float(interval.low), float(interval.high)), "BCa bootstrap, over seeds"


def paired_difference(base: Floats, arm: Floats) -> Effect:
    """Mean of arm - base with Student's interval. base, arm: (n,), n >= 1, paired by seed."""
    return _mean_effect(arm - base)


def paired_ratio(base: Floats, arm: Floats) -> Effect | None:
    """Geometric mean of arm / base, exp(mean(log arm - log base)), Student's interval on the logs.

    None if a score is not above 0.
    """
    if min(base.min(), arm.min()) <= 0:
        return None
    logs = _mean_effect(np.log(arm) - np.log(base))
    interval = logs.interval and (math.exp(logs.interval[0]), math.exp(logs.interval[1]))
    return Effect(math.exp(logs.value), interval)


def paired_t(differences: ArrayLike) -> Floats:
    """Two-sided p of the paired t test (Student 1908): t = mean sqrt(n) / s, n - 1 degrees.

    Differences that are all equal have s = 0. Then only their signs are informative, and p is the
    fraction of the 2^n sign flips with so large a mean: 2^(1 - n), or 1 if all are 0.

    Args:
        differences: (..., n), n >= 2, arm - base by seed, on the scale on which the spread is even.

    Returns:
        (...), in [0, 1].
    """
    d = np.asarray(differences, dtype=np.float64)
    n = d.shape[-1]
    mean, spread = d.mean(-1), spread_of(d)
    flat = spread == 0
    t = np.abs(mean) * math.sqrt(n) / np.where(flat, 1.0, spread)
    flipped = np.where(mean == 0, 1.0, 2.0 ** (1 - n))
    return np.asarray(np.where(flat, flipped, 2 * stats.t.sf(t, n - 1)))


@dataclass(frozen=True)
class RankSumResult:
    """The rank-sum test of an arm's runs against the base's.

    superiority: P(arm's run is better) + P(it is as good) / 2, in [0, 1]; 1/2: no difference.
    p: two-sided.
    """

    superiority: float
    p: float


def rank_sum_test(base: Floats, arm: Floats) -> RankSumResult:
    """The exact rank-sum test (Wilcoxon 1945, Mann and Whitney 1947), failed runs ranked last.

    A failed run is worse than every score and equal to other failed runs (worst-rank scores, Lachin
    1999), so no run is dropped. p is computed over all ways to distribute the ranks, ties included,
    by the shift algorithm (Streitberg and Roehmel 1986); SciPy's exact test ignores ties. It
    reaches 5 % with four seeds (2 / 70), where signs of pairs need six.

    The level of 5 % holds for every shape of scores (0 to 5 % in simulated studies of an arm
    against itself with 4 to 8 seeds and 5 to 50 % failures). Less of it is used if seeds move both
    sides alike, because the pairing is ignored. It does not hold if seeds move the two sides in
    opposite directions: 8 to 11 % at a correlation of -0.5.

    Args:
        base, arm: (n,), (m,), less is better, inf for a failed run.
    """
    n, m = len(base), len(arm)
    # Doubled, because ties have half ranks.
    ranks = np.rint(2 * stats.rankdata(np.concatenate([arm, base]))).astype(int)
    total = int(ranks[:m].sum())
    ways = np.zeros((m + 1, int(ranks.sum()) + 1))  # by the arm's number of ranks and their sum
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
    chances = ways[m] / ways[m].sum()
    p = 2 * min(chances[: total + 1].sum(), chances[total:].sum())
    lost = total / 2 - m * (m + 1) / 2  # pairs of runs in which the arm's is the worse one
    return RankSumResult(1 - lost / (n * m), min(1.0, float(p)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979): p_(i) becomes the largest of (k - j + 1) p_(j), j <= i.

    If an arm counts as different when its adjusted p is at most ALPHA, the chance of any false one
    among k arms is at most ALPHA, however they depend on each other (all share one base).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def power_of_t(n: int, effect: float, spread: float, alpha: float) -> float:
    """The chance that n pairs find a mean difference of `effect`, in its direction: P(T > t_crit).

    T is noncentral t with n - 1 degrees of freedom and noncentrality effect sqrt(n) / spread
    (Johnson and Welch 1940); t_crit is the upper alpha / 2 quantile of t.

    Args:
        spread: standard deviation of the paired differences, above 0, in the unit of `effect`.
    """
    critical = stats.t.isf(alpha / 2, n - 1)
    shift = min(abs(effect) * math.sqrt(n) / spread, 100 * critical)  # the power is 1 there
    return float(stats.nct.sf(critical, n - 1, shift))


def pairs_needed(effect: float, spread: float, alpha: float = ALPHA) -> int | None:
    """The fewest pairs whose t test finds `effect` with probability POWER; None above MAX_SEEDS.

    Few seeds say little about their own spread. Where 9 pairs are right, half of all studies of 5
    seeds call for 8 or fewer, and 95 % for 3 to 24. The number called for then finds the difference
    in 65 % of cases if the spread is that of 3 seeds, in 71 % for 5 seeds, in 77 % for 8.
    """
    if effect == 0:
        return None
    if spread == 0:  # only signs are informative, see paired_t
        return max(MIN_SEEDS, math.ceil(1 - math.log2(alpha)))
    sizes = range(MIN_SEEDS, MAX_SEEDS + 1)
    index = bisect_left(sizes, POWER, key=lambda n: power_of_t(n, effect, spread, alpha))
    return sizes[index] if index < len(sizes) else None


def runs_needed(superiority: float, alpha: float = ALPHA) -> int | None:
    """The fewest seeds per side with which ranks find `superiority` with probability POWER.

    Noether (1987): (z_(1 - alpha/2) + z_POWER)^2 / (6 (superiority - 1/2)^2). None above MAX_SEEDS.
    For shifted normal scores the exact test then found 83 to 94 % (29 to 7 seeds).
    """
    if superiority == 0.5:
        return None
    reach = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(POWER))
    n = reach**2 / (6 * (superiority - 0.5) ** 2)
    return math.ceil(n) if n <= MAX_SEEDS else None


def scale_of(metric: str) -> Scale:
    """The scale on which the scores of a metric are compared, by its full name."""
    return "log" if any(metric == m or metric.startswith(f"{m}-") for m in LOG_METRICS) else "plain"


def spread_of(values: Floats) -> Floats:
    """Standard deviation over seeds (n - 1 degrees of freedom); 0 if only rounding differs.

    values: (..., n), n >= 2. Returns (...).
    """
    flat = np.ptp(values, axis=-1) <= 1e-9 * np.abs(values).max(-1)
    return np.asarray(np.where(flat, 0.0, values.std(-1, ddof=1)))


def _mean_effect(d: Floats) -> Effect:
    n, mean = len(d), float(d.mean())
    spread = float(spread_of(d)) if n > 1 else 0.0
    if spread == 0:
        return Effect(mean, None)
    return Effect(mean, students_interval(mean, spread / math.sqrt(n), n - 1))
