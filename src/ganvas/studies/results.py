"""From the files of a study, finished or not, to what it comes to. Reads alone; needs no torch.

`read_results(STUDY)` is what the command line's table, results.json and the report are made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ganvas import storage
from ganvas.metrics.names import more_is_better
from ganvas.studies.comparison import ArmComparison, Comparison, compare_metric
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Cost, Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.statistics import ArmScores, Failure, Summary, scale_of
from ganvas.studies.study import Arm, Study
from ganvas.studies.survival import RunObservation, TimeToQuality, time_to_quality


@dataclass(frozen=True)
class ArmResults:
    """One arm: what it was, how its runs ended, what they cost.

    changes: the fields in which it differs from `against`, with dots.
    images: the budget of each of its runs.
    outcomes: by seed, of the runs that ended; missing: the seeds of the others.
    cost: medians over the runs that trained; None without one.
    to_quality_images, to_quality_seconds: when the study's quality is reached, in images seen and
        in seconds of training; None without scores while training.
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
    """The arms that are compared with one of them, by one score.

    base: what the others are compared with; the first of `comparison.summaries`.
    floor: what real images score in place of samples; None while no run ended.
    """

    metric: str
    base: str
    more_is_better: bool
    floor: float | None
    comparison: Comparison


@dataclass(frozen=True)
class StudyResults:
    """All that a study comes to so far.

    directory: where it lies; also the way to its runs, its data and its environment.
    arms: the base first.
    families: by score, the deciding one first, and within it by what is compared with; without
        those whose base has no ended run yet.
    deciding: full name of the score that decides.
    quality: the deciding score whose reaching is timed; None without scores while training.
    recommendation: of the deciding score, among the arms compared with the base; empty without one.
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
    def missing(self) -> tuple[tuple[str, int], ...]:
        """Arm and seed of the runs that did not end yet."""
        return tuple((arm.name, seed) for arm in self.arms for seed in arm.missing)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Full names of all scores that there are, the deciding one first."""
        return tuple(dict.fromkeys(family.metric for family in self.families))

    def arm(self, name: str) -> ArmResults:
        """The arm of this name; KeyError without one."""
        return {arm.name: arm for arm in self.arms}[name]

    def summary(self, arm: str, metric: str) -> Summary | None:
        """One arm's scores by themselves; None while no run of it ended."""
        for family in self.families:
            for summary in family.comparison.summaries:
                if family.metric == metric and summary.name == arm:
                    return summary
        return None

    def comparison(self, arm: str, metric: str) -> ArmComparison | None:
        """One arm beside what it is compared with; None for the base, and while runs are missing
        on either side."""
        for family in self.families:
            for against in family.comparison.arms:
                if family.metric == metric and against.name == arm:
                    return against
        return None

    def to_json(self) -> dict[str, Any]:
        """What results.json holds."""
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
        decides = self.comparison(arm.name, self.deciding)
        metrics = {}
        for metric in self.metrics:
            summary, against = self.summary(arm.name, metric), self.comparison(arm.name, metric)
            scores = {seed: one.scores.get(metric) for seed, one in arm.outcomes.items()}
            metrics[metric] = {
                "scores": scores,
                **({} if summary is None else asdict(summary)),
                "against": None if against is None else asdict(against),
            }
        return {
            "name": arm.name,
            "runs": len(arm.outcomes),
            "failures": {seed: one.describe() for seed, one in sorted(arm.failures.items())},
            "metrics": metrics,
            "verdict": None if decides is None else decides.verdict,
            "against": arm.against,
            "changes": arm.changes,
            "images": arm.images,
            "cost": None if arm.cost is None else asdict(arm.cost),
            "to_quality_images": arm.to_quality_images and asdict(arm.to_quality_images),
            "to_quality_seconds": arm.to_quality_seconds and asdict(arm.to_quality_seconds),
        }


def read_results(path: Path | str) -> StudyResults:
    """What a study directory comes to, whatever is missing yet.

    Raises:
        RunError: it is no study, or of another format, or one of its files is damaged.
    """
    directory = StudyDirectory.open(path)
    study, plan, outcomes = directory.study, directory.plan, directory.outcomes()
    by_arm = {
        arm.name: {seed: one for (name, seed), one in outcomes.items() if name == arm.name}
        for arm in study.all_arms
    }
    deciding = study.scores[0]
    quality = study.quality
    if quality is None:
        quality = median_final_score(list(by_arm[study.base.name].values()))
    families = tuple(
        family
        for metric in scores_of(study, list(outcomes.values()))
        for base, arms in study.families().items()
        if (family := compare_family(study, plan, by_arm, metric, base, arms)) is not None
    )
    first = families[0] if families and families[0].metric == deciding else None
    return StudyResults(
        directory=directory,
        study=study,
        plan=plan,
        arms=tuple(
            arm_results(study, plan, arm, by_arm[arm.name], quality) for arm in study.all_arms
        ),
        families=families,
        deciding=deciding,
        quality=quality,
        recommendation=first.comparison.recommendation
        if first is not None and first.base == study.base.name and first.comparison.arms
        else "",
    )


