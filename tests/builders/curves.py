"""Truncation curves with given scores, measured nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.evaluation.score import Score
from ganvas.evaluation.truncation_points import SCORES, Point, TruncationCurve


def point(truncation: float, keep: float, **values: float) -> Point:
    """A point whose scores have these values, else 0.5; intervals reach 0.05 to both sides."""
    scores = [
        Score(
            metric=f"{name}-lite0",
            value=values.get(name, 0.5),
            interval=(values.get(name, 0.5) - 0.05, values.get(name, 0.5) + 0.05),
            floor=100 if name == "fd" else 0.9,
            protocol={},
        )
        for name in SCORES
    ]
    return Point(truncation, keep, tuple(scores))


def curve(points: Sequence[Point], chosen: Point | None = None) -> TruncationCurve:
    """A curve of these points; chosen is the last of them if none is named."""
    protocol = {"samples": 1_000}
    return TruncationCurve(tuple(points), chosen or points[-1], "z", "lite0", protocol)
