"""The figures as a page: what was found, what was missed, what was called wrong and is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from bases import BASES
from cases import HEALTHY, KINDS
from judging import (
    MARGIN,
    Judged,
    Share,
    confusion,
    failures,
    half,
    healthy,
    rightly_named,
    spoken_of,
    time_to_finding,
    worst_recall,
)
from running import Result
from watching import NOTHING, Level

from ganvas.health.thresholds import Thresholds

RECALL, WORST_RECALL, RIGHT, FALSE_ALARMS = 0.95, 0.80, 0.85, 0.05
"""The targets, on the seeds that no threshold was set on."""


def page_of(judged: Sequence[Judged], results: Sequence[Result], picture: str | None) -> str:
    """The whole report in Markdown.

    Args:
        picture: the file of the confusion matrix, relative to the page.
    """
    unseen = half(judged, calibration=False)
    parts = [
        headline(unseen, half(judged, calibration=True)),
        EXPLANATION,
        f"![how often each symptom was named for each sabotage]({picture})" if picture else "",
        "### Sabotaged, unseen seeds",
        by_kind(unseen),
        "### Healthy, unseen seeds",
        by_base(unseen, results),
        "### Run by run",
        exceptions(judged),
        "### What was trained",
        what_was_trained(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


EXPLANATION = f"""\
*Failing* counts that verdict alone, *any finding* the verdict `watch` too; both at any look of the
run, and alike for sabotaged and for healthy runs. The *right symptom* is one that names the cause,
named first at the last look with a finding that counts; a miss is wrong. A sabotaged run counts if
it failed: a score at least {MARGIN:g} times worse than that of its worst healthy counterpart (same
recipe, size and budget), or training that stopped at numbers that are not finite. The rules saw the
run's history alone, look by look, and no scores. Thresholds were set on even seeds; figures are of
odd ones unless they say otherwise. Intervals: 95 %, Wilson."""

IN_WORDS: dict[Level, str] = {"watch": "any finding", "failing": "failing"}


def headline(unseen: Sequence[Judged], seen: Sequence[Judged]) -> str:
    """The targets beside what was reached, at both levels."""
    rows = [
        "| | counts | unseen seeds | 95 % | target | seeds of calibration |",
        "|---|---|---|---|---|---|",
    ]
    shares: dict[str, tuple[Callable[[Sequence[Judged], Level], Share], float]] = {
        "recall": (lambda runs, level: spoken_of(failures(runs), level), RECALL),
        "right symptom named first": (
            lambda runs, level: rightly_named(failures(runs), level),
            RIGHT,
        ),
        "false alarms": (lambda runs, level: spoken_of(healthy(runs), level), FALSE_ALARMS),
    }
    for name, (count, target) in shares.items():
        for level, words in IN_WORDS.items():
            now = count(unseen, level)
            low, high = now.interval
            doubt = f"{low:.0%} to {high:.0%}" if now.of else ""
            goal = met(now, target, least=name != "false alarms")
            cells = [name, words, share(now), doubt, goal]
            rows.append(f"| {' | '.join(cells)} | {share(count(seen, level))} |")
        if name == "recall":
            rows += [worst_row(unseen, seen, level) for level in IN_WORDS]
    return "\n".join(rows)


def worst_row(unseen: Sequence[Judged], seen: Sequence[Judged], level: Level) -> str:
    """The kind that was found least."""
    found, before = worst_recall(unseen, level), worst_recall(seen, level)
    now, earlier = (f"{share(w[1])}, {w[0]}" if w else "-" for w in (found, before))
    goal = met(found[1], WORST_RECALL, least=True) if found else ""
    return f"| least recall of a kind | {IN_WORDS[level]} | {now} | | {goal} | {earlier} |"


def met(found: Share, target: float, least: bool) -> str:
    """The target, and whether the share meets it."""
    if not found.of:
        return ""
    reached = found.value >= target if least else found.value <= target
    return f"{'>=' if least else '<='} {target:.0%}: {'met' if reached else 'MISSED'}"


def share(found: Share) -> str:
    """In percent and in counts."""
    return f"{found.value:.0%} ({found.hits} of {found.of})" if found.of else "-"


def by_kind(runs: Sequence[Judged]) -> str:
    """A row for each sabotage."""
    rows = [
        "| sabotage | failed | failing | any finding | right symptom | images to any finding "
        "| of the budget | times worse |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, row in KINDS.items():
        all_of_it = [run for run in runs if run.kind == kind]
        failed = failures(runs, kind)
        cells = [
            f"{row.what} (`{kind}`)",
            f"{len(failed)} of {len(all_of_it)}",
            share(spoken_of(failed, "failing")),
            share(spoken_of(failed, "watch")),
            share(rightly_named(failed, "watch")),
            *time_cells(failed),
            worse_cell(failed, row.shown_by),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def time_cells(runs: Sequence[Judged]) -> tuple[str, str]:
    """Images until a finding: median, least and most; and the median as a share of the budget."""
    times = time_to_finding(runs, "watch")
    if times is None:
        return "-", "-"
    middle, least, most = times
    found = [(run.heard["watch"].at, run.images) for run in runs]
    of_budget = median(at / images for at, images in found if at is not None)
    return f"{middle:,.0f} ({least:,} to {most:,})", f"{of_budget:.0%}"


def worse_cell(runs: Sequence[Judged], metrics: Iterable[str]) -> str:
    """By how much failures were worse, least and most, by each score that shows it."""
    cells = []
    for metric in metrics:
        found = [run.worse[metric] for run in runs if metric in run.worse]
        if found:
            cells.append(f"{metric} {min(found):.2g} to {max(found):.2g}")
    return "; ".join(cells) or ("stopped" if runs else "-")


def by_base(runs: Sequence[Judged], results: Sequence[Result]) -> str:
    """A row for each healthy recipe."""
    scores = {result.name: result.scores for result in results}
    rows = [
        "| recipe | runs | failing | any finding | what | scores |",
        "|---|---|---|---|---|---|",
    ]
    for base in BASES:
        ours = healthy(runs, base)
        if not ours:
            continue
        said = sorted({run.heard["watch"].named for run in ours} - {NOTHING})
        metric = "modes" if "modes" in BASES[base].metrics else "fd-lite0"
        values = [scores[run.name][metric] for run in ours if metric in scores.get(run.name, {})]
        cells = [
            f"`{base}`{' (built to collapse, not counted)' if BASES[base].built_to_fail else ''}",
            str(len(ours)),
            str(spoken_of(ours, "failing").hits),
            str(spoken_of(ours, "watch").hits),
            ", ".join(f"`{symptom}`" for symptom in said),
            f"{metric} {', '.join(f'{value:.4g}' for value in values)}" if values else "",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def exceptions(judged: Sequence[Judged]) -> str:
    """Every run that is not as it should be, of both halves; * marks those of the calibration."""
    sabotaged = [run for run in judged if not run.is_healthy]
    failed = failures(judged)
    found = [run for run in failed if run.heard["watch"].at is not None]
    cried = [run for run in healthy(judged) if run.heard["watch"].at is not None]
    groups = {
        "no failure, left out": [line(run) for run in sabotaged if not run.failed],
        "missed": [line(run) for run in failed if run not in found],
        "found, but never failing": [line(r) for r in found if r.heard["failing"].at is None],
        "another symptom first": [said(run, "watch") for run in found if not run.is_right("watch")],
        "another symptom at the first finding, the right one later": [
            f"{line(run)}: {run.heard['watch'].named_at_once}"
            for run in found
            if run.is_right("watch")
            and run.heard["watch"].named_at_once not in KINDS[run.kind].symptoms
        ],
        "healthy but called failing": [
            said(run, "failing") for run in cried if run.heard["failing"].at is not None
        ],
        "healthy but watched": [
            said(run, "watch") for run in cried if run.heard["failing"].at is None
        ],
    }
    lines = [f"- **{name}**: {'; '.join(runs) or 'none'}" for name, runs in groups.items()]
    return "\n".join([*lines, "", "\\* of the seeds that thresholds were set on"])


def said(run: Judged, level: Level) -> str:
    """A run's name, what was named first, and since when there was a finding."""
    heard = run.heard[level]
    return f"{line(run)}: {heard.named}, from {heard.at:,} images on"


