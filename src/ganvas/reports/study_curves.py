"""Curves of a study: scores over images and over time, time to quality, health of every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Literal

from ganvas.errors import RunError
from ganvas.formatting import format_count, format_duration, format_number
from ganvas.reports.attempts import describe_rows, read_attempts, timeline_rows
from ganvas.reports.charts import Line, Mark, Panel, TimelineRow, timeline
from ganvas.reports.curves import draw_panel, needs_log
from ganvas.reports.page import Drawing
from ganvas.runs import Run
from ganvas.studies.outcome import Outcome, ScorePoint
from ganvas.studies.results import ArmResults, StudyResults
from ganvas.studies.survival import TimeToQuality

Runs = Mapping[tuple[str, int], Run]
"""The runs of a study by arm and seed."""

Axis = Literal["images", "seconds"]
AXES: dict[Axis, str] = {"images": "images seen", "seconds": "seconds of training"}


def open_runs(results: StudyResults) -> Runs:
    """The runs that have started; those that cannot be read are left out."""
    runs = {}
    for arm, seed in results.directory.run_keys():
        try:
            runs[arm, seed] = Run.open(results.directory.run_path(arm, seed))
        except RunError:
            continue
    return runs


def score_plots(results: StudyResults, runs: Runs, axis: Axis) -> list[Drawing]:
    """The deciding score of each arm while training, next to the arm it is compared with.

    One panel per arm, all with the same axes: mean over seeds, band from minimum to maximum.
    """
    lines = {arm.name: mean_score_curve(arm, axis) for arm in results.arms}
    lines = {name: line for name, line in lines.items() if line.x}
    if not lines:
        return []
    floor = floor_while_training(results, runs)
    marks = [] if floor is None else [Mark(floor, f"real images: {format_number(floor)}")]
    values = [y for line in lines.values() for y in (*line.low, *line.high)]
    values += [mark.value for mark in marks]
    low, high, log = min(values), max(values), needs_log(values)
    margin = 0.06 * (high - low) or 1.0
    limits = (low / 1.1, high * 1.1) if log else (low - margin, high + margin)
    end = max(line.x[-1] for line in lines.values())
    panel = Panel([], AXES[axis], marks, limits, log, end=end)
    return plot_arms(results, lines, panel, f"{results.deciding} of {{}}", count_runs)


def plot_arms(
    results: StudyResults,
    lines: Mapping[str, Line],
    panel: Panel,
    about: str,
    caption: Callable[[ArmResults], str] = lambda arm: "",
) -> list[Drawing]:
    """A panel for each arm that has a line, with the line of the arm it is compared with.

    Args:
        lines: by arm.
        panel: all but the lines.
        about: what is plotted; {} becomes the arm.
    """
    drawings = []
    for arm in results.arms:
        if arm.name not in lines:
            continue
        own, title = [lines[arm.name]], arm.name
        if arm.against in lines:  # grey, dashed, and drawn below
            own.insert(0, replace(lines[arm.against], colour="muted", dashes="--"))
            title = f"{arm.name} and {arm.against}"
        filled = replace(panel, lines=own)
        drawings.append(draw_panel(about.format(arm.name), filled, caption(arm), title))
    return drawings


def count_runs(arm: ArmResults) -> str:
    """How many runs a score curve is the mean of."""
    count = sum(1 for outcome in arm.outcomes.values() if outcome.score_curve)
    runs, failed = format_count(count, "run"), len(arm.failures)
    return f"{runs}, {failed} of which failed; each up to its end." if failed else f"{runs}."


def mean_score_curve(arm: ArmResults, axis: Axis) -> Line:
    """The mean over seeds at each evaluation, with the minimum and the maximum."""
    evaluations: dict[int, list[ScorePoint]] = {}
    for outcome in arm.outcomes.values():
        for point in outcome.score_curve:
            evaluations.setdefault(point.images_seen, []).append(point)
    points = [evaluations[images] for images in sorted(evaluations)]
    values = [[point.value for point in several] for several in points]
    x: list[float] = [several[0].images_seen for several in points]
    if axis == "seconds":
        x = [fmean(point.seconds for point in several) for several in points]
    mean, low, high = [fmean(v) for v in values], [min(v) for v in values], [max(v) for v in values]
    return Line(arm.name, x, mean, low, high)


def floor_while_training(results: StudyResults, runs: Runs) -> float | None:
    """What real images score in place of as many samples as are scored while training."""
    for run in runs.values():
        for record in run.scores.records():
            if record["while_training"] and record["metric"] == results.deciding:
                return float(record["floor"])
    return None


def format_median(times: TimeToQuality, axis: Axis) -> str:
    """When half of the runs have reached the quality."""
    return "not reached by half" if times.median is None else format_x(times.median, axis)


def format_interval(times: TimeToQuality, axis: Axis) -> str:
    """The interval of the median; an open end was not reached."""
    low, high = times.interval
    if low is None:
        return ""
    return f"[{format_x(low, axis)}, {'open' if high is None else format_x(high, axis)}]"


def format_x(value: float, axis: Axis) -> str:
    """A number of images, or a duration."""
    return f"{value:,.0f}" if axis == "images" else format_duration(value)


def reached_plots(results: StudyResults) -> list[Drawing]:
    """The fraction of each arm's runs that have reached the quality, over images seen."""
    end = max(results.plan.images.values())
    lines = {
        arm.name: reached_line(arm.name, arm.to_quality_images, end)
        for arm in results.arms
        if arm.to_quality_images is not None
    }
    panel = Panel([], limits=(0, 1.05), end=end)
    return plot_arms(results, lines, panel, "Fraction that reached it, {}")


def reached_line(name: str, times: TimeToQuality, end: float) -> Line:
    """One minus the Kaplan-Meier curve, from 0 to the end of the budget."""
    reached = [1 - fraction for fraction in times.unreached]
    last = reached[-1] if reached else 0.0
    return Line(name, [0, *times.times, end], [0.0, *reached, last], steps=True)


def health_plots(results: StudyResults, runs: Runs) -> list[Drawing]:
    """A timeline for each arm, with a row for each of its runs."""
    drawings = []
    for arm in results.arms:
        rows = [
            row
            for seed in range(results.study.seeds)
            if (arm.name, seed) in runs
            for row in seed_rows(runs[arm.name, seed], seed, arm.outcomes.get(seed))
        ]
        if rows:
            chart, alt = timeline(rows, width=460), f"Health of {arm.name}. {describe_rows(rows)}."
            drawings.append(Drawing(chart, alt, title=arm.name))
    return drawings


def seed_rows(run: Run, seed: int, outcome: Outcome | None) -> list[TimelineRow]:
    """The attempts of one run, named by its seed."""
    rows = timeline_rows(read_attempts(run), "not ended" if outcome is None else outcome.ending)
    if len(rows) == 1:
        return [replace(rows[0], name=f"seed {seed}")]
    return [replace(row, name=f"seed {seed}, {row.name}") for row in rows]
