"""How often, and with how many samples, the runs of a study are scored, where it does not say so.

Chosen once, when the study is planned, and stored with it: so every arm and every seed is scored
alike, on any machine, and also when the study is continued.
"""

from __future__ import annotations

from dataclasses import replace

from ganvas.data.prepared import PreparedData
from ganvas.data.stacking import is_stacked
from ganvas.evaluation.evaluate import STACKED_SAMPLES
from ganvas.evaluation.families import FAMILIES
from ganvas.metrics.names import parse_metrics
from ganvas.studies.plan import Plan
from ganvas.studies.study import EVALUATIONS, SAMPLES, SAMPLES_WHILE_TRAINING, Study

MOST_SCORING = 1 / 3
"""How much of a study's time may be for scores, unless it asks for more itself."""

CHOICES = (
    (EVALUATIONS, SAMPLES),
    (2, SAMPLES),
    (2, 2_000),
    (1, 2_000),
    (0, 2_000),
    (0, SAMPLES_WHILE_TRAINING),
)
"""Scores while training, and samples of the final scores: the first that takes little enough time.

Curves are given up before samples, because final scores decide. 2,000 samples are as many as a
first answer of `evaluate` takes; 1,000, as many as a score while training."""

SAMPLES_OF_A_LABEL = 50
"""Samples for each label, if a metric sees labels: more than twice what it needs, as labels are
drawn."""


def choose_scoring(study: Study, plan: Plan, data: PreparedData) -> tuple[Study, Plan]:
    """The study with its numbers of evaluations and samples, and the plan with the reason.

    What the study says itself stays.
    """
    if study.evaluations is not None and study.samples is not None:
        return study, plan
    possible = scoring_choices(study, data)
    fitting = [choice for choice in possible if plan.scoring_fraction(choice) <= MOST_SCORING]
    chosen = fitting[0] if fitting else possible[-1]
    if chosen == possible[0]:
        return chosen, plan
    reason = "fewer scores than usual, so that they take at most a third of the time"
    if not fitting:
        reason = "already the fewest scores, though they take more than a third of the time"
    return chosen, replace(plan, scoring_choice=f"{reason}. For more: {flags(study, possible[0])}")


def scoring_choices(study: Study, data: PreparedData) -> list[Study]:
    """The study with every choice that it leaves open, the most expensive first."""
    fewest = fewest_samples(study, data)
    curve = 1 if study.quality is not None else 0  # the time to a quality needs scores
    return [
        replace(
            study,
            evaluations=max(evaluations, curve) if study.evaluations is None else study.evaluations,
            samples=max(samples, fewest) if study.samples is None else study.samples,
        )
        for evaluations, samples in CHOICES
    ]


def fewest_samples(study: Study, data: PreparedData) -> int:
    """As many samples as all of the study's metrics need."""
    families = [FAMILIES[metric.family] for metric in parse_metrics(study.metrics)]
    counts = [family.fewest for family in families]
    if is_stacked(data.location):
        counts.append(STACKED_SAMPLES)
    if any(family.labels != "unseen" for family in families):
        counts.append(min(SAMPLES, SAMPLES_OF_A_LABEL * len(data.label_names)))
    return max(counts)


def flags(study: Study, most: Study) -> str:
    """The flags that ask for the most scores, where the study says nothing itself."""
    words = []
    if study.evaluations is None:
        words.append(f"--evaluations {most.evaluations}")
    if study.samples is None:
        words.append(f"--samples {most.sample_count}")
    return " ".join(words)
