"""A finding: a symptom, the numbers that show it, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ganvas.errors import GanvasError
from ganvas.json_files import from_plain, to_plain
from ganvas.recipes.recipe import flag_of

HealthStatus = Literal["healthy", "watch", "failing", "too early to tell", "not judged"]

KEEPS_WEIGHTS = (
    "objective.loss",
    "objective.real_label",
    "objective.clip_weights",
    "objective.penalties.",
    "generator.regularisers.",
    "generator.learning_rate",
    "generator.beta",
    "discriminator.learning_rate",
    "discriminator.beta",
    "discriminator_steps",
    "data.flip",
    "data.dequantize",
    "augmentation",
    "label_strength",
    "ema_half_life",
    "ema_rampup",
    "batch",
    "generator_batch",
    "fresh_reals_for_generator",
    "precision",
    "images",
    "intervals.",
    "evaluation.",
)
"""Prefixes of the fields that can change without changing the shape of any weight."""


@dataclass(frozen=True)
class Measurement:
    """One number of the history, with the normal range.

    name: its column in history.jsonl, or the metric in scores.jsonl.
    normal: as text: `above 0.3`.
    """

    name: str
    value: float
    normal: str


@dataclass(frozen=True)
class Change:
    """One recipe field to set to another value, or several that help only together.

    field: with dots: discriminator.learning_rate.
    value: as on the command line: 2e-4, 200k, linear:2e-4:0; true or false for a switch.
    why: how it helps against the symptom, one clause.
    beside: changes of other fields that come with it.
    """

    field: str
    value: str
    why: str
    beside: tuple[Change, ...] = ()

    @property
    def parts(self) -> tuple[Change, ...]:
        """The change of each field by itself."""
        return (replace(self, beside=()), *self.beside)

    @property
    def flag(self) -> str:
        """The command line arguments: --discriminator.learning-rate 2e-4."""
        return " ".join(part.own_flag for part in self.parts)

    @property
    def own_flag(self) -> str:
        """That of its own field."""
        if self.value not in ("true", "false"):
            return f"{flag_of(self.field)} {self.value}"
        *parents, name = self.field.split(".")  # a switch has no value: --x or --no-x
        return flag_of(".".join([*parents, name if self.value == "true" else f"no_{name}"]))

    @property
    def keeps_weights(self) -> bool:
        """Whether training can continue from a checkpoint with it; else it needs a new run."""
        return all(part.field.startswith(KEEPS_WEIGHTS) for part in self.parts)


@dataclass(frozen=True)
class Finding:
    """A symptom that a run shows now, or showed at a recent probe.

    confidence: 0 to 1; `health.rules.rule` has the formula.
    since: images seen at the onset.
    numbers: the numbers that show it.
    meaning: one plain sentence; a second one while it is ending.
    advice: one to three changes of the run's recipe, the most useful first.
    paper: where the symptom is described.
    ending: it began, and by its newest values alone it would not; it is a "watch" until they have
        been normal for long enough.
    """

    symptom: str
    verdict: Literal["watch", "failing"]
    confidence: float
    since: int
    numbers: tuple[Measurement, ...]
    meaning: str
    advice: tuple[Change, ...]
    paper: str
    ending: bool = False

    def to_table(self) -> dict[str, Any]:
        """JSON types, as findings.jsonl holds them."""
        return to_plain(self)

    @classmethod
    def from_table(cls, table: object) -> Finding:
        """Read what `to_table` made. Unknown keys are ignored.

        Raises:
            GanvasError: a field is missing or has the wrong type.
        """
        try:
            return from_plain(cls, table)
        except ValueError as error:
            raise GanvasError(f"this is no finding of this version: {error}") from error


def describe_event(event: Mapping[str, Any]) -> str:
    """A record of findings.jsonl in one line: what began, got worse or ended, or a rewind."""
    symptom = event["symptom"]
    if event["event"] == "end":
        return f"over: {symptom}"
    if event["event"] == "rewind":
        return f"rewound to here from {event['failed_at']:,} images, because of {symptom}"
    try:
        finding = Finding.from_table(event)
    except GanvasError:  # written by a version whose findings have other fields
        return f"{event['verdict']}: {symptom}"
    return f"{finding.verdict}: {symptom}. {finding.meaning} Try {finding.advice[0].flag}"
