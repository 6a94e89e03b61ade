"""From results and timelines to verdicts on the verdicts: recall, false alarms, right names."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bases import BASES
from cases import HEALTHY, KINDS
from running import Result
from watching import COUNTED, Heard, Level, Timeline

from ganvas.metrics.estimate import proportion
from ganvas.metrics.names import more_is_better

MARGIN = 1.25
"""A sabotaged run has failed if a score that its kind names is worse than the worst of its healthy
counterparts by a quarter; one that stopped at numbers that are not finite has failed as well."""


NO_BETTER: dict[str, float] = {"memorised-lite0": 0.05}
"""What real images score where a lower number is no praise: counterparts count as this bad."""


@dataclass(frozen=True)
class Judged:
    """One run, and whether what was said of it was right.

    worse: how many times worse than the worst healthy counterpart, by score; above 1 is worse.
    failed: whether it is a failure by these or by having stopped; never by what the rules said.
    heard: what was said of it, by how bad a verdict must be to count.
    """

    name: str
    kind: str
    base: str
    seed: int
    images: int
    worse: dict[str, float]
    failed: bool
    heard: dict[Level, Heard]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing was done to it."""
        return self.kind == HEALTHY

    def is_right(self, level: Level) -> bool:
        """Whether the symptom that is named first names the cause."""
        return not self.is_healthy and self.heard[level].named in KINDS[self.kind].symptoms


def judge(result: Result, timeline: Timeline, counterparts: Sequence[Result]) -> Judged:
    """Hold a run against its healthy counterparts, and what was said against both.

    Args:
        counterparts: the healthy runs of the same base; without any that have scores, no run of
            another kind can be a failure but one that stopped.
    """
    worse = {}
    if result.kind != HEALTHY:
        others = [one.scores for one in counterparts]
        worse = factors(result.scores, others, KINDS[result.kind].shown_by)
    return Judged(
        name=result.name,
        kind=result.kind,
        base=result.base,
        seed=result.seed,
        images=result.recipe["images"],
        worse=worse,
        failed=result.status == "diverged" or any(times >= MARGIN for times in worse.values()),
        heard={level: timeline.heard(level) for level in COUNTED},
    )


def factors(
    scores: dict[str, float], counterparts: Sequence[dict[str, float]], metrics: Iterable[str]
) -> dict[str, float]:
    """How many times worse than the worst counterpart, by those metrics that both have."""
    found = {}
    for metric in metrics:
        others = [other[metric] for other in counterparts if metric in other]
        if metric in scores and others:
            found[metric] = times_worse(metric, scores[metric], others)
    return found


def times_worse(metric: str, value: float, others: Sequence[float]) -> float:
    """A score over the worst of the others, or the other way round where more is better."""
    if more_is_better(metric.partition("/")[0]):
        above, below = min(others), value
    else:
        above, below = value, max(*others, NO_BETTER.get(metric, 0.0))
    if above == below:
        return 1.0
    return above / below if below > 0 else math.inf


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing is not a number."""
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, as if runs were independent draws (Wilson 1927)."""
        return proportion(self.hits, self.of).interval if self.of else (0.0, 1.0)


def half(judged: Iterable[Judged], calibration: bool) -> list[Judged]:
    """The even seeds, on which thresholds are set, or the odd ones, which are reported."""
    return [run for run in judged if (run.seed % 2 == 0) == calibration]


def failures(judged: Iterable[Judged], kind: str | None = None) -> list[Judged]:
    """Sabotaged runs that failed; those that did not are no test of recall."""
    return [
        run
        for run in judged
        if not run.is_healthy and run.failed and (kind is None or run.kind == kind)
    ]


def healthy(judged: Iterable[Judged], base: str | None = None) -> list[Judged]:
    """Runs to which nothing was done; of a base that is built to fail only where it is named."""
    return [run for run in judged if run.is_healthy and counts(run.base, base)]


def counts(base: str, named: str | None = None) -> bool:
    """Whether runs of a base count as healthy: those that are built to fail only by name."""
    return not BASES[base].built_to_fail if named is None else base == named


def spoken_of(runs: Sequence[Judged], level: Level) -> Share:
    """How many were found so bad: recall of failures, false alarms of healthy runs."""
    return Share(sum(run.heard[level].at is not None for run in runs), len(runs))


def rightly_named(runs: Sequence[Judged], level: Level) -> Share:
    """How many had the right symptom named first; a miss is no right name."""
    return Share(sum(run.is_right(level) for run in runs), len(runs))


def time_to_finding(runs: Iterable[Judged], level: Level) -> tuple[float, int, int] | None:
    """Median, least and most images until it was said, of those of which it was."""
    times = (run.heard[level].at for run in runs)
    images = [at for at in times if at is not None]
    return (median(images), min(images), max(images)) if images else None


def worst_recall(runs: Sequence[Judged], level: Level) -> tuple[str, Share] | None:
    """The kind with the least recall, of those with a failure at all."""
    shares = {kind: spoken_of(failures(runs, kind), level) for kind in KINDS}
    some = [(kind, share) for kind, share in shares.items() if share.of]
    return min(some, key=lambda item: item[1].value, default=None)


Confusion = dict[str, Counter[str]]
"""By kind, how often each symptom was named first, or `nothing`."""


def confusion(runs: Iterable[Judged], level: Level) -> Confusion:
    """Failures by kind, and healthy runs, against what was named."""
    counted: Confusion = {kind: Counter() for kind in (*KINDS, HEALTHY)}
    for run in runs:
        if run.failed or (run.is_healthy and counts(run.base)):
            counted[run.kind][run.heard[level].named] += 1
    return counted
