"""A score: a value that describes generated images, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ganvas.metrics.names import more_is_better
from ganvas.storage import to_plain

MeasurementConfig = dict[str, Any]
"""How a score was measured: sample counts, split, resize, features, checkpoint, seed."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measured value of one checkpoint.

    metric: full name, with the features: fd-lite0.
    value: in the unit of the metric.
    interval: 95 %, over new draws of the samples; `protocol` says how it was computed.
    floor: the score of other real images at the same sample counts; no generator can honestly be
        better.
    protocol: only scores with equal protocols can be compared.
    warnings: why the value may be unreliable.
    details: further values, such as the spread over subsets.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    floor: float
    protocol: MeasurementConfig
    warnings: tuple[str, ...] = ()
    details: dict[str, float] = field(default_factory=dict)

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value means better samples."""
        return more_is_better(self.metric)

    def to_json(self) -> dict[str, Any]:
        """JSON types, as in `ganvas evaluate --json` and scores.jsonl."""
        return to_plain(self)
