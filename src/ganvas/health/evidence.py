"""What the rules read: a run's history, recipe and scores, even where files are damaged."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from ganvas.health.columns import MISSING, NO_RULE_READS
from ganvas.health.thresholds import Thresholds
from ganvas.metrics.names import parse_metrics
from ganvas.networks import Role
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import extremes, value_at, with_budget

Record = dict[str, Any]
"""A line of history.jsonl: images_seen and numbers by name."""

MAX_IMAGES = 10**15
"""No run sees more; beyond 2^53 a float cannot count images exactly."""

MAX_VALUE = 1e100
"""Numbers are cut off here, so that sums of them do not overflow."""


@dataclass(frozen=True)
class TrainingScore:
    """One evaluation while training.

    half_width: of the score's confidence interval; a smaller difference is no improvement.
    """

    images: int
    value: float
    half_width: float


@dataclass(frozen=True)
class Evidence:
    """Everything that rules read. Any part may be incomplete or damaged.

    records: all of history.jsonl, oldest first.
    recipe: the run's.
    training_images: how many different images are trained on; None where it is not known.
    scores: all of scores.jsonl.
    stopped: why training stopped by itself (the reason in the status of a diverged run); else "".
    thresholds: the limits that rules compare with.
    held_out_images: how many images are held out; None where it is not known.
    """

    records: tuple[Record, ...]
    recipe: Recipe
    training_images: int | None = None
    scores: tuple[Record, ...] = ()
    stopped: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)
    held_out_images: int | None = None

    @cached_property
    def valid_records(self) -> tuple[Record, ...]:
        """The readable records since images_seen last decreased.

        Of several with the same images_seen, which a resumed run can leave, the last.
        """
        valid: list[Record] = []
        last = -1
        for record in self.records:
            seen = images_seen(record)
            if seen is None:
                continue
            if seen < last:
                valid.clear()
            elif seen == last:
                valid.pop()
            valid.append(record)
            last = seen
        # A run that diverged before its first record still gets a finding.
        return tuple(valid or ({"images_seen": 0},) if self.stopped else valid)

    @cached_property
    def probed(self) -> tuple[Record, ...]:
        """The valid records that hold probes."""
        return tuple(record for record in self.valid_records if is_probed(record))

    @cached_property
    def evaluated_indices(self) -> tuple[int, ...]:
        """The valid records that rules evaluate: the probed ones, or all if none is probed.

        Records without probes are skipped: without those numbers a symptom would seem to be over.
        """
        probed = tuple(i for i, record in enumerate(self.valid_records) if is_probed(record))
        return probed or tuple(range(len(self.valid_records)))

    @cached_property
    def training_scores(self) -> tuple[TrainingScore, ...]:
        """The evaluations while training, by the metric that selects the best checkpoint."""
        scores = (read_score(record, self.selection_metric) for record in self.scores)
        valid = (score for score in scores if score is not None)
        return tuple(sorted(valid, key=lambda score: score.images))

    @property
    def selection_metric(self) -> str:
        """The full name of the first score that is measured while training."""
        first = parse_metrics(self.recipe.evaluation.metrics)[0]
        return first.full_name(first.scores[0])

    def column(self, name: str) -> list[tuple[int, float]]:
        """(images seen, value) of every valid record that holds this number."""
        values = ((r["images_seen"], finite_number(r.get(name))) for r in self.valid_records)
        return [(int(seen), value) for seen, value in values if value is not None]

    def latest(self, name: str) -> float | None:
        """The newest value of a column; None where there is none."""
        for record in reversed(self.valid_records):
            value = finite_number(record.get(name))
            if value is not None:
                return value
        return None

    def generator_steps(self, images: int) -> float:
        """Updates of the generator after this many images."""
        return images / self.recipe.images_per_step

    def learning_rate_fraction(self, player: Role, images: int) -> float:
        """The learning rate after this many images, as a fraction of its schedule's largest."""
        schedule = with_budget(getattr(self.recipe, player).learning_rate, self.recipe.images)
        return value_at(schedule, images) / extremes(schedule)[1]


def finite_number(value: object) -> float | None:
    """A finite number as a float, at most `MAX_VALUE` in size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(max(-MAX_VALUE, min(MAX_VALUE, value)))


def images_seen(record: object) -> int | None:
    """Images seen at a record; None where it is no valid record."""
    seen = finite_number(record.get("images_seen")) if isinstance(record, dict) else None
    return int(seen) if seen is not None and 0 <= seen < MAX_IMAGES else None


def read_score(record: object, metric: str) -> TrainingScore | None:
    """A line of scores.jsonl; None where it is no evaluation while training by this metric."""
    if not isinstance(record, dict) or record.get("metric") != metric:
        return None
    seen, value = images_seen(record), finite_number(record.get("value"))
    if seen is None or value is None or record.get("while_training") is not True:
        return None
    interval = record.get("interval")
    ends = [finite_number(end) for end in interval] if isinstance(interval, list | tuple) else []
    known = [end for end in ends if end is not None]
    half_width = (max(known) - min(known)) / 2 if len(known) == 2 else 0.0
    return TrainingScore(seen, value, half_width)


def is_probed(record: Record) -> bool:
    """Whether a record holds probes."""
    return any(isinstance(name, str) and name.startswith("probe/") for name in record)


def missing_probes(record: Record) -> dict[str, str]:
    """The probes that failed at a record, with their reasons."""
    missing = record.get(MISSING)
    return {str(k): str(why) for k, why in missing.items()} if isinstance(missing, dict) else {}


def caveats(evidence: Evidence) -> tuple[str, ...]:
    """Why a health status of this history is uncertain, one sentence each."""
    records, valid, probed = evidence.records, evidence.valid_records, evidence.probed
    readable = [seen for seen in map(images_seen, records) if seen is not None]
    sentences = []
    if len(readable) < len(records):
        lost = len(records) - len(readable)
        sentences.append(f"{lost} of {len(records)} records could not be read and were left out.")
    decreases = sum(now < before for before, now in pairwise(readable))
    if decreases:
        sentences.append(
            f"Images seen decrease {decreases} times, as in a history of several runs; only the "
            f"{len(valid)} records since the last decrease are used."
        )
    if not valid:
        sentences.append("There is no history yet, so nothing can be diagnosed.")
    elif not probed and evidence.recipe.intervals.probes == 0:
        sentences.append(
            "No probes were taken (intervals.probes is 0): most rules cannot be evaluated."
        )
    elif not probed:
        sentences.append("No probes were taken yet: most rules cannot be evaluated.")
    elif len(probed) < evidence.thresholds.patience:
        sentences.append("There is only one probed record so far: only extreme values are found.")
    missing = missing_probes(probed[-1]) if probed else {}
    missing = {name: why for name, why in missing.items() if not name.startswith(NO_RULE_READS)}
    if missing:
        reasons = "; ".join(f"{name}: {why}" for name, why in missing.items())
        sentences.append(f"At the last probes some failed ({reasons}).")
    return tuple(sentences)
