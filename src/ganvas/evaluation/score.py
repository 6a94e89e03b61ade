"""A score: a number about generated images, with everything that one must know to believe it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ganvas.metrics.names import more_is_better

Protocol = dict[str, Any]
"""How a number came about: sample counts, split, resize, features, checkpoint, seed."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measured number of one checkpoint.

    metric: full name, with the features: fd-lite0.
    value: in the metric's own unit.
    interval: 95 %, over new draws of the samples; `protocol` says how it was made.
    floor: what real images score against other real images at the same sample counts; no generator
        can honestly do better.
    protocol: two scores can be compared only where it is the same.
    warnings: what makes the number hard to believe.
    details: further numbers, such as the spread over subsets.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    floor: float
    protocol: Protocol
    warnings: tuple[str, ...] = ()
    details: dict[str, float] = field(default_factory=dict)

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value means better samples."""
        return more_is_better(self.metric)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `ganvas evaluate --json` prints them and scores.jsonl keeps them."""
        return {**asdict(self), "interval": list(self.interval), "warnings": list(self.warnings)}
