"""What a rule sees at one moment: numbers beside their limits, as one strength.

A `Signal` is one number beside its limit, a `Sight` the signals that must all hold, and what they
mean together. Several ways to show one symptom are several sights, of which the strongest counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median

from ganvas.formatting import format_number
from ganvas.health.evidence import Evidence, Record, number
from ganvas.health.finding import Change, Measurement
from ganvas.health.thresholds import Thresholds
from ganvas.recipes.recipe import Recipe

STRONGEST = 10.0
"""No strength is above: numbers that overflow say no more than ones ten times too large."""

LOOKED_BACK = 200
"""Records that are searched for earlier values, so that a look costs the same in a long run."""

Remedy = Callable[[Recipe], Change | None]
"""What to change in a recipe; None where it has nothing to change (`health.advice`)."""


@dataclass(frozen=True)
class Signal:
    """One number beside the limit from which on it is alarming.

    column: where the number comes from.
    origin: where distances are measured from: 0 for sizes and ratios, 1 for a share that comes too
        close to 1, 0.5 for a rank that should be chance.
    nearer: whether it alarms by coming nearer to the origin than the limit; else by going farther.
    decades: whether strength counts factors of ten, as it should for gradients.
    """

    column: str
    value: float
    limit: float
    origin: float = 0.0
    nearer: bool = False
    decades: bool = False

    @property
    def strength(self) -> float:
        """How alarming it is, 0 to 10: 1 at the limit and 2 at twice the distance from the origin.

        Or at half of it, where `nearer`; or a factor of ten past the limit, where `decades`.
        """
        sign = -1.0 if self.limit < self.origin else 1.0
        distance = max(0.0, sign * (self.value - self.origin))
        allowed = abs(self.limit - self.origin)
        ratio = quotient(allowed, distance) if self.nearer else quotient(distance, allowed)
        if self.decades:
            ratio = 1 + math.log10(ratio) if ratio > 0 else 0.0
        return min(max(0.0, ratio), STRONGEST)

    @property
    def measurement(self) -> Measurement:
        """The number and what is normal, for a finding."""
        alarms_above = (self.limit > self.origin) != self.nearer
        side = "below" if alarms_above else "above"
        return Measurement(self.column, self.value, f"{side} {format_number(self.limit, 3)}")


@dataclass(frozen=True)
class Sight:
    """Signals that show a symptom together; as strong as the weakest.

    meaning: one sentence.
    remedies: what may help, the most useful first.
    beside: numbers that are shown but decide nothing.
    since: images seen at the onset, where that is not when the rule began to see it.
    certain: it is no matter of degree.
    mild: it is never more than a watch, however strong and lasting.
    """

    meaning: str
    signals: tuple[Signal, ...]
    remedies: tuple[Remedy, ...]
    beside: tuple[Measurement, ...] = ()
    since: int | None = None
    certain: bool = False
    mild: bool = False

    @property
    def strength(self) -> float:
        """0 to 10; the symptom is there from 1 on."""
        return STRONGEST if self.certain else min(signal.strength for signal in self.signals)

    @property
    def numbers(self) -> tuple[Measurement, ...]:
        """What it rests on, each column once."""
        shown = [*(signal.measurement for signal in self.signals), *self.beside]
        return tuple({measurement.name: measurement for measurement in reversed(shown)}.values())[
            ::-1
        ]


def sight(meaning: str, remedies: tuple[Remedy, ...], *signals: Signal | None) -> Sight | None:
    """The signals together; None where one of them could not be measured."""
    measured = tuple(signal for signal in signals if signal is not None)
    if not measured or len(measured) < len(signals):
        return None
    return Sight(meaning, measured, remedies)


def strongest(*sights: Sight | None) -> Sight | None:
    """The strongest of several ways to show a symptom; None where none could be looked for."""
    return max((s for s in sights if s is not None), key=lambda s: s.strength, default=None)


@dataclass(frozen=True)
class Moment:
    """One record of the history, with those before it."""

    evidence: Evidence
    index: int
    """Into the evidence's judged records."""

    @property
    def record(self) -> Record:
        """What was measured now."""
        return self.evidence.judged[self.index]

    @property
    def images_seen(self) -> int:
        """Where training stands."""
        return int(self.record["images_seen"])

    @property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.evidence.recipe

    @property
    def thresholds(self) -> Thresholds:
        """The limits in force."""
        return self.evidence.thresholds

    @property
    def steps(self) -> float:
        """How many updates the generator had."""
        return self.evidence.generator_steps(self.images_seen)

    @property
    def is_last(self) -> bool:
        """Whether no rule looks at a later one."""
        return self.index == self.evidence.looks[-1]

    def value(self, column: str) -> float | None:
        """What was measured now; None where it was not."""
        return number(self.record.get(column))

    def before(self, column: str, most: int) -> list[float]:
        """The values of earlier records, newest first, at most so many."""
        found: list[float] = []
        for index in range(self.index - 1, max(-1, self.index - LOOKED_BACK), -1):
            if len(found) == most:
                break
            value = number(self.evidence.judged[index].get(column))
            if value is not None:
                found.append(value)
        return found

    def mean(self, column: str, over: int) -> float | None:
        """The mean of the last values, this one included; None where there are not so many."""
        value = self.value(column)
        if value is None:
            return None
        values = [value, *self.before(column, over - 1)]
        return fmean(values) if len(values) == over else None

    def usual(self, column: str, fewest: int = 5, most: int = 50) -> float | None:
        """The median of the earlier values; None where there are fewer than `fewest`."""
        earlier = self.before(column, most)
        return median(earlier) if len(earlier) >= fewest else None

    def far(
        self,
        column: str,
        limit: float | None,
        origin: float = 0.0,
        *,
        decades: bool = False,
        over: int = 1,
    ) -> Signal | None:
        """Alarming by lying farther from the origin than the limit.

        Args:
            limit: None where it is taken from a number that is missing.
            over: the mean of so many values is compared.
        """
        value = self.mean(column, over)
        if value is None or limit is None or limit == origin:
            return None
        return Signal(column, value, limit, origin, decades=decades)

    def near(
        self,
        column: str,
        limit: float | None,
        origin: float = 0.0,
        *,
        decades: bool = False,
        over: int = 1,
    ) -> Signal | None:
        """Alarming by lying nearer to the origin than the limit; else as `far`."""
        value = self.mean(column, over)
        if value is None or limit is None or limit == origin:
            return None
        return Signal(column, value, limit, origin, nearer=True, decades=decades)


def quotient(above: float, below: float) -> float:
    """above / below, both at least 0; infinite where nothing is below."""
    return above / below if below > 0 else math.inf
