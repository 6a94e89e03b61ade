"""The results of a study, finished or not, from its files. Needs no torch and writes nothing else.

The table on the command line, results.json and the report are made from `read_results(STUDY)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ganvas import json_files, notebook
from ganvas.formatting import format_count, format_interval, format_number
from ganvas.metrics.names import more_is_better
from ganvas.studies.comparison import ArmComparison, Comparison, compare_metric
from ganvas.studies.directory import RunKey, StudyDirectory
from ganvas.studies.outcome import Cost, Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.statistics import ArmScores, Failure, Summary, scale_of
from ganvas.studies.study import Arm, Study
from ganvas.studies.survival import RunObservation, TimeToQuality, time_to_quality

Outcomes = Mapping[int, Outcome]
"""The outcomes of one arm, by seed."""


@dataclass(frozen=True)
class ArmResults:
    """One arm: what it changed, how its runs ended, what they cost.

    changes: the fields in which it differs from the arm `against`, by dotted name.
    images: the budget of each of its runs.
    outcomes: by seed, of the runs that ended; missing: the seeds of the others.
    cost: medians over the runs that trained; None if none did.
    to_quality_images, to_quality_seconds: time to the study's quality, in images seen and in
        seconds of training; None without scores while training.
    """

    name: str
    against: str
    changes: dict[str, Any]
    images: int
    outcomes: dict[int, Outcome]
    missing: tuple[int, ...]
    cost: Cost | None
    to_quality_images: TimeToQuality | None
    to_quality_seconds: TimeToQuality | None

    @property
    def failures(self) -> dict[int, Outcome]:
        """The runs that failed, by seed."""
        return {seed: outcome for seed, outcome in self.outcomes.items() if outcome.failed}


@dataclass(frozen=True)
class Family:
    """The arms that are compared with the same arm, by one score.

    base: the arm that the others are compared with; the first of `comparison.summaries`.
    floor: what real images score instead of samples; None before the first run ended.
    """

    metric: str
    base: str
    more_is_better: bool
    floor: float | None
    comparison: Comparison


@dataclass(frozen=True)
class StudyResults:
    """All results of a study so far.

    directory: gives access to its runs, its data and its environment.
    arms: the base first.
    families: by score, the deciding one first, and for each score by the arm compared with. A
        family is left out until a run of its base has ended.
    deciding: full name of the score that decides.
    quality: value of the deciding score for the time to quality; None without scores while
        training.
    recommendation: by the deciding score, among the arms compared with the base; may be empty.
    """

    directory: StudyDirectory
    study: Study
    plan: Plan
    arms: tuple[ArmResults, ...]
    families: tuple[Family, ...]
    deciding: str
    quality: float | None
    recommendation: str

    @property
    def missing(self) -> tuple[RunKey, ...]:
        """Arm and seed of the runs that have not ended yet."""
        return tuple((arm.name, seed) for arm in self.arms for seed in arm.missing)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Full names of all available scores, the deciding one first."""
        return tuple(dict.fromkeys(family.metric for family in self.families))

    def arm(self, name: str) -> ArmResults:
        """The arm of this name; KeyError if there is none."""
        return {arm.name: arm for arm in self.arms}[name]

    def summary(self, arm: str, metric: str) -> Summary | None:
        """One arm's scores by themselves; None before a run of it ended."""
        comparisons = [family.comparison for family in self.families if family.metric == metric]
        return next((s for c in comparisons for s in c.summaries if s.name == arm), None)

    def comparison(self, arm: str, metric: str) -> ArmComparison | None:
        """One arm against the arm it is compared with; None for the base, and before a run of
        both has ended."""
        comparisons = [family.comparison for family in self.families if family.metric == metric]
        return next((a for c in comparisons for a in c.arms if a.name == arm), None)

    def __repr__(self) -> str:
        """Short: how many runs ended, and the recommendation."""
        ended = sum(len(arm.outcomes) for arm in self.arms)
        runs = f"{ended} of {format_count(ended + len(self.missing), 'run')}"
        advice = f"; {self.recommendation}" if self.recommendation else ""
        return f"StudyResults({self.directory.path}: {runs} ended{advice})"

    def _repr_html_(self) -> str:
        rows = [self._html_row(arm) for arm in self.arms]
        headings = ("arm", self.deciding, "against", "verdict", "failures", "images/s")
        return notebook.table(headings, rows) + notebook.paragraph(self.recommendation)

    def _html_row(self, arm: ArmResults) -> tuple[str, ...]:
        comparison = self.comparison(arm.name, self.deciding)
        summary, score = self.summary(arm.name, self.deciding), ""
        if summary is not None and summary.mean is not None:
            score = f"{format_number(summary.mean, 3)} {format_interval(summary.interval)}"
        return (
            arm.name,
            score,
            arm.against if comparison is not None else "",
            comparison.verdict if comparison is not None else "",
            f"{len(arm.failures)} of {len(arm.outcomes)}",
            "" if arm.cost is None else f"{arm.cost.images_per_second:,.0f}",
        )

    def to_json(self) -> dict[str, Any]:
        """The content of results.json."""
        return {
            "arms": [self._arm_table(arm) for arm in self.arms],
            "recommendation": self.recommendation,
            "deciding": self.deciding,
            "quality": self.quality,
            "seeds": self.study.seeds,
            "missing": [{"arm": arm, "seed": seed} for arm, seed in self.missing],
            "families": [
                {
                    "metric": family.metric,
                    "against": family.base,
                    "scale": family.comparison.scale,
                    "floor": family.floor,
                    "pareto": list(family.comparison.pareto),
                    "recommendation": family.comparison.recommendation,
                }
                for family in self.families
            ],
        }

    def _arm_table(self, arm: ArmResults) -> dict[str, Any]:
        metrics = {}
        for metric in self.metrics:
            comparison = self.comparison(arm.name, metric)
            metrics[metric] = {
                "scores": {seed: run.scores.get(metric) for seed, run in arm.outcomes.items()},
                **(_table(self.summary(arm.name, metric)) or {}),
                "against": _table(comparison),
            }
        deciding = self.comparison(arm.name, self.deciding)
        return {
            "name": arm.name,
            "runs": len(arm.outcomes),
            "failures": {seed: run.describe() for seed, run in sorted(arm.failures.items())},
            "metrics": metrics,
            "verdict": None if deciding is None else deciding.verdict,
            "against": arm.against,
            "changes": arm.changes,
            "images": arm.images,
            "cost": _table(arm.cost),
            "to_quality_images": _table(arm.to_quality_images),
            "to_quality_seconds": _table(arm.to_quality_seconds),
        }


