"""The arms of a study: the headline, the charts of effects and cost, next steps."""

from __future__ import annotations

from ganvas.command_line import ganvas_command
from ganvas.formatting import (
    format_count,
    format_duration,
    format_interval,
    format_list,
    format_number,
)
from ganvas.reports.charts import EffectRow, Spot, effect_chart, scatter
from ganvas.reports.commands import Command
from ganvas.reports.figures import Colour
from ganvas.reports.local_paths import folder_name
from ganvas.reports.page import Drawing
from ganvas.reports.texts import as_sentence, better_word
from ganvas.studies.comparison import ArmComparison
from ganvas.studies.results import Family, StudyResults


def format_effect(comparison: ArmComparison) -> tuple[str, str]:
    """A ratio where scores were compared by their logs, else a difference; and its interval."""
    effect = comparison.effect
    if effect is None:
        return "", ""
    interval = format_interval(effect.interval)
    if comparison.scale == "log":
        return f"× {effect.value:.3g}", interval
    sign = "+" if effect.value > 0 else "−" if effect.value < 0 else ""
    return f"{sign}{format_number(abs(effect.value))}", interval


SENTENCES = {
    "better": "{} {} better than {}",
    "worse": "{} {} worse than {}",
    "too few seeds to say": "Too few seeds to tell whether {} {} better than {}",
}
"""The headline by verdict: `better` where any arm is, the others where they hold for all arms."""


def headline(results: StudyResults) -> str:
    """The result of the study by its deciding score, in one sentence."""
    base = results.study.base.name
    by_verdict: dict[str, list[str]] = {}
    for arm in results.arms[1:]:
        comparison = results.comparison(arm.name, results.deciding)
        if arm.against == base and comparison is not None:
            by_verdict.setdefault(comparison.verdict, []).append(arm.name)
    if not by_verdict:
        return headline_without_verdicts(results)
    sentence = f"No arm is shown to be better than {base}"
    for verdict, template in SENTENCES.items():
        if verdict in by_verdict and (verdict == "better" or len(by_verdict) == 1):
            names = by_verdict[verdict]
            verb = "is" if len(names) == 1 else "are"
            sentence = template.format(format_list(names), verb, base)
            break
    return f"{sentence}, so far" if results.missing else sentence


def headline_without_verdicts(results: StudyResults) -> str:
    """The headline while no arm can be compared, or where there is none to compare."""
    ended = sum(len(arm.outcomes) for arm in results.arms)
    runs = results.study.seeds * len(results.arms)
    if ended < runs:
        return f"No result yet: {ended} of {runs} runs have ended"
    return f"How much {results.study.base.name} varies over {format_count(runs, 'seed')}"


def next_steps(results: StudyResults) -> list[Command]:
    """What to do next: run what is missing, or the seeds that would give a verdict."""
    line = ganvas_command("compare", folder_name(results.directory.path))
    if results.missing:
        count = len(results.missing)
        seconds = results.plan.seconds(results.study, [arm for arm, _ in results.missing])
        about = f"{count} run{'s are' if count > 1 else ' is'} missing, about "
        return [Command(line, f"{about}{format_duration(seconds)} by the plan: continue.")]
    comparisons = (results.comparison(arm.name, results.deciding) for arm in results.arms)
    needed = [(c.more_seeds, c) for c in comparisons if c is not None and c.more_seeds]
    if not needed:
        return []
    more, first = min(needed, key=lambda pair: pair[0])
    about = f"{first.name}: {as_sentence(first.why)} The existing runs are kept."
    return [Command(f"{line} --seeds {results.study.seeds + more}", about)]


VERDICT_COLOURS: dict[str, Colour] = {"better": "healthy", "worse": "failing"}
"""Of a verdict in a chart; the others are grey."""


def draw_effects(family: Family) -> Drawing | None:
    """The effect of every arm of a family with its interval; None without any."""
    log = family.comparison.scale == "log"
    effects = [(arm, arm.effect) for arm in family.comparison.arms]
    rows = [
        EffectRow(
            arm.name,
            effect.value,
            effect.interval,
            arm.verdict,
            VERDICT_COLOURS.get(arm.verdict, "muted"),
        )
        for arm, effect in effects
        if effect is not None
    ]
    if not rows:
        return None
    label = f"{family.metric}: {'ratio to' if log else 'difference from'} {family.base}"
    values = "; ".join(
        f"{row.name} {row.value:.3g} {format_interval(row.interval)}, {row.note}" for row in rows
    )
    caption = (
        "Paired over seeds, with the 95 % interval of each arm by itself; "
        f"{better_word(family.metric)} is better. The verdicts are corrected for the number "
        "of arms (Holm), and count failed runs as worse than every score."
    )
    left_out = [arm.name for arm, effect in effects if effect is None]
    if left_out:
        caption += f" Without a pair of scores: {format_list(left_out)}."
    chart = effect_chart(rows, 1 if log else 0, label, log)
    return Drawing(chart, f"{label}, with 95 % intervals. {values}.", caption)


def draw_pareto(results: StudyResults, family: Family) -> Drawing | None:
    """Quality against cost, with the Pareto set ringed; None with fewer than two arms."""
    spots = []
    for summary in family.comparison.summaries:
        cost = results.arm(summary.name).cost
        if summary.median is None or cost is None:
            continue
        name, failed = summary.name, len(summary.reasons)
        if failed:  # the median is that of the survivors, which flatters the arm
            name = f"{name}, {failed} of {summary.runs} failed"
        best = summary.name in family.comparison.pareto
        spots.append(Spot(name, 1000 / cost.images_per_second, summary.median, best))
    if len(spots) < 2:
        return None
    values = "; ".join(
        f"{spot.name}: {spot.x:.3g} s, {format_number(spot.y)}"
        + (", not beaten in both" if spot.best else "")
        for spot in spots
    )
    label = f"{family.metric}, median ({better_word(family.metric)} is better)"
    return Drawing(
        scatter(spots, "seconds of training per 1,000 images", label),
        f"Quality against cost. {values}.",
        "Ringed and bold: no other arm is as good in both and better in one, with failed runs "
        "counted as worse than every score.",
    )


def best_arm(results: StudyResults) -> str | None:
    """The arm of the Pareto set with the best typical score; None without scores."""
    pareto = results.families[0].comparison.pareto if results.families else ()
    return pareto[-1] if pareto else None  # cheapest first, so the best is last
