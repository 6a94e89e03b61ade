"""What every metric returns: a number, how sure it is, and what one must know to believe it."""

from __future__ import annotations

from dataclasses import dataclass, field

LEVEL = 0.95
"""The confidence level of every interval."""

QUANTILE = 1.959963984540054
"""How many standard errors a two-sided normal interval of this level reaches to each side."""


@dataclass(frozen=True)
class Estimate:
    """One measured number.

    value: in the metric's own unit.
    interval: low and high end at the level `LEVEL`, over new draws of the samples.
    method: how the interval was made, in a few words.
    warnings: what makes the number hard to believe, one sentence each.
    details: further numbers by name, e.g. the spread over subsets.
    """

    value: float
    interval: tuple[float, float]
    method: str
    warnings: tuple[str, ...] = ()
    details: dict[str, float] = field(default_factory=dict)


def normal_interval(value: float, standard_error: float) -> tuple[float, float]:
    """value -+ 1.96 standard errors."""
    reach = QUANTILE * standard_error
    return (value - reach, value + reach)


def students_interval(value: float, standard_error: float, degrees: int) -> tuple[float, float]:
    """The same where the standard error was itself estimated, with few degrees of freedom."""
    from scipy.stats import t

    reach = float(t.ppf((1 + LEVEL) / 2, degrees)) * standard_error
    return (value - reach, value + reach)


def proportion(hits: int, of: int, warnings: tuple[str, ...] = ()) -> Estimate:
    """A share of independent draws, with the interval of Wilson (1927), which stays in [0, 1]."""
    from scipy.stats import binomtest

    interval = binomtest(hits, of).proportion_ci(LEVEL, method="wilson")
    low, high = float(interval.low), float(interval.high)
    return Estimate(hits / of, (low, high), "Wilson", warnings)
