"""The report: rates with their targets, every exception by name, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from bases import BASES
from cases import HEALTHY, KINDS
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from replay import NOTHING, Level
from running import Result
from score_rules import (
    MARGIN,
    Rate,
    ScoredRun,
    confusion,
    correctly_named,
    detected,
    failures,
    half,
    healthy,
    time_to_finding,
    worst_recall,
)
from tables import markdown_table

from ganvas.health.thresholds import Thresholds

RECALL, WORST_RECALL, RIGHT, FALSE_ALARMS = 0.95, 0.80, 0.85, 0.05
"""The targets, on the seeds that no threshold was set on."""

CELL_INCHES = 0.42

EXPLANATION = f"""\
*Failing* counts only that verdict, *any finding* also the verdict `watch`; both at any probe of the
run, for sabotaged and healthy runs alike. The *right symptom* is one that names the cause, first at
the last probe with a finding that counts; a missed failure counts as wrong. A sabotaged run counts
if it failed: a score at least {MARGIN:g} times worse than that of its worst healthy counterpart
(same recipe, size and budget), or training that stopped at non-finite numbers. The rules saw only
the run's history, probe by probe, and no scores. Thresholds were set on even seeds; figures are
those of odd seeds unless they say otherwise. Intervals: 95 %, Wilson."""

LEVEL_NAMES: dict[Level, str] = {"watch": "any finding", "failing": "failing"}


def page_of(runs: Sequence[ScoredRun], results: Sequence[Result], picture: str | None) -> str:
    """The whole report in Markdown.

    Args:
        picture: the file of the confusion matrix, relative to the page.
    """
    unseen = half(runs, calibration=False)
    parts = [
        "# Health: how often it is right",
        headline(unseen, half(runs, calibration=True)),
        EXPLANATION,
        f"![how often each symptom was named for each sabotage]({picture})" if picture else "",
        "## Sabotaged, unseen seeds",
        by_kind(unseen),
        "## Healthy, unseen seeds",
        by_base(unseen, results),
        "## Run by run",
        exceptions(runs),
        "## What was trained",
        what_was_trained(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(unseen: Sequence[ScoredRun], seen: Sequence[ScoredRun]) -> str:
    """The targets and what was reached, at both levels."""
    rates: list[tuple[str, Callable[[Sequence[ScoredRun], Level], Rate], float]] = [
        ("recall", lambda runs, level: detected(failures(runs), level), RECALL),
        (
            "right symptom named first",
            lambda runs, level: correctly_named(failures(runs), level),
            RIGHT,
        ),
        ("false alarms", lambda runs, level: detected(healthy(runs), level), FALSE_ALARMS),
    ]
    rows = []
    for name, rate_of, target in rates:
        for level, level_name in LEVEL_NAMES.items():
            rate = rate_of(unseen, level)
            low, high = rate.interval
            interval = f"{low:.0%} to {high:.0%}" if rate.of else ""
            goal = compare(rate, target, at_least=name != "false alarms")
            rows.append((name, level_name, rate, interval, goal, rate_of(seen, level)))
        if name == "recall":
            rows += [worst_row(unseen, seen, level) for level in LEVEL_NAMES]
    header = "| | counts | unseen seeds | 95 % | target | seeds of calibration |"
    return markdown_table(header, rows)


def worst_row(
    unseen: Sequence[ScoredRun], seen: Sequence[ScoredRun], level: Level
) -> tuple[object, ...]:
    """The kind that was found least often."""
    worst = worst_recall(unseen, level)
    cells = [f"{w[1]}, {w[0]}" if w else "-" for w in (worst, worst_recall(seen, level))]
    goal = compare(worst[1], WORST_RECALL, at_least=True) if worst else ""
    return ("least recall of a kind", LEVEL_NAMES[level], cells[0], "", goal, cells[1])


def compare(rate: Rate, target: float, at_least: bool) -> str:
    """The target, and whether the rate meets it."""
    if not rate.of:
        return ""
    reached = rate.value >= target if at_least else rate.value <= target
    return f"{'>=' if at_least else '<='} {target:.0%}: {'met' if reached else 'MISSED'}"


def by_kind(runs: Sequence[ScoredRun]) -> str:
    """A row for each sabotage."""
    rows = []
    for name, kind in KINDS.items():
        count = sum(run.kind == name for run in runs)
        if not count:
            continue
        failed = failures(runs, name)
        rows.append(
            (
                f"{kind.what} (`{name}`)",
                f"{len(failed)} of {count}",
                detected(failed, "failing"),
                detected(failed, "watch"),
                correctly_named(failed, "watch"),
                *time_cells(failed),
                worse_cell(failed, kind.shown_by),
            )
        )
    return markdown_table(
        "| sabotage | failed | failing | any finding | right symptom | images to any finding "
        "| of the budget | times worse |",
        rows,
    )


def time_cells(runs: Sequence[ScoredRun]) -> tuple[str, str]:
    """Images until a finding: median, least and most; and the median as a share of the budget."""
    times = time_to_finding(runs, "watch")
    if times is None:
        return "-", "-"
    middle, least, most = times
    of_budget = median(
        at / run.images for run in runs if (at := run.outputs["watch"].at) is not None
    )
    return f"{middle:,.0f} ({least:,} to {most:,})", f"{of_budget:.0%}"


def worse_cell(runs: Sequence[ScoredRun], metrics: Iterable[str]) -> str:
    """By how much failures were worse, least and most, by each score that shows it."""
    cells = []
    for metric in metrics:
        times = [run.worse[metric] for run in runs if metric in run.worse]
        if times:
            cells.append(f"{metric} {min(times):.2g} to {max(times):.2g}")
    return "; ".join(cells) or ("stopped" if runs else "-")


def by_base(runs: Sequence[ScoredRun], results: Sequence[Result]) -> str:
    """A row for each healthy recipe."""
    scores = {result.name: result.scores for result in results}
    rows = []
    for name, base in BASES.items():
        ours = healthy(runs, name)
        if not ours:
            continue
        symptoms = sorted({run.outputs["watch"].symptom for run in ours} - {NOTHING})
        metric = "modes" if "modes" in base.metrics else "fd-lite0"
        values = [scores[run.name][metric] for run in ours if metric in scores.get(run.name, {})]
        rows.append(
            (
                f"`{name}`{' (built to collapse, not counted)' if base.built_to_fail else ''}",
                len(ours),
                detected(ours, "failing").hits,
                detected(ours, "watch").hits,
                ", ".join(f"`{symptom}`" for symptom in symptoms),
                f"{metric} {', '.join(f'{value:.4g}' for value in values)}" if values else "",
            )
        )
    return markdown_table("| recipe | runs | failing | any finding | what | scores |", rows)


def exceptions(runs: Sequence[ScoredRun]) -> str:
    """Every run that is not as it should be, of both halves; * marks those of the calibration."""
    failed = failures(runs)
    found = [run for run in failed if run.outputs["watch"].at is not None]
    alarms = [run for run in healthy(runs) if run.outputs["watch"].at is not None]
    named = [run for run in found if run.names_cause(run.outputs["watch"].symptom)]
    groups = {
        "no failure, left out": [line(r) for r in runs if not (r.is_healthy or r.failed)],
        "missed": [line(run) for run in failed if run not in found],
        "found, but never failing": [line(r) for r in found if r.outputs["failing"].at is None],
        "another symptom first": [finding(run, "watch") for run in found if run not in named],
        "another symptom at the first finding, the right one later": [
            f"{line(run)}: {run.outputs['watch'].first_symptom}"
            for run in named
            if not run.names_cause(run.outputs["watch"].first_symptom)
        ],
        "healthy but called failing": [
            finding(run, "failing") for run in alarms if run.outputs["failing"].at is not None
        ],
        "healthy but watched": [
            finding(run, "watch") for run in alarms if run.outputs["failing"].at is None
        ],
    }
    lines = [f"- **{name}**: {'; '.join(group) or 'none'}" for name, group in groups.items()]
    return "\n".join([*lines, "", "\\* of the seeds that thresholds were set on"])


def finding(run: ScoredRun, level: Level) -> str:
    """A run's name, its first symptom, and the images until the first finding."""
    output = run.outputs[level]
    return f"{line(run)}: {output.symptom}, from {output.at:,} images on"


