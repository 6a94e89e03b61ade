"""How the runs of a study went: scores over images and time, time to quality, health."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from ganvas.errors import RunError
from ganvas.formatting import format_count, format_duration, format_number
from ganvas.metrics.names import more_is_better
from ganvas.reports import words
from ganvas.reports.attempts import attempts, lane_in_words, lanes
from ganvas.reports.charts import Lane, timeline
from ganvas.reports.curves import Plot, drawn, is_wide
from ganvas.reports.figures import Line, Mark, Panel
from ganvas.reports.page import Drawing
from ganvas.runs import Run
from ganvas.studies.outcome import Outcome, ScorePoint
from ganvas.studies.results import ArmResults, StudyResults
from ganvas.studies.survival import TimeToQuality

Axis = Literal["images", "seconds"]
AXES: dict[Axis, str] = {"images": "images seen", "seconds": "seconds of training"}


def courses(results: StudyResults, axis: Axis) -> list[Plot]:
    """The deciding score of each arm while training, beside the arm it is compared with.

    A panel each, all with the same y axis: mean over seeds, band from the least to the largest.
    """
    lines = {arm.name: mean_course(arm, axis) for arm in results.arms}
    lines = {name: line for name, line in lines.items() if line.x}
    if not lines:
        return []
    floor = floor_while_training(results)
    marks = [] if floor is None else [Mark(floor, f"real images: {format_number(floor)}")]
    every = [y for line in lines.values() for y in (*line.low, *line.high)]
    every += [mark.value for mark in marks]
    low, high, log = min(every), max(every), is_wide(every)
    room = 0.06 * (high - low) or 1.0
    empty = Panel(
        [],
        AXES[axis],
        marks,
        limits=(low / 1.1, high * 1.1) if log else (low - room, high + room),
        log=log,
        end=max(line.x[-1] for line in lines.values()),
    )
    return [
        Plot(title, drawn(f"{results.deciding} of {arm.name}", panel), told(arm))
        for arm, title, panel in panels(results, lines, empty)
    ]


def panels(
    results: StudyResults, lines: Mapping[str, Line], empty: Panel
) -> Iterator[tuple[ArmResults, str, Panel]]:
    """For each arm with a line: a title, and a panel with it and what it is compared with."""
    for arm in results.arms:
        if arm.name not in lines:
            continue
        shown, title = [lines[arm.name]], arm.name
        if arm.against in lines:  # in grey and dashed, and drawn below
            shown.insert(0, replace(lines[arm.against], colour="muted", dashes="--"))
            title = f"{arm.name} beside {arm.against}"
        yield arm, title, replace(empty, lines=shown)


def told(arm: ArmResults) -> str:
    """How many runs a curve stands for."""
    count = sum(1 for outcome in arm.outcomes.values() if outcome.score_curve)
    failed = len(arm.failures)
    said = format_count(count, "run")
    return f"{said}, of which {failed} failed; each up to its end." if failed else f"{said}."


def mean_course(arm: ArmResults, axis: Axis) -> Line:
    """The mean over seeds at each moment of the schedule, and the ends of what they span."""
    moments: dict[int, list[ScorePoint]] = {}
    for outcome in arm.outcomes.values():
        for moment in outcome.score_curve:
            moments.setdefault(moment.images_seen, []).append(moment)
    places = sorted(moments)
    values = [[moment.value for moment in moments[place]] for place in places]
    x: list[float] = [*places]
    if axis == "seconds":
        x = [fmean(moment.seconds for moment in moments[place]) for place in places]
    return Line(
        arm.name,
        x,
        [fmean(one) for one in values],
        [min(one) for one in values],
        [max(one) for one in values],
    )


def floor_while_training(results: StudyResults) -> float | None:
    """What real images score in place of as many samples as are scored while training."""
    for run in runs_of(results).values():
        for record in run.scores.records():
            if record["while_training"] and record["metric"] == results.deciding:
                return float(record["floor"])
    return None


def runs_of(results: StudyResults) -> dict[tuple[str, int], Run]:
    """The runs that there are, by arm and seed; those that cannot be read are left out."""
    found = {}
    for arm, seed in results.directory.run_keys():
        try:
            found[arm, seed] = Run.open(results.directory.run_path(arm, seed))
        except RunError:
            continue
    return found


@dataclass(frozen=True)
class ReachedRow:
    """When an arm reaches the study's quality."""

    arm: str
    reached: str
    images: str
    images_interval: str
    seconds: str
    seconds_interval: str


