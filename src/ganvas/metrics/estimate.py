"""What every metric returns: a value, its confidence interval, and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field

LEVEL = 0.95
"""The confidence level of every interval."""

QUANTILE = 1.959963984540054
"""Half the width of a two-sided normal interval of this level, in standard errors."""


@dataclass(frozen=True)
class Estimate:
    """One measured value.

    value: in the unit of the metric.
    interval: lower and upper end at confidence level `LEVEL`, over new draws of the samples.
    method: how the interval was computed, in a few words.
    warnings: why the value may be unreliable, one sentence each.
    details: further values by name, e.g. the spread over subsets.
    notes: how to read the value, one sentence each; nothing is wrong with it.
    """

    value: float
    interval: tuple[float, float]
    method: str
    warnings: tuple[str, ...] = ()
    details: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def normal_interval(value: float, standard_error: float) -> tuple[float, float]:
    """value -+ 1.96 standard errors."""
    half_width = QUANTILE * standard_error
    return (value - half_width, value + half_width)


def students_interval(value: float, standard_error: float, degrees: int) -> tuple[float, float]:
    """Student's t interval, for a standard error with few degrees of freedom."""
    from scipy.stats import t

    half_width = float(t.ppf((1 + LEVEL) / 2, degrees)) * standard_error
    return (value - half_width, value + half_width)


def proportion(hits: int, of: int, warnings: tuple[str, ...] = ()) -> Estimate:
    """The fraction hits / of of independent draws, with Wilson's interval (1927), within [0, 1]."""
    from scipy.stats import binomtest

    interval = binomtest(hits, of).proportion_ci(LEVEL, method="wilson")
    low, high = float(interval.low), float(interval.high)
    return Estimate(hits / of, (low, high), "Wilson", warnings)
