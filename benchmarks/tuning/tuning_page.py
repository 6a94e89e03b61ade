"""The records of all searches as the page docs/results/tuning.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from tuning_record import FINAL, Trial, ranked, read_record
from tuning_space import Space, read_space

from ganvas.formatting import format_estimate, format_number, format_short
from ganvas.metrics.names import more_is_better
from ganvas.studies.comparison import Comparison, compare_metric
from ganvas.studies.display import format_comparison
from ganvas.studies.statistics import ArmScores, Failure, scale_of
from ganvas.studies.study import flat_values, format_changes

INTRODUCTION = """\
# Settings searched by successive elimination

Made by `benchmarks/tuning` from the records beside its spaces; nothing is typed by hand. Every
rung trains the remaining configurations from scratch, with one seed and the rung's budget. It drops
those that health calls failing, and of the others those with the worst scores. **A rung is not a
verdict**: scores of one seed differ by chance, and the best of many is partly luck. Only the
final comparison over seeds, by several metrics, says what is better."""


def page(spaces: Sequence[Path]) -> str:
    """The whole page. Searches without a record are left out."""
    parts = [INTRODUCTION]
    for path in spaces:
        trials = read_record(path.with_suffix(".jsonl"))
        if trials:
            parts += search_section(path.stem, read_space(path), trials)
    if len(parts) == 1:
        parts.append("No search has been recorded yet.")
    return "\n\n".join(parts) + "\n"


def search_section(name: str, space: Space, trials: Sequence[Trial]) -> list[str]:
    """One search: its space, what each rung found, the final comparison."""
    seconds = format_estimate(sum(trial.seconds for trial in trials))
    parts = [
        f"## {name}: `{space.base}` on {space.data}",
        f"The base has `{format_changes(flat_values(space.shared))}`. "
        f"{space.configurations} configurations are drawn from `benchmarks/tuning/{name}.toml` by "
        f"a Latin hypercube; the rungs have {budgets(space)} a run, and the early score is "
        f"`{space.metric}` with {space.samples:,} samples. {len(trials)} runs, {seconds} of "
        "training in all, by the clock.",
    ]
    for rung in range(1, space.rungs + 1):
        of_rung = [trial for trial in trials if trial.rung == rung]
        if of_rung:
            parts += rung_section(space, rung, of_rung)
    final = [trial for trial in trials if trial.rung == FINAL]
    return [*parts, "### The final comparison", *final_section(space, final)]


def budgets(space: Space) -> str:
    """`10k and 40k images`, or times."""
    words = [format_short(images) for images in space.images]
    words += [format_estimate(seconds) for seconds in space.time]
    listed = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return f"{listed} images" if space.images else listed


def rung_section(space: Space, rung: int, trials: Sequence[Trial]) -> list[str]:
    """The runs of a rung, the best first, and what each value did."""
    best = ranked(trials, space.metric)
    tried = [trial for trial in best if trial.changes]
    kept = tried[: space.survivors(rung, sum(bool(trial.changes) for trial in trials))]
    lines = [f"| | {space.metric} | kept | what it changes |", "|---|---|---|---|"]
    for trial in best:
        changes = f"`{format_changes(trial.changes)}`" if trial.changes else "the base"
        score = format_number(trial.scores[space.metric], 3)
        mark = "yes" if trial in kept else ""
        lines.append(f"| `{trial.configuration}` | {score} | {mark} | {changes} |")
    failed = [
        f"- `{trial.configuration}` failed: {trial.ending}, {trial.reason}"
        for trial in trials
        if trial not in best
    ]
    budget = format_short(space.images[rung - 1]) if space.images else ""
    heading = f"### Rung {rung}" + (f": {budget} images" if budget else "")
    parts = [heading, "\n".join(lines), "\n".join(failed)]
    if rung == 1:
        parts.append(values_table(space, tried))
    return [part for part in parts if part]


def values_table(space: Space, trials: Sequence[Trial]) -> str:
    """The median score of the runs with each value: a hint, since the other fields vary too."""
    lines = [
        "The median over the configurations with each value, whatever the others are:",
        "",
        f"| field | value: median {space.metric} (configurations) |",
        "|---|---|",
    ]
    for name, values in space.fields.items():
        cells = []
        for value in values:
            scores = [t.scores[space.metric] for t in trials if t.changes[name] == value]
            if scores:
                cells.append(f"`{value}`: {format_number(median(scores), 3)} ({len(scores)})")
        lines.append(f"| `{name}` | {', '.join(cells)} |")
    return "\n".join(lines)


def final_section(space: Space, trials: Sequence[Trial]) -> list[str]:
    """The finalists against the base, by every metric."""
    if not trials:
        return [
            f"**Not done yet**: the last {space.finalists} have not been compared with "
            f"`{space.base}` over seeds, so nothing is decided and no recipe has changed."
        ]
    names = list(dict.fromkeys(trial.configuration for trial in trials))
    comparisons = {metric: compare_by(metric, space, names, trials) for metric in scored(trials)}
    lines = [f"| | {' | '.join(comparisons)} | failed |", f"|{'---|' * (len(comparisons) + 2)}"]
    for name in names:
        own = [trial for trial in trials if trial.configuration == name]
        failed = sum(trial.ending != "finished" for trial in own)
        cells = [cell(comparison, name) for comparison in comparisons.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {failed} of {len(own)} |")
    return [
        f"{len({trial.seed for trial in trials})} seeds of {format_short(space.final_images)} "
        f"images, {space.final_samples:,} samples: means of the base, and the verdict on each "
        f"finalist against it. `{space.metric}` chose the finalists; the other metrics say "
        "whether it misled.",
        "\n".join(lines),
        conclusion(space, comparisons),
    ]


def conclusion(space: Space, comparisons: Mapping[str, Comparison]) -> str:
    """Whether a finalist may take the base's place: better by the deciding score, worse by none."""
    verdicts: dict[str, dict[str, str]] = {}
    for metric, comparison in comparisons.items():
        for arm in comparison.arms:
            verdicts.setdefault(arm.name, {})[metric] = arm.verdict
    winners = [
        f"`{name}`"
        for name, of_arm in verdicts.items()
        if of_arm[space.metric] == "better" and "worse" not in of_arm.values()
    ]
    if winners:
        return f"Better by `{space.metric}`, and worse by no other score: {', '.join(winners)}."
    return (
        f"**No finalist is better by `{space.metric}` and worse by no other score, so "
        f"`{space.base}` stays as it is.** What led after the rungs' short runs does not lead here."
    )


