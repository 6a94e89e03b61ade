"""A score: a value that describes generated images, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ganvas import notebook
from ganvas.formatting import format_interval, format_number
from ganvas.json_files import to_plain
from ganvas.metrics.names import more_is_better

MeasurementConfig = dict[str, Any]
"""How a score was measured: sample counts, split, resize, features, checkpoint, seed."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One measured value of one checkpoint.

    metric: full name, with the features: fd-lite0.
    value: in the unit of the metric.
    interval: 95 %, over new draws of the samples; `protocol` says how it was computed.
    floor: what other real images score in place of the samples, at the same counts; no generator
        can honestly be better.
    floor_interval: its interval; None in records of ganvas 0.2.
    protocol: only scores with equal protocols can be compared.
    warnings: why the value may be unreliable.
    details: further values, such as the spread over subsets.
    notes: how to read the value.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    floor: float
    floor_interval: tuple[float, float] | None = None
    protocol: MeasurementConfig
    warnings: tuple[str, ...] = ()
    details: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def more_is_better(self) -> bool:
        """Whether a larger value means better samples."""
        return more_is_better(self.metric)

    @property
    def real(self) -> str:
        """What the samples are compared with, in words: real images, or real points."""
        return "real points" if self.protocol.get("size") == "1x1" else "real images"

    def __repr__(self) -> str:
        """Short: the protocol alone would fill a screen."""
        value, floor = format_number(self.value), format_number(self.floor)
        return f"Score({self.metric} {value} {format_interval(self.interval)}, {self.real} {floor})"

    def _repr_html_(self) -> str:
        return Scores([self])._repr_html_()

    def to_json(self) -> dict[str, Any]:
        """JSON types, as in `ganvas evaluate --json` and scores.jsonl."""
        return to_plain(self)


class Scores(list[Score]):
    """The scores of one evaluation: a list, which a notebook shows as a table."""

    def _repr_html_(self) -> str:
        rows = [
            (
                score.metric,
                format_number(score.value),
                format_interval(score.interval),
                format_number(score.floor),
                "higher" if score.more_is_better else "lower",
            )
            for score in self
        ]
        real = self[0].real if self else "real images"
        warnings = dict.fromkeys(text for score in self for text in score.warnings)
        return notebook.table(("metric", "value", "95 % interval", real, "better"), rows) + "".join(
            notebook.paragraph(f"warning: {text}") for text in warnings
        )