def line(run: ScoredRun) -> str:
    """A run's name, and by how much it was worse where it is no failure."""
    name = run.name + ("*" if run.seed % 2 == 0 else "")
    if run.is_healthy or run.failed:
        return name
    worse = ", ".join(f"{metric} x {times:.2f}" for metric, times in run.worse.items())
    return f"{name} ({worse or 'nothing to compare with'})"


def what_was_trained(results: Sequence[Result]) -> str:
    """Sizes, budgets, and how long it took."""
    rows = []
    healthy_results = [result for result in results if result.kind == HEALTHY]
    for base in BASES:
        ours = [result for result in healthy_results if result.base == base]
        if not ours:
            continue
        recipe = ours[0].recipe
        height, width = recipe["data"]["size"]
        updates = recipe["images"] // (recipe["batch"] * recipe["discriminator_steps"])
        rows.append(
            (
                f"`{base}`",
                f"{height}x{width}",
                f"{recipe['images']:,}",
                f"{updates:,}",
                f"{recipe['intervals']['probes']:,}",
                f"{median(result.seconds for result in ours):.0f}",
            )
        )
    header = "| recipe | size | images | updates of the generator | probed every | s a run |"
    limits = Thresholds()
    count = len(healthy_results)
    hours = sum(result.seconds for result in results) / 3600
    return (
        f"{markdown_table(header, rows)}\n\n"
        f"{count} healthy and {len(results) - count} sabotaged runs: {hours:.1f} hours of one "
        "worker, scores included. "
        f"Most rules apply from {limits.learning_steps} updates of the generator on, hardly any "
        f"before {limits.start_steps}, so shorter runs say little about them."
    )