def reached(results: StudyResults) -> list[ReachedRow]:
    """Each arm's time to the study's quality, in images and in seconds."""
    return [
        ReachedRow(
            arm.name,
            f"{arm.to_quality_images.reached} of {arm.to_quality_images.runs}",
            middle(arm.to_quality_images, "images"),
            ends(arm.to_quality_images, "images"),
            middle(arm.to_quality_seconds, "seconds"),
            ends(arm.to_quality_seconds, "seconds"),
        )
        for arm in results.arms
        if arm.to_quality_images is not None and arm.to_quality_seconds is not None
    ]


def middle(attainment: TimeToQuality, axis: Axis) -> str:
    """By when half of the runs have reached it."""
    return "not reached by half" if attainment.median is None else moment(attainment.median, axis)


def ends(attainment: TimeToQuality, axis: Axis) -> str:
    """The interval of the median; an open end is one that was not reached."""
    low, high = attainment.interval
    if low is None:
        return ""
    return f"[{moment(low, axis)}, {'open' if high is None else moment(high, axis)}]"


def moment(value: float, axis: Axis) -> str:
    """A number of images, or a time."""
    return f"{value:,.0f}" if axis == "images" else format_duration(value)


def shares(results: StudyResults) -> list[Plot]:
    """The share of each arm's runs that have reached the quality, over images seen."""
    end = max(results.plan.images.values())
    lines = {
        arm.name: share_line(arm.name, arm.to_quality_images, end)
        for arm in results.arms
        if arm.to_quality_images is not None
    }
    empty = Panel([], limits=(0, 1.05), end=end)
    return [
        Plot(title, drawn(f"Share that reached it, {arm.name}", panel), "")
        for arm, title, panel in panels(results, lines, empty)
    ]


def share_line(name: str, attainment: TimeToQuality, end: float) -> Line:
    """One minus the curve of Kaplan and Meier, from 0 to the end of the budget."""
    times, there = list(attainment.times), [1 - share for share in attainment.unreached]
    last = there[-1] if there else 0.0
    return Line(name, [0, *times, end], [0.0, *there, last], steps=True)


def health(results: StudyResults) -> list[Plot]:
    """A timeline for each arm, with a line for each of its runs."""
    runs = runs_of(results)
    plots = []
    for arm in results.arms:
        found = [
            lane
            for seed in range(results.study.seeds)
            if (arm.name, seed) in runs
            for lane in lanes_of(runs[arm.name, seed], seed, arm.outcomes.get(seed))
        ]
        if found:
            said = ". ".join(lane_in_words(lane) for lane in found)
            drawing = Drawing(timeline(found, width=460), f"Health of {arm.name}. {said}.")
            plots.append(Plot(arm.name, drawing, ""))
    return plots


def lanes_of(run: Run, seed: int, outcome: Outcome | None) -> list[Lane]:
    """The courses that one run took, named by its seed."""
    found = lanes(attempts(run), "not ended" if outcome is None else outcome.ending)
    if len(found) == 1:
        return [replace(found[0], name=f"seed {seed}")]
    return [replace(lane, name=f"seed {seed}, {lane.name}") for lane in found]


@dataclass(frozen=True)
class FailureRow:
    """A run that failed, and why."""

    arm: str
    seed: int
    ending: str
    images_seen: int
    reason: str


def failures(results: StudyResults) -> list[FailureRow]:
    """Every failed run."""
    return [
        FailureRow(arm.name, seed, one.ending, one.images_seen, words.sentence(one.reason))
        for arm in results.arms
        for seed, one in arm.failures.items()
    ]


def better_word(metric: str) -> str:
    """Which way is better."""
    return "higher" if more_is_better(metric) else "lower"


def shown_seed(results: StudyResults, runs: dict[tuple[str, int], Run]) -> int:
    """The first of the seeds with pictures of the most arms."""

    def pictured(seed: int) -> int:
        return sum(bool(run.sample_paths()) for (_, of), run in runs.items() if of == seed)

    return max(range(results.study.seeds), key=lambda seed: (pictured(seed), -seed))
