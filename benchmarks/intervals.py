"""Means and changes over seeds, with 95 % intervals, as the tables of results write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganvas.studies.statistics import interval_of_mean, paired_ratio


def interval(values: list[float]) -> str:
    """`512 [500, 524]`; the mean alone of fewer values than an interval needs."""
    mean, (ends, _) = float(np.mean(values)), interval_of_mean(np.array(values))
    digits = 0 if abs(mean) >= 10 else 2
    if ends is None:
        return f"{mean:,.{digits}f}"
    return f"{mean:,.{digits}f} [{ends[0]:,.{digits}f}, {ends[1]:,.{digits}f}]"


def change(
    base: Mapping[int, Mapping[str, Any]], runs: Mapping[int, Mapping[str, Any]], score: str
) -> str:
    """`-12 % [-20, -4]` of a score, which is above 0, by pairs of the same seed."""
    seeds = sorted(base.keys() & runs.keys())
    ours, theirs = (np.array([group[seed][score] for seed in seeds]) for group in (runs, base))
    effect = paired_ratio(theirs, ours) if seeds else None
    if effect is None:
        return ""
    text = f"{100 * (effect.value - 1):+.1f} %"
    if effect.interval is None:
        return text
    low, high = (100 * (end - 1) for end in effect.interval)
    return f"{text} [{low:+.1f}, {high:+.1f}]"