def _table(value: Any) -> dict[str, Any] | None:
    """A dataclass as plain values; None stays None."""
    return None if value is None else asdict(value)


def read_results(path: Path | str) -> StudyResults:
    """The results of a study directory, whatever is still missing.

    Raises:
        RunError: it is not a study, or of another format, or one of its files is damaged.
    """
    directory = StudyDirectory.open(path)
    study, plan, outcomes = directory.study, directory.plan, directory.outcomes()
    by_arm: dict[str, dict[int, Outcome]] = {arm.name: {} for arm in study.all_arms}
    for (name, seed), outcome in sorted(outcomes.items()):
        by_arm[name][seed] = outcome
    base, (deciding, *others) = study.base.name, study.scores
    quality = study.quality
    if quality is None:
        quality = median_final_score(by_arm[base].values())
    available = {metric for outcome in outcomes.values() for metric in outcome.scores}
    families = tuple(
        compare_family(directory, by_arm, metric, family_base, arms)
        for metric in [deciding, *(metric for metric in others if metric in available)]
        for family_base, arms in study.families().items()
        if by_arm[family_base]
    )
    first = next((f for f in families if (f.metric, f.base) == (deciding, base)), None)
    return StudyResults(
        directory=directory,
        study=study,
        plan=plan,
        arms=tuple(
            arm_results(directory, arm, by_arm[arm.name], quality) for arm in study.all_arms
        ),
        families=families,
        deciding=deciding,
        quality=quality,
        recommendation=first.comparison.recommendation if first and first.comparison.arms else "",
    )


def write_results(path: Path | str) -> StudyResults:
    """Read the results of a study, and write them into its results.json."""
    results = read_results(path)
    json_files.write_json(results.directory.results_file, results.to_json())
    return results


