"""Health in a report: the timeline, the rewinds, and each finding with what one can see of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.diagnosis import Diagnosis
from ganvas.health.finding import Finding, Measurement
from ganvas.reports import words
from ganvas.reports.attempts import Attempt, lane_in_words, lanes, over, rewind_in_words
from ganvas.reports.charts import Lane, timeline
from ganvas.reports.commands import Command
from ganvas.reports.curves import drawn, is_wide, series
from ganvas.reports.figures import Line, Mark, Panel
from ganvas.reports.page import Drawing, Picture
from ganvas.reports.pictures import path_from, whole_grid
from ganvas.reports.status import State, changed_command
from ganvas.runs import Run
from ganvas.runs.history import Record

SMALL_GRID = 300
"""How wide grids are that stand beside each other, in pixels of the page."""


@dataclass(frozen=True)
class Case:
    """A finding, with what one can see of it.

    pictures: the first samples after its onset, and the newest ones.
    drawing: the number that it rests on over images, with its limit; None where it was not kept.
    command: a new run with the first advice; None where that cannot be.
    """

    finding: Finding
    pictures: list[Picture]
    drawing: Drawing | None
    command: Command | None

    @property
    def title(self) -> str:
        """The symptom, as a heading."""
        return words.symptom(self.finding.symptom)

    @property
    def numbers(self) -> list[tuple[Measurement, str]]:
        """What it rests on, each with what it means."""
        return [(one, words.column(one.name)) for one in self.finding.numbers]


@dataclass(frozen=True)
class GoneBack:
    """A rewind: what happened; the last samples of what was given up, and what stands instead."""

    title: str
    told: str
    pictures: list[Picture]


def cases(run: Run, found: Diagnosis, history: Sequence[Record]) -> list[Case]:
    """What is wrong now."""
    return [case(run, finding, history) for finding in found.findings]


def case(run: Run, finding: Finding, history: Sequence[Record]) -> Case:
    """One finding with its pictures."""
    number = finding.numbers[0] if finding.numbers else None
    drawing = None if number is None else deciding(run, number, history, finding.since)
    command = changed_command(run, finding.advice[0]) if finding.advice else None
    return Case(finding, pictures_of(run, finding), drawing, command)


def pictures_of(run: Run, finding: Finding) -> list[Picture]:
    """The first samples after the onset beside the newest; one where that is the same."""
    paths = run.sample_paths()
    then = path_from(paths, finding.since)
    if then is None:
        return []
    name = words.symptom(finding.symptom)
    pictures = []
    for path, when in ((then, "soon after it set in"), (paths[-1], "newest")):
        seen = f"{int(path.stem):,} images seen"
        alt = f"Samples at {seen}, {when} ({name})"
        pictures.append(whole_grid(run, path, alt, f"At {seen}, {when}", SMALL_GRID))
    return pictures if then != paths[-1] else pictures[1:]


def deciding(
    run: Run, number: Measurement, history: Sequence[Record], since: int
) -> Drawing | None:
    """The number that a finding rests on, over images, with its limit."""
    records = [*history]
    if not number.name.startswith("probe/"):
        records += [
            {"images_seen": one["images_seen"], one["metric"]: one["value"]}
            for one in run.scores.records()
            if one["while_training"]
        ]
    seen, values = series(records, number.name)
    if not values:
        return None
    limit = limit_of(number.normal)
    marks = [] if limit is None else [Mark(limit, f"normal: {number.normal}")]
    line = Line(short_name(number.name), seen, values)
    every = values if limit is None else [*values, limit]
    panel = Panel([line], marks=marks, log=is_wide(every), moments=[since])
    return drawn(words.sentence(words.column(number.name) or number.name), panel)


def limit_of(normal: str) -> float | None:
    """The number in `above 0.3`; None where there is not exactly one."""
    numbers = re.findall(r"-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?", normal)
    return float(numbers[0].replace(",", "")) if len(numbers) == 1 else None


def short_name(column: str) -> str:
    """The last part of a column's name, which has room in a figure."""
    return column.rpartition("/")[2].replace("_", " ")


def health_timeline(taken: list[Attempt], state: State) -> tuple[Drawing, list[Lane]]:
    """Every symptom as a bar."""
    found = lanes(taken, state)
    said = ". ".join(lane_in_words(lane) for lane in found)
    return Drawing(timeline(found), f"Health over images seen. {said}."), found


def gone_back(run: Run, taken: list[Attempt]) -> list[GoneBack]:
    """The story of each rewind."""
    stories = []
    for attempt in taken[:-1]:
        paths = sorted((attempt.directory / "samples").glob("*.png"))
        pictures = []
        if paths:
            seen = int(paths[-1].stem)
            alt = f"The last samples of attempt {attempt.number}, at {seen:,} images seen"
            pictures.append(whole_grid(run, paths[-1], alt, f"{alt}; given up", SMALL_GRID))
            pictures += instead(run, seen, len(taken))
        stories.append(GoneBack(f"Rewind {attempt.number}", rewind_in_words(attempt), pictures))
    return stories


def instead(run: Run, images_seen: int, attempt: int) -> list[Picture]:
    """What the attempt that stands made at that moment, if it came so far."""
    path = run.sample_path(images_seen)
    if not path.exists():
        return []
    caption = f"Attempt {attempt}, which stands, at {images_seen:,} images seen"
    return [whole_grid(run, path, caption, caption, SMALL_GRID)]


def past(taken: list[Attempt]) -> list[str]:
    """What is over, in the attempt that stands."""
    return over(taken[-1].findings)
