"""Scores in a report: the newest ones, their curves, their warnings and their protocols."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ganvas.formatting import format_number
from ganvas.reports.charts import Line, Mark, Panel
from ganvas.reports.curves import draw_panel, needs_log
from ganvas.reports.page import Drawing
from ganvas.reports.provenance import table_rows
from ganvas.reports.texts import better_word, when_measured
from ganvas.runs.history import Record

Rows = list[tuple[str, str]]


def newest_scores(records: Sequence[Record]) -> list[Record]:
    """The newest score of each metric: those measured on request, then those while training."""
    newest = {(record["while_training"], record["metric"]): record for record in records}
    return sorted(newest.values(), key=lambda record: bool(record["while_training"]))


def warnings_of(scores: Sequence[Record]) -> list[str]:
    """Each warning once, with the metrics that it applies to."""
    metrics: dict[str, dict[str, None]] = {}
    for score in scores:
        for warning in score["warnings"]:
            metrics.setdefault(warning, {})[score["metric"]] = None
    return [f"{', '.join(names)}: {warning}" for warning, names in metrics.items()]


def protocols(scores: Sequence[Record]) -> tuple[Rows, Rows]:
    """How these scores were measured: what all have in common, and the rest of each."""
    tables = [dict(table_rows(score["protocol"])) for score in scores]
    shared = dict(set.intersection(*(set(table.items()) for table in tables)) if tables else ())
    own = [
        (
            f"{score['metric']} ({when_measured(score)})",
            "; ".join(f"{name} {text}" for name, text in table.items() if name not in shared),
        )
        for score, table in zip(scores, tables, strict=True)
    ]
    return [(name, shared[name]) for name in (tables[0] if tables else ()) if name in shared], own


def score_plots(records: Sequence[Record]) -> list[Drawing]:
    """Each metric measured while training, with its interval and the score of real images."""
    curves: dict[str, list[Record]] = {}
    for record in records:
        if record["while_training"] and _is_finite(record):
            curves.setdefault(record["metric"], []).append(record)
    return [_score_plot(metric, curve) for metric, curve in curves.items() if len(curve) > 1]


def _is_finite(record: Record) -> bool:
    return all(math.isfinite(value) for value in (record["value"], *record["interval"]))


def _score_plot(metric: str, curve: Sequence[Record]) -> Drawing:
    seen, values = [score["images_seen"] for score in curve], [score["value"] for score in curve]
    low, high = ([score["interval"][end] for score in curve] for end in (0, 1))
    floor = curve[-1]["floor"]
    panel = Panel(
        [Line(metric, seen, values, low, high)],
        marks=[Mark(floor, f"real images: {format_number(floor)}")],
        log=needs_log([*values, *low, floor]),
    )
    better = better_word(metric).capitalize()
    caption = (
        f"{better} is better. Band: 95 % interval over new samples. Dashed: the score of other "
        "real images; no generator can honestly do better."
    )
    return draw_panel(metric, panel, caption, f"{metric} while training")