def matrix(runs: Sequence[ScoredRun]) -> tuple[list[str], list[str], list[list[int]]]:
    """Rows (kinds, then healthy), columns (symptoms, then nothing), and counts."""
    counts = confusion(runs, "watch")
    rows = [kind for kind in counts if counts[kind]]
    expected = [KINDS[kind].symptoms[0] for kind in rows if kind in KINDS]
    symptoms = dict.fromkeys([*expected, *(symptom for kind in rows for symptom in counts[kind])])
    columns = [symptom for symptom in symptoms if symptom != NOTHING] + [NOTHING]
    return rows, columns, [[counts[row][column] for column in columns] for row in rows]


def write_confusion(
    path: Path, rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]
) -> None:
    """The confusion matrix: shades are fractions of a row, right symptoms are framed."""
    fractions = [[count / max(1, sum(row)) for count in row] for row in counts]
    figure = Figure(
        figsize=(3.4 + CELL_INCHES * len(columns), 2.4 + CELL_INCHES * len(rows)),
        layout="constrained",
    )
    axes = figure.subplots()
    axes.imshow(fractions, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    labels = [KINDS[row].what if row != HEALTHY else "nothing (healthy)" for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_xlabel("symptom named first")
    axes.set_ylabel("what was done")
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if is_right(rows[y], columns[x]):
                frame = {"fill": False, "lw": 1.4, "ec": "#d95f02"}
                axes.add_patch(Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, **frame))
            if count:
                shade = "white" if fractions[y][x] > 0.55 else "black"
                axes.text(x, y, str(count), ha="center", va="center", color=shade, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, bbox_inches="tight")


def is_right(row: str, column: str) -> bool:
    """Whether this symptom names the cause; for healthy runs, whether there is none."""
    return column == NOTHING if row == HEALTHY else column in KINDS[row].symptoms