def compare_family(
    directory: StudyDirectory,
    by_arm: Mapping[str, Outcomes],
    metric: str,
    base: str,
    arms: Sequence[Arm],
) -> Family:
    """The comparison of a family by one score. At least one run of its base has ended."""

    def scores_of(name: str) -> ArmScores:
        # The cost: seconds for the base's images; in a study by time, the time that all had.
        seconds = directory.study.time
        cost = median_cost(by_arm[name].values())
        if seconds is None and cost is not None:
            seconds = directory.plan.images[base] / cost.images_per_second
        return arm_scores(name, by_arm[name], metric, seconds)

    outcomes = [outcome for by_seed in by_arm.values() for outcome in by_seed.values()]
    floors = [outcome.floors[metric] for outcome in outcomes if metric in outcome.floors]
    better = more_is_better(metric)
    others = [scores_of(arm.name) for arm in arms if by_arm[arm.name]]
    return Family(
        metric=metric,
        base=base,
        more_is_better=better,
        floor=median(floors) if floors else None,
        comparison=compare_metric(
            scores_of(base), others, more_is_better=better, scale=scale_of(metric)
        ),
    )


def arm_scores(name: str, outcomes: Outcomes, metric: str, cost: float | None) -> ArmScores:
    """The scores and failures of one arm, as the statistics take them."""
    runs: dict[int, float | Failure] = {}
    for seed, outcome in sorted(outcomes.items()):
        score = outcome.scores.get(metric, math.nan)
        if outcome.failed:
            runs[seed] = Failure(outcome.describe())
        elif math.isfinite(score):
            runs[seed] = score
        else:
            runs[seed] = Failure(f"{metric} could not be computed")
    return ArmScores(name, runs, cost)


def median_cost(outcomes: Iterable[Outcome]) -> Cost | None:
    """Medians over the runs that trained, failed ones included; None if none trained."""
    costs = [run.cost for run in outcomes if run.cost is not None and run.cost.images_per_second]
    if not costs:
        return None
    return Cost(
        training_seconds=median(cost.training_seconds for cost in costs),
        images_per_second=median(cost.images_per_second for cost in costs),
        memory_mb=median(cost.memory_mb for cost in costs),
        generator_weights=costs[0].generator_weights,
        discriminator_weights=costs[0].discriminator_weights,
        generator_bytes=max(cost.generator_bytes for cost in costs),
    )


def median_final_score(outcomes: Iterable[Outcome]) -> float | None:
    """The median over runs of the last score while training; None without any."""
    finals = [outcome.score_curve[-1].value for outcome in outcomes if outcome.score_curve]
    return median(finals) if finals else None


def arm_results(
    directory: StudyDirectory, arm: Arm, outcomes: dict[int, Outcome], quality: float | None
) -> ArmResults:
    """One arm by itself."""
    study = directory.study
    images = seconds = None
    if quality is not None and outcomes and study.evaluation_count:
        better = more_is_better(study.scores[0])
        observations = [observe_quality(run, quality, better) for run in outcomes.values()]
        images, seconds = (time_to_quality(runs) for runs in zip(*observations, strict=True))
    return ArmResults(
        name=arm.name,
        against=arm.against,
        changes=study.changes(arm.name),
        images=directory.plan.images[arm.name],
        outcomes=outcomes,
        missing=tuple(seed for seed in range(study.seeds) if seed not in outcomes),
        cost=median_cost(outcomes.values()),
        to_quality_images=images,
        to_quality_seconds=seconds,
    )


def observe_quality(
    outcome: Outcome, quality: float, better: bool
) -> tuple[RunObservation, RunObservation]:
    """When a run first had the quality, in images seen and in seconds of training."""
    sign = 1 if better else -1
    curve = [(point.images_seen, point.seconds) for point in outcome.score_curve]
    good = [sign * (point.value - quality) >= 0 for point in outcome.score_curve]
    reached = curve[good.index(True)] if any(good) else (None, None)
    seconds = outcome.cost.training_seconds if outcome.cost is not None else 0.0
    ended = [max(ends) for ends in zip(*curve, (outcome.images_seen, seconds), strict=True)]
    images, time = (
        RunObservation(at, end, outcome.failed) for at, end in zip(reached, ended, strict=True)
    )
    return images, time
