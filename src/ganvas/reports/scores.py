"""Scores in a report: the table, the course while training, what makes them hard to believe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganvas.formatting import format_interval, format_number
from ganvas.metrics.names import more_is_better
from ganvas.reports.curves import Plot, drawn, is_wide
from ganvas.reports.figures import Line, Mark, Panel
from ganvas.runs.history import Record


@dataclass(frozen=True)
class ScoreRow:
    """One score for the table."""

    metric: str
    value: str
    interval: str
    floor: str
    better: str
    images_seen: int
    counts: str
    when: str


def score_rows(records: Sequence[Record]) -> list[ScoreRow]:
    """The newest score of each metric, measured after training and while it went."""
    newest = {(one["while_training"], one["metric"]): one for one in records}
    rows = []
    for (while_training, metric), one in newest.items():
        protocol = one["protocol"]
        rows.append(
            ScoreRow(
                metric,
                format_number(one["value"]),
                format_interval(one["interval"]),
                format_number(one["floor"]),
                "higher" if more_is_better(metric) else "lower",
                one["images_seen"],
                f"{protocol['n_fake']:,} / {protocol['n_real']:,}",
                "while training" if while_training else "on request",
            )
        )
    return sorted(rows, key=lambda row: row.when == "while training")


def warnings_of(records: Sequence[Record]) -> list[str]:
    """Each warning once, with the metrics that it is about."""
    about: dict[str, list[str]] = {}
    for one in {(one["while_training"], one["metric"]): one for one in records}.values():
        for warning in one["warnings"]:
            metrics = about.setdefault(warning, [])
            if one["metric"] not in metrics:
                metrics.append(one["metric"])
    return [f"{', '.join(metrics)}: {warning}" for warning, metrics in about.items()]


def over_images(records: Sequence[Record]) -> list[Plot]:
    """Each metric measured while training, with its interval and what real images score."""
    courses: dict[str, list[Record]] = {}
    for one in records:
        if one["while_training"] and is_finite(one):
            courses.setdefault(one["metric"], []).append(one)
    return [_course(metric, course) for metric, course in courses.items() if len(course) > 1]


def is_finite(record: Record) -> bool:
    """Whether a score and its interval can be drawn."""
    return all(math.isfinite(number) for number in (record["value"], *record["interval"]))


def _course(metric: str, course: Sequence[Record]) -> Plot:
    line = Line(
        metric,
        [one["images_seen"] for one in course],
        [one["value"] for one in course],
        [one["interval"][0] for one in course],
        [one["interval"][1] for one in course],
    )
    floor = course[-1]["floor"]
    every = [*line.y, *line.low, floor]
    panel = Panel(
        [line], marks=[Mark(floor, f"real images: {format_number(floor)}")], log=is_wide(every)
    )
    better = "Higher" if more_is_better(metric) else "Lower"
    return Plot(
        f"{metric} while training",
        drawn(metric, panel),
        f"{better} is better. Band: 95 % interval over new samples. Dashed: other real images in "
        "the samples' place; no generator can honestly do better.",
    )


@dataclass(frozen=True)
class Protocols:
    """How the numbers of the table came about: what all share, and the rest of each."""

    shared: list[tuple[str, str]]
    own: list[tuple[str, str]]


def protocols(records: Sequence[Record]) -> Protocols:
    """The protocols of the scores in the table."""
    newest = {(one["while_training"], one["metric"]): one for one in records}
    flats = {key: dict(flat(one["protocol"])) for key, one in newest.items()}
    tables = list(flats.values())
    shared = {
        name: text
        for name, text in (tables[0] if tables else {}).items()
        if all(table.get(name) == text for table in tables)
    }
    own = [
        (
            f"{metric} ({'while training' if during else 'on request'})",
            "; ".join(f"{name} {text}" for name, text in table.items() if name not in shared),
        )
        for (during, metric), table in flats.items()
    ]
    return Protocols(list(shared.items()), own)


def flat(table: dict[str, Any], at: str = "") -> list[tuple[str, str]]:
    """Rows of a nested table, names with dots."""
    rows = []
    for name, value in table.items():
        if isinstance(value, dict):
            rows += flat(value, f"{at}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((f"{at}{name}", text))
    return rows
