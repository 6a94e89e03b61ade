"""Score the rules: which runs are failures, and recall, false alarms and right symptoms of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bases import BASES
from cases import HEALTHY, KINDS
from replay import VERDICTS, Level, RuleOutput, Timeline
from running import Result

from ganvas.metrics.estimate import proportion
from ganvas.metrics.names import more_is_better

MARGIN = 1.25
"""A sabotaged run has failed if one of its kind's scores is this many times worse than that of the
worst healthy counterpart; one that diverged has failed as well."""

LEAST_BAD: dict[str, float] = {"memorised-lite0": 0.05}
"""Counterparts count as at least this bad: what real images score, so that less is no merit."""


@dataclass(frozen=True)
class ScoredRun:
    """One run, and whether the rules were right.

    worse: by score, how many times worse than the worst healthy counterpart; above 1 is worse.
    failed: whether it is a failure by these scores or by divergence, whatever the rules said.
    outputs: the rules' outcome at each level.
    """

    name: str
    kind: str
    base: str
    seed: int
    images: int
    worse: dict[str, float]
    failed: bool
    outputs: dict[Level, RuleOutput]

    @property
    def is_healthy(self) -> bool:
        """Whether it was not sabotaged."""
        return self.kind == HEALTHY

    def names_cause(self, symptom: str) -> bool:
        """Whether a symptom names what was done to the run."""
        return not self.is_healthy and symptom in KINDS[self.kind].symptoms


def score_run(result: Result, timeline: Timeline, counterparts: Sequence[Result]) -> ScoredRun:
    """Compare a run with its healthy counterparts, and what the rules found with both.

    Args:
        counterparts: the healthy runs of the same base; where none has scores, only runs that
            diverged are failures.
    """
    metrics = () if result.kind == HEALTHY else KINDS[result.kind].shown_by
    worse = {}
    for metric in metrics:
        others = [other.scores[metric] for other in counterparts if metric in other.scores]
        if metric in result.scores and others:
            worse[metric] = times_worse(metric, result.scores[metric], others)
    return ScoredRun(
        name=result.name,
        kind=result.kind,
        base=result.base,
        seed=result.seed,
        images=result.recipe["images"],
        worse=worse,
        failed=result.status == "diverged" or any(times >= MARGIN for times in worse.values()),
        outputs={level: timeline.output(level) for level in VERDICTS},
    )


def times_worse(metric: str, value: float, others: Sequence[float]) -> float:
    """The ratio of a score and the worst of the others, above 1 where the score is worse."""
    if more_is_better(metric.partition("/")[0]):
        above, below = min(others), value
    else:
        above, below = value, max(*others, LEAST_BAD.get(metric, 0.0))
    if above == below:
        return 1.0
    return above / below if below > 0 else math.inf


@dataclass(frozen=True)
class Rate:
    """`hits` of `of` runs."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The fraction; NaN for no runs."""
        return self.hits / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, as if runs were independent draws (Wilson 1927)."""
        return proportion(self.hits, self.of).interval if self.of else (0.0, 1.0)

    def __str__(self) -> str:
        return f"{self.value:.0%} ({self.hits} of {self.of})" if self.of else "-"


def half(runs: Iterable[ScoredRun], calibration: bool) -> list[ScoredRun]:
    """The even seeds, on which thresholds are set, or the odd ones, which are reported."""
    return [run for run in runs if (run.seed % 2 == 0) == calibration]


def failures(runs: Iterable[ScoredRun], kind: str | None = None) -> list[ScoredRun]:
    """Sabotaged runs that failed, of one kind or all; the others are no test of recall."""
    failed = [run for run in runs if not run.is_healthy and run.failed]
    return [run for run in failed if kind is None or run.kind == kind]


def healthy(runs: Iterable[ScoredRun], base: str | None = None) -> list[ScoredRun]:
    """Healthy runs of a base; without a name, of all bases that are not built to fail."""
    found = [run for run in runs if run.is_healthy]
    return [run for run in found if (run.base == base if base else counts_as_healthy(run.base))]


def counts_as_healthy(base: str) -> bool:
    """Whether runs of a base count as healthy: not if the base is built to fail."""
    return not BASES[base].built_to_fail


def detected(runs: Sequence[ScoredRun], level: Level) -> Rate:
    """Runs with a finding that counts: recall of failures, false alarms of healthy runs."""
    return Rate(sum(run.outputs[level].at is not None for run in runs), len(runs))


def correctly_named(runs: Sequence[ScoredRun], level: Level) -> Rate:
    """Runs whose first symptom names the cause; a miss is wrong, too."""
    return Rate(sum(run.names_cause(run.outputs[level].symptom) for run in runs), len(runs))


def time_to_finding(runs: Iterable[ScoredRun], level: Level) -> tuple[float, int, int] | None:
    """Median, least and most images until a finding, over the runs that have one."""
    images = [at for run in runs if (at := run.outputs[level].at) is not None]
    return (median(images), min(images), max(images)) if images else None


def worst_recall(runs: Sequence[ScoredRun], level: Level) -> tuple[str, Rate] | None:
    """The kind with the lowest recall, of those with any failure."""
    rates = [(kind, detected(failures(runs, kind), level)) for kind in KINDS]
    return min((r for r in rates if r[1].of), key=lambda item: item[1].value, default=None)


def confusion(runs: Iterable[ScoredRun], level: Level) -> dict[str, Counter[str]]:
    """By kind, how often each symptom came first: of failures, and of healthy runs."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in (*KINDS, HEALTHY)}
    for run in runs:
        if run.failed or (run.is_healthy and counts_as_healthy(run.base)):
            counts[run.kind][run.outputs[level].symptom] += 1
    return counts
