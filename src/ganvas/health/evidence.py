"""What the rules look at: a run's history, its recipe and its scores, however broken they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from ganvas.health.columns import MISSING, NO_RULE_READS
from ganvas.health.thresholds import Thresholds
from ganvas.metrics.names import parse_metrics
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import extremes, value_at, with_budget

Record = dict[str, Any]
"""A line of history.jsonl: images_seen and numbers by name."""

Player = Literal["generator", "discriminator"]

MOST_IMAGES = 10**15
"""More were never seen; beyond 2^53 a float no longer counts them."""

LARGEST = 1e100
"""Beyond it numbers say no more, and sums of them may overflow."""


@dataclass(frozen=True)
class Scored:
    """One evaluation while training.

    half_width: of the score's interval; a smaller difference is no gain.
    """

    images: int
    value: float
    half_width: float


@dataclass(frozen=True)
class Evidence:
    """Everything that rules may look at. Nothing in it needs to be whole.

    records: all of history.jsonl, oldest first.
    recipe: the run's.
    training_images: how many different images are trained on; None where it is not known.
    scores: all of scores.jsonl.
    stopped: why training stopped by itself (the reason in the status of a diverged run); else "".
    thresholds: what rules compare with.
    """

    records: tuple[Record, ...]
    recipe: Recipe
    training_images: int | None = None
    scores: tuple[Record, ...] = ()
    stopped: str = ""
    thresholds: Thresholds = field(default_factory=Thresholds)

    @cached_property
    def judged(self) -> tuple[Record, ...]:
        """The records that count: readable ones, since images seen last went back.

        Of several at the same images, which a resumed run can leave, the last.
        """
        kept: list[Record] = []
        last = -1
        for record in self.records:
            seen = images_seen(record)
            if seen is None:
                continue
            if seen < last:
                kept.clear()
            elif seen == last:
                kept.pop()
            kept.append(record)
            last = seen
        # Training that stops before its first record still has something to tell.
        return tuple(kept or ({"images_seen": 0},) if self.stopped else kept)

    @cached_property
    def probed(self) -> tuple[Record, ...]:
        """The judged records that hold a look at health."""
        return tuple(record for record in self.judged if is_probed(record))

    @cached_property
    def looks(self) -> tuple[int, ...]:
        """Which of the judged records rules look at: the probed ones, or all if none is probed.

        A record without probes shows half of the picture: what it lacks would look healed.
        """
        found = tuple(index for index, record in enumerate(self.judged) if is_probed(record))
        return found or tuple(range(len(self.judged)))

    @cached_property
    def scored(self) -> tuple[Scored, ...]:
        """The evaluations while training, by the metric that decides which checkpoint is best."""
        found = (read_score(record, self.deciding_metric) for record in self.scores)
        scores = (score for score in found if score is not None)
        return tuple(sorted(scores, key=lambda score: score.images))

    @property
    def deciding_metric(self) -> str:
        """The full name of the first score that is measured while training."""
        first = parse_metrics(self.recipe.evaluation.metrics)[0]
        return first.full_name(first.scores[0])

    def column(self, name: str) -> list[tuple[int, float]]:
        """(images seen, value) wherever the judged records hold this number."""
        found = ((record["images_seen"], number(record.get(name))) for record in self.judged)
        return [(int(seen), value) for seen, value in found if value is not None]

    def latest(self, name: str) -> float | None:
        """The newest value of a column; None where there is none."""
        for record in reversed(self.judged):
            value = number(record.get(name))
            if value is not None:
                return value
        return None

    def generator_steps(self, images: int) -> float:
        """How many updates the generator had after this many images."""
        return images / (self.recipe.batch * self.recipe.discriminator_steps)

    def rate_left(self, player: Player, images: int) -> float:
        """The learning rate after this many images, as a share of its schedule's largest."""
        schedule = with_budget(getattr(self.recipe, player).learning_rate, self.recipe.images)
        return value_at(schedule, images) / extremes(schedule)[1]


def number(value: object) -> float | None:
    """A finite number as a float, at most `LARGEST` in size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(max(-LARGEST, min(LARGEST, value)))


def images_seen(record: object) -> int | None:
    """Images seen at a record; None where it is no record."""
    seen = number(record.get("images_seen")) if isinstance(record, dict) else None
    return int(seen) if seen is not None and 0 <= seen < MOST_IMAGES else None


def read_score(record: object, metric: str) -> Scored | None:
    """A line of scores.jsonl; None where it is no evaluation while training by this metric."""
    if not isinstance(record, dict) or record.get("metric") != metric:
        return None
    seen, value = images_seen(record), number(record.get("value"))
    if seen is None or value is None or record.get("while_training") is not True:
        return None
    interval = record.get("interval")
    ends = [number(end) for end in interval] if isinstance(interval, list | tuple) else []
    known = [end for end in ends if end is not None]
    half_width = (max(known) - min(known)) / 2 if len(known) == 2 else 0.0
    return Scored(seen, value, half_width)


def is_probed(record: Record) -> bool:
    """Whether a look at health was taken here."""
    return any(isinstance(name, str) and name.startswith("probe/") for name in record)


def missing_probes(record: Record) -> dict[str, str]:
    """Probes that could not be taken at a record, with their reasons."""
    found = record.get(MISSING)
    return {str(name): str(why) for name, why in found.items()} if isinstance(found, dict) else {}


def reservations(evidence: Evidence) -> tuple[str, ...]:
    """What makes a verdict on this history less than certain, one sentence each."""
    records, judged, probed = evidence.records, evidence.judged, evidence.probed
    readable = [seen for seen in map(images_seen, records) if seen is not None]
    said = []
    if len(readable) < len(records):
        lost = len(records) - len(readable)
        said.append(f"{lost} of {len(records)} records could not be read and were left out.")
    backwards = sum(now < before for before, now in pairwise(readable))
    if backwards:
        said.append(
            f"Images seen go back {backwards} times, as in a history of several runs; only the "
            f"{len(judged)} records since the last time are judged."
        )
    if not judged:
        said.append("There is no history yet, so nothing can be told.")
    elif not probed and evidence.recipe.intervals.probes == 0:
        said.append("No probes were taken (intervals.probes is 0): most rules cannot look.")
    elif not probed:
        said.append("No probes were taken yet: most rules cannot look.")
    elif len(probed) < evidence.thresholds.patience:
        said.append("There is only one look so far: anything but an extreme goes unseen.")
    missing = missing_probes(probed[-1]) if probed else {}
    missing = {name: why for name, why in missing.items() if not name.startswith(NO_RULE_READS)}
    if missing:
        reasons = "; ".join(f"{name}: {why}" for name, why in missing.items())
        said.append(f"At the last look some probes could not be taken ({reasons}).")
    return tuple(said)
