"""Health in a report: the timeline, the rewinds, and each finding with its evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganvas.health.finding import Finding, Measurement
from ganvas.reports.attempts import Attempt, describe_rewind, describe_rows, timeline_rows
from ganvas.reports.charts import Line, Mark, Panel, timeline
from ganvas.reports.commands import Command, command_with_change
from ganvas.reports.curves import draw_panel, needs_log, series
from ganvas.reports.page import Drawing, Picture
from ganvas.reports.pictures import grid_picture, path_from
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
        onset_pictures(run, finding),
        draw_number(run, finding, history) if finding.numbers else None,
        command_with_change(run, finding.advice[0]) if finding.advice else None,
    )


def onset_pictures(run: Run, finding: Finding) -> list[Picture]:
    """The first samples after the onset beside the newest; one where they are the same."""
    paths = run.sample_paths()
    onset = path_from(paths, finding.since)
    if onset is None:
        return []
    moments = [(onset, "soon after onset")] if onset != paths[-1] else []
    name = symptom_name(finding.symptom)
    return [
        small_grid(run, path, "At {}, " + when, f"Samples at {{}}, {when} ({name})")
        for path, when in [*moments, (paths[-1], "newest")]
    ]


def small_grid(run: Run, path: Path, caption: str, alt: str = "") -> Picture:
    """A grid of samples, small; `{}` in its texts becomes how many images were seen."""
    seen = f"{int(path.stem):,} images seen"
    return grid_picture(run, path, (alt or caption).format(seen), caption.format(seen), SMALL_GRID)


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


def health_timeline(attempts: list[Attempt], ending: str, width: float = 760) -> Drawing:
    """The attempts of a run with a bar for each symptom."""
    rows = timeline_rows(attempts, ending)
    return Drawing(timeline(rows, width), f"Health over images seen. {describe_rows(rows)}.")


@dataclass(frozen=True)
class RewindStory:
    """A rewind: what happened, and the last samples before it beside those made since."""

    title: str
    text: str
    pictures: list[Picture]


def rewind_stories(run: Run, attempts: list[Attempt]) -> list[RewindStory]:
    """What each rewind did."""
    return [
        RewindStory(
            f"Rewind {attempt.number}",
            describe_rewind(attempt),
            rewind_pictures(run, attempt, attempts[-1]),
        )
        for attempt in attempts[:-1]
    ]


def rewind_pictures(run: Run, discarded: Attempt, current: Attempt) -> list[Picture]:
    """The last samples that were discarded, and those of the current attempt at that point."""
    paths = discarded.sample_paths()
    if not paths:
        return []
    alt = f"The last samples of {discarded.name}, at {{}}"
    pictures = [small_grid(run, paths[-1], f"{alt}; discarded", alt)]
    same_point = run.directory / "samples" / paths[-1].name
    if same_point.exists():
        pictures.append(small_grid(run, same_point, f"{current.name.capitalize()}, kept, at {{}}"))
    return pictures
