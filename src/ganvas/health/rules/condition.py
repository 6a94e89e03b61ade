"""Conditions: numbers compared with limits, and how severe the result is.

A `LimitCheck` compares one number with one limit. A `Condition` is a set of checks that must all
fail, and what that means. Some of them only excuse the others: a diversity that is too low is no
symptom while it grows. A symptom may show in several ways: each is a condition, and the most severe
one counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal

from ganvas.formatting import format_number
from ganvas.health.advice import Remedy
from ganvas.health.evidence import Evidence, Record, finite_number
from ganvas.health.finding import Measurement
from ganvas.health.thresholds import Thresholds
from ganvas.recipes.recipe import Recipe

MAX_SEVERITY = 10.0
"""Severity is cut off here: a number that overflows says no more than one ten times too large."""

MAX_LOOKBACK = 200
"""Records that are searched for earlier values, so that the cost does not grow with the run."""

AVERAGED_RECORDS = 3
"""Records over which numbers are averaged that fluctuate in healthy runs too.

Each probe sees only a batch of images, so one value may be an accident. More records than three
would hide for longer that training changes.
"""

Side = Literal["above", "below"]


@dataclass(frozen=True)
class LimitCheck:
    """One number and the limit from which on it is abnormal.

    column: where the number comes from.
    origin: where distances are measured from: 0 for sizes and ratios, 1 for fractions that come
        too close to 1, 0.5 for an AUC that should be chance.
    abnormal: on which side of the limit the number is abnormal.
    log_scale: whether severity counts factors of ten, as it should for gradients.
    excuse: why the other numbers of a condition are no symptom while this one is normal, as a
        clause; empty where this number is part of what is wrong.
    """

    column: str
    value: float
    limit: float
    origin: float = 0.0
    abnormal: Side = "above"
    log_scale: bool = False
    excuse: str = ""

    @property
    def severity(self) -> float:
        """How abnormal the number is, 0 to 10: 1 at the limit, 2 at twice its distance from origin.

        Where numbers near the origin are abnormal, 2 at half that distance. With `log_scale`, 2 at
        a factor of ten past the limit.
        """
        outward = (self.abnormal == "above") == (self.limit > self.origin)
        sign = -1.0 if self.limit < self.origin else 1.0
        distance = max(0.0, sign * (self.value - self.origin))
        allowed = abs(self.limit - self.origin)
        ratio = divide(distance, allowed) if outward else divide(allowed, distance)
        if self.log_scale:
            ratio = 1 + math.log10(ratio) if ratio > 0 else 0.0
        return min(max(0.0, ratio), MAX_SEVERITY)

    @property
    def measurement(self) -> Measurement:
        """The number and the normal range, for a finding."""
        normal = "below" if self.abnormal == "above" else "above"
        return Measurement(self.column, self.value, f"{normal} {format_number(self.limit, 3)}")


@dataclass(frozen=True)
class Condition:
    """Checks that show a symptom together; as severe as the least severe of them.

    meaning: one sentence.
    remedies: what may help, the most useful first.
    additional: numbers that the finding shows but that decide nothing.
    since: images seen at the onset, where that is not when the condition first held.
    is_certain: whether there is no doubt, whatever the checks say.
    at_most_watch: whether the verdict is never worse than "watch".
    excuses: which numbers would be suspicious and why they are not, one sentence each.
    """

    meaning: str
    checks: tuple[LimitCheck, ...]
    remedies: tuple[Remedy, ...]
    additional: tuple[Measurement, ...] = ()
    since: int | None = None
    is_certain: bool = False
    at_most_watch: bool = False
    excuses: tuple[str, ...] = ()

    @property
    def severity(self) -> float:
        """0 to 10; the symptom is present from 1 on."""
        return MAX_SEVERITY if self.is_certain else min(check.severity for check in self.checks)

    @property
    def numbers(self) -> tuple[Measurement, ...]:
        """The numbers of a finding, each column once."""
        measurements = [*(check.measurement for check in self.checks), *self.additional]
        # Of two checks of one column, the first is shown.
        by_name = {measurement.name: measurement for measurement in reversed(measurements)}
        return tuple(by_name.values())[::-1]


def condition(
    meaning: str, remedies: tuple[Remedy, ...], *checks: LimitCheck | None
) -> Condition | None:
    """A condition of these checks; None where one of them has no number."""
    available = tuple(check for check in checks if check is not None)
    if not available or len(available) < len(checks):
        return None
    return Condition(meaning, available, remedies, excuses=excuses_of(available))


def excuses_of(checks: Sequence[LimitCheck]) -> tuple[str, ...]:
    """One sentence where all numbers are abnormal but those that excuse the others; else none."""
    suspicious = [check for check in checks if not check.excuse]
    excuses = dict.fromkeys(check.excuse for check in checks if check.excuse and check.severity < 1)
    if not excuses or any(check.severity < 1 for check in suspicious):
        return ()
    numbers = " and ".join(
        f"{number.name} of {number.value:.4g} (normal: {number.normal})"
        for number in (check.measurement for check in suspicious)
    )
    return (f"{numbers} would be suspicious, but {' and '.join(excuses)}",)


def most_severe(*conditions: Condition | None) -> Condition | None:
    """The most severe of several conditions, with the excuses of all; None where there is none."""
    available = [c for c in conditions if c is not None]
    if not available:
        return None
    excuses = tuple(excuse for c in available for excuse in c.excuses)
    return replace(max(available, key=lambda c: c.severity), excuses=excuses)


@dataclass(frozen=True)
class RuleInput:
    """What a rule evaluates: one record of the history, and those before it."""

    evidence: Evidence
    index: int
    """Into the evidence's valid records."""

    @property
    def record(self) -> Record:
        """The record that is evaluated."""
        return self.evidence.valid_records[self.index]

    @property
    def images_seen(self) -> int:
        """At this record."""
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
        """Updates of the generator until this record."""
        return self.evidence.generator_steps(self.images_seen)

    @property
    def is_last(self) -> bool:
        """Whether no later record is evaluated."""
        return self.index == self.evidence.evaluated_indices[-1]

    def value(self, column: str) -> float | None:
        """The number in this record; None where it is missing."""
        return finite_number(self.record.get(column))

    def before(self, column: str, count: int) -> list[float]:
        """The values of earlier records, newest first, at most `count`."""
        values: list[float] = []
        for index in range(self.index - 1, max(-1, self.index - MAX_LOOKBACK), -1):
            if len(values) == count:
                break
            value = finite_number(self.evidence.valid_records[index].get(column))
            if value is not None:
                values.append(value)
        return values

    def newest(self, column: str, count: int) -> list[float]:
        """This value and those before it, newest first, at most `count`; none without this one."""
        value = self.value(column)
        return [] if value is None else [value, *self.before(column, count - 1)]

    def mean(self, column: str, over: int) -> float | None:
        """The mean of the last `over` values, this one included; None where there are fewer."""
        values = self.newest(column, over)
        return fmean(values) if len(values) == over else None

    def medians(self, column: str) -> tuple[float, float] | None:
        """The median of the last `AVERAGED_RECORDS`, this one included, and of as many before.

        Of fewer where there are not so many; None without this value and an earlier one.
        """
        values = self.newest(column, 2 * AVERAGED_RECORDS)
        half = len(values) // 2
        return (median(values[:half]), median(values[half:])) if half else None

    def usual(self, column: str, at_least: int = 5, at_most: int = 50) -> float | None:
        """The median of the earlier values; None where there are fewer than `at_least`."""
        earlier = self.before(column, at_most)
        return median(earlier) if len(earlier) >= at_least else None

    def above(
        self,
        column: str,
        limit: float | None,
        origin: float = 0.0,
        *,
        log_scale: bool = False,
        over: int = 1,
        excuse: str = "",
    ) -> LimitCheck | None:
        """A check that is abnormal above the limit; None where a number is missing.

        Args:
            limit: None where it derives from a number that is missing.
            origin, log_scale, excuse: as in `LimitCheck`.
            over: how many of the last values are averaged first.
        """
        return self._check("above", column, limit, origin, log_scale, over, excuse)

    def below(
        self,
        column: str,
        limit: float | None,
        origin: float = 0.0,
        *,
        log_scale: bool = False,
        over: int = 1,
        excuse: str = "",
    ) -> LimitCheck | None:
        """A check that is abnormal below the limit; arguments as in `above`."""
        return self._check("below", column, limit, origin, log_scale, over, excuse)

    def _check(
        self,
        abnormal: Side,
        column: str,
        limit: float | None,
        origin: float,
        log_scale: bool,
        over: int,
        excuse: str,
    ) -> LimitCheck | None:
        value = self.mean(column, over)
        if value is None or limit is None or limit == origin:
            return None
        return LimitCheck(column, value, limit, origin, abnormal, log_scale, excuse)

    def growth(
        self, column: str, factor: float, least: float = 0.0, *, excuse: str, name: str = ""
    ) -> tuple[LimitCheck, ...]:
        """A check that excuses a symptom while a number grows; else nothing.

        Args:
            factor, least: it grows where the median of the newest records exceeds `factor` times
                that of as many before, plus `least` (`medians`).
            excuse: as in `LimitCheck`.
            name: what a finding calls the median, where it shows the newest value too.
        """
        medians = self.medians(column)
        if medians is None:
            return ()
        newest, older = medians
        limit = factor * older + least
        if newest <= limit:
            return ()
        return (LimitCheck(name or column, newest, limit, abnormal="below", excuse=excuse),)


def divide(numerator: float, denominator: float) -> float:
    """The quotient of two numbers of at least 0; infinite where the denominator is 0."""
    return numerator / denominator if denominator > 0 else math.inf