def line(run: Judged) -> str:
    """A run's name, and by how much it was worse where it is no failure."""
    mark = "*" if run.seed % 2 == 0 else ""
    if run.is_healthy or run.failed:
        return f"{run.name}{mark}"
    worse = ", ".join(f"{metric} x {times:.2f}" for metric, times in run.worse.items())
    return f"{run.name}{mark} ({worse or 'nothing to compare with'})"


def what_was_trained(results: Sequence[Result]) -> str:
    """Sizes, budgets, and how long it took."""
    rows = [
        "| recipe | size | images | updates of the generator | probed every | s a run |",
        "|---|---|---|---|---|---|",
    ]
    for base in BASES:
        ours = [r for r in results if r.kind == HEALTHY and r.base == base]
        if not ours:
            continue
        recipe = ours[0].recipe
        height, width = recipe["data"]["size"]
        updates = recipe["images"] // (recipe["batch"] * recipe["discriminator_steps"])
        seconds = median(r.training_seconds + r.scoring_seconds for r in ours)
        rows.append(
            f"| `{base}` | {height}x{width} | {recipe['images']:,} | {updates:,} "
            f"| {recipe['intervals']['probes']:,} | {seconds:.0f} |"
        )
    limits = Thresholds()
    count = sum(r.kind == HEALTHY for r in results)
    hours = sum(r.training_seconds + r.scoring_seconds for r in results) / 3600
    rows += [
        "",
        f"{count} healthy and {len(results) - count} sabotaged runs: {hours:.1f} hours of one "
        "worker, scores included. "
        f"Most rules look after {limits.learning_steps} updates of the generator, hardly any "
        f"before {limits.start_steps}: a shorter run says little for them.",
    ]
    return "\n".join(rows)


def matrix(runs: Sequence[Judged]) -> tuple[list[str], list[str], list[list[int]]]:
    """Rows (kinds, then healthy), columns (symptoms, then nothing), counts; for the picture."""
    counted = confusion(runs, "watch")
    rows = [kind for kind in counted if counted[kind]]
    expected = [KINDS[kind].symptoms[0] for kind in rows if kind in KINDS]
    seen = [symptom for kind in rows for symptom in counted[kind]]
    columns = [s for s in dict.fromkeys([*expected, *seen]) if s != NOTHING] + [NOTHING]
    return rows, columns, [[counted[row][column] for column in columns] for row in rows]