def scored(trials: Iterable[Trial]) -> list[str]:
    """The full names of all scores, in the order of the record."""
    return list(dict.fromkeys(name for trial in trials for name in trial.scores))


def compare_by(
    metric: str, space: Space, names: Sequence[str], trials: Sequence[Trial]
) -> Comparison:
    """The finalists against the base, by one score."""
    base, *others = (
        scores_of(name, trials, metric)
        for name in (space.base, *(name for name in names if name != space.base))
    )
    return compare_metric(
        base, others, more_is_better=more_is_better(metric), scale=scale_of(metric)
    )


def cell(comparison: Comparison, name: str) -> str:
    """The verdict on an arm, or the mean of the base."""
    for arm in comparison.arms:
        if arm.name == name:
            return format_comparison(arm)
    mean = comparison.summaries[0].mean
    return "-" if mean is None else format_number(mean, 3)


def scores_of(name: str, trials: Iterable[Trial], metric: str) -> ArmScores:
    """One arm's scores by seed, as the statistics take them."""
    runs: dict[int, float | Failure] = {}
    for trial in trials:
        if trial.configuration == name:
            score = trial.scores.get(metric) if trial.ending == "finished" else None
            runs[trial.seed] = Failure(trial.reason) if score is None else score
    return ArmScores(name, runs)
