"""Health in a report: the timeline, the rewinds, and each finding with its evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganvas.health.finding import Finding, Measurement
from ganvas.reports.attempts import Attempt, describe_rows, timeline_rows
from ganvas.reports.charts import Line, Mark, Panel, timeline
from ganvas.reports.commands import Command, command_with_change
from ganvas.reports.curves import draw_panel, needs_log, series
from ganvas.reports.page import Drawing, Picture
from ganvas.reports.pictures import Sides, grid_picture, image_sides, path_from
from ganvas.reports.texts import as_sentence, column_meaning, symptom_name
from ganvas.runs import Run
from ganvas.runs.history import Record

SMALL_GRID = 300
"""Width of grids that stand side by side, in CSS pixels."""


@dataclass(frozen=True)
class Case:
    """A finding with its evidence.

    numbers: its measurements, each with what it means.
    pictures: the first samples after its onset, and the newest ones.
    drawing: its first number over images seen, with the limit; None where it was not recorded.
    command: a new run with the first advice; None where the recipe cannot take it.
    """

    finding: Finding
    title: str
    numbers: list[tuple[Measurement, str]]
    pictures: list[Picture]
    drawing: Drawing | None
    command: Command | None


def case_of(run: Run, finding: Finding, history: Sequence[Record]) -> Case:
    """One finding with its evidence."""
    return Case(
        finding,
        symptom_name(finding.symptom),
        [(number, column_meaning(number.name)) for number in finding.numbers],
        onset_pictures(run.sample_paths(), image_sides(run.read_data()), finding),
        draw_number(run, finding, history) if finding.numbers else None,
        command_with_change(run, finding.advice[0]) if finding.advice else None,
    )


def onset_pictures(paths: list[Path], sides: Sides, finding: Finding) -> list[Picture]:
    """The first samples after the onset beside the newest; one where they are the same."""
    onset = path_from(paths, finding.since)
    if onset is None:
        return []
    moments = [(onset, "soon after onset")] if onset != paths[-1] else []
    name = symptom_name(finding.symptom)
    return [
        grid_picture(
            path, sides, f"At {{}}, {when}", f"Samples at {{}}, {when} ({name})", SMALL_GRID
        )
        for path, when in [*moments, (paths[-1], "newest")]
    ]


def draw_number(run: Run, finding: Finding, history: Sequence[Record]) -> Drawing | None:
    """The first number of a finding over images seen, with its limit and the onset."""
    number = finding.numbers[0]
    records = [*history]
    if not number.name.startswith("probe/"):
        records += [
            {"images_seen": score["images_seen"], score["metric"]: score["value"]}
            for score in run.scores.records()
            if score["while_training"]
        ]
    seen, values = series(records, number.name)
    if not values:
        return None
    limit = limit_of(number.normal)
    marks = [] if limit is None else [Mark(limit, f"normal: {number.normal}")]
    line = Line(number.name.rpartition("/")[2].replace("_", " "), seen, values)
    log = needs_log([*values, *(mark.value for mark in marks)])
    panel = Panel([line], marks=marks, log=log, events=[finding.since])
    caption = f"{number.name} over images seen, with its limit. The vertical line is the onset."
    return draw_panel(as_sentence(column_meaning(number.name) or number.name), panel, caption)


def limit_of(normal: str) -> float | None:
    """The number in `above 0.3`; None unless there is exactly one."""
    numbers = re.findall(r"-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?", normal)
    return float(numbers[0].replace(",", "")) if len(numbers) == 1 else None


def health_timeline(attempts: list[Attempt], ending: str) -> Drawing:
    """The attempts of a run with a bar for each symptom."""
    rows = timeline_rows(attempts, ending)
    return Drawing(timeline(rows), f"Health over images seen. {describe_rows(rows)}.")


def rewind_pictures(discarded: Attempt, current: Attempt, sides: Sides) -> list[Picture]:
    """The last samples that a rewind discarded, and those of the current attempt at that point."""
    paths = discarded.files.sample_paths()
    if not paths:
        return []
    alt = f"The last samples of {discarded.name}, at {{}}"
    pictures = [grid_picture(paths[-1], sides, f"{alt}; discarded", alt, SMALL_GRID)]
    for path in current.files.sample_paths():
        if path.name == paths[-1].name:
            caption = f"{current.name.capitalize()}, kept, at {{}}"
            pictures.append(grid_picture(path, sides, caption, width=SMALL_GRID))
    return pictures