def write_results(path: Path | str) -> StudyResults:
    """Read what a study comes to and leave it there as results.json."""
    results = read_results(path)
    storage.write_json(results.directory.results_file, results.to_json())
    return results


def scores_of(study: Study, outcomes: Sequence[Outcome]) -> list[str]:
    """The scores that were asked for and that at least one run has; the deciding one always."""
    found = {metric for outcome in outcomes for metric in outcome.scores}
    deciding, *others = study.scores
    return [deciding, *(metric for metric in others if metric in found)]


def compare_family(
    study: Study,
    plan: Plan,
    by_arm: dict[str, dict[int, Outcome]],
    metric: str,
    base: str,
    arms: Sequence[Arm],
) -> Family | None:
    """One comparison; None while no run of the base ended."""
    if not by_arm[base]:
        return None
    sides = [
        arm_scores(name, by_arm[name], metric, cost_for_pareto(study, plan, by_arm, base, name))
        for name in (base, *(arm.name for arm in arms))
        if by_arm[name]
    ]
    floors = [
        outcome.floors[metric]
        for outcomes in by_arm.values()
        for outcome in outcomes.values()
        if metric in outcome.floors
    ]
    better = more_is_better(metric)
    return Family(
        metric=metric,
        base=base,
        more_is_better=better,
        floor=median(floors) if floors else None,
        comparison=compare_metric(
            sides[0], sides[1:], more_is_better=better, scale=scale_of(metric)
        ),
    )


def arm_scores(
    name: str, outcomes: dict[int, Outcome], metric: str, cost: float | None
) -> ArmScores:
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


def cost_for_pareto(
    study: Study, plan: Plan, by_arm: dict[str, dict[int, Outcome]], base: str, name: str
) -> float | None:
    """Seconds for as many images as the base's budget; of a study by time the time itself, which
    all had alike."""
    if study.time is not None:
        return study.time
    cost = median_cost(list(by_arm[name].values()))
    return None if cost is None else plan.images[base] / cost.images_per_second


def median_cost(outcomes: Sequence[Outcome]) -> Cost | None:
    """Medians over the runs that trained; failed ones took what they took."""
    costs = [one.cost for one in outcomes if one.cost is not None and one.cost.images_per_second]
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


def median_final_score(outcomes: Sequence[Outcome]) -> float | None:
    """The median of the last score while training; None where there is none."""
    ends = [one.score_curve[-1].value for one in outcomes if one.score_curve]
    return median(ends) if ends else None


def arm_results(
    study: Study,
    plan: Plan,
    arm: Arm,
    outcomes: dict[int, Outcome],
    quality: float | None,
) -> ArmResults:
    """One arm by itself."""
    images = seconds = None
    if quality is not None and outcomes and study.evaluations:
        better = more_is_better(study.scores[0])
        watched = [watch(one, quality, better) for one in outcomes.values()]
        images = time_to_quality([in_images for in_images, _ in watched])
        seconds = time_to_quality([in_seconds for _, in_seconds in watched])
    return ArmResults(
        name=arm.name,
        against=arm.against,
        changes=study.changes(arm.name),
        images=plan.images[arm.name],
        outcomes=dict(sorted(outcomes.items())),
        missing=tuple(seed for seed in range(study.seeds) if seed not in outcomes),
        cost=median_cost(list(outcomes.values())),
        to_quality_images=images,
        to_quality_seconds=seconds,
    )


def watch(outcome: Outcome, quality: float, better: bool) -> tuple[RunObservation, RunObservation]:
    """When a run was first seen at the quality, in images and in seconds of training."""
    sign = 1 if better else -1
    there = [moment for moment in outcome.score_curve if sign * (moment.value - quality) >= 0]
    took = outcome.cost.training_seconds if outcome.cost is not None else 0.0
    ends = (
        max([outcome.images_seen, *(moment.images_seen for moment in outcome.score_curve)]),
        max([took, *(moment.seconds for moment in outcome.score_curve)]),
    )
    reached = (there[0].images_seen, there[0].seconds) if there else (None, None)
    images, seconds = (
        RunObservation(at, end, failed=outcome.failed)
        for at, end in zip(reached, ends, strict=True)
    )
    return images, seconds
