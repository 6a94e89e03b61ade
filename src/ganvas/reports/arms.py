"""The arms of a study: the table, the sentence that it comes to, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ganvas.formatting import (
    format_count,
    format_duration,
    format_interval,
    format_list,
    format_number,
    format_weights,
)
from ganvas.metrics.names import more_is_better
from ganvas.reports import words
from ganvas.reports.charts import Dot, Spot, dots, scatter
from ganvas.reports.commands import Command
from ganvas.reports.figures import Colour
from ganvas.reports.page import Drawing
from ganvas.studies.comparison import ArmComparison
from ganvas.studies.results import ArmResults, Family, StudyResults
from ganvas.studies.statistics import Effect, Scale, Summary
from ganvas.studies.study import format_changes

Tone = Literal["better", "worse", "muted"]
"""How a verdict is coloured, beside its words."""


@dataclass(frozen=True)
class ArmRow:
    """One arm in the table of one score.

    changes: what it changes, in words; against: in which arm, where that is not the base.
    effect: beside that arm, with interval.
    verdict: one word or a few; why: what it rests on.
    survivors: of how many runs the value is, where some failed.
    failures: `1 of 5`.
    """

    name: str
    changes: str
    against: str
    value: str
    interval: str
    effect: str
    effect_interval: str
    verdict: str
    tone: Tone
    why: str
    survivors: str
    failures: str
    rate: str
    memory: str
    weights: str
    pareto: bool


def rows(results: StudyResults, metric: str) -> list[ArmRow]:
    """The arms by one score, the base first."""
    return [row(results, arm, metric) for arm in results.arms]


def row(results: StudyResults, arm: ArmResults, metric: str) -> ArmRow:
    """One arm by one score."""
    summary, against = results.summary(arm.name, metric), results.comparison(arm.name, metric)
    family = next((one for one in results.families if one.metric == metric), None)
    effect = None if against is None else effect_of(against, scale_of(results, arm, metric))
    verdict = "base" if not arm.against else "not to be said yet"
    if against is not None:
        verdict = against.verdict
    cost = arm.cost
    return ArmRow(
        name=arm.name,
        changes=format_changes(arm.changes),
        against=arm.against if arm.against != results.study.base.name else "",
        value="" if summary is None or summary.mean is None else format_number(summary.mean),
        interval="" if summary is None else format_interval(summary.interval),
        effect="" if effect is None else effect[0],
        effect_interval="" if effect is None else effect[1],
        verdict=verdict,
        tone=tone_of(verdict),
        why="" if against is None else words.sentence(against.why),
        survivors=survivors_of(summary),
        failures=f"{len(arm.failures)} of {len(arm.outcomes)}",
        rate="" if cost is None else f"{cost.images_per_second:,.0f}",
        memory="" if cost is None else f"{cost.memory_mb:,.0f}",
        weights="" if cost is None else format_weights(cost.generator_weights),
        pareto=family is not None and arm.name in family.comparison.pareto,
    )


def survivors_of(summary: Summary | None) -> str:
    """`of 1 run of 3`, where runs failed and their scores are not in the mean; else nothing."""
    if summary is None or not summary.reasons or summary.mean is None:
        return ""
    left = summary.runs - len(summary.reasons)
    return f"of {format_count(left, 'run')} of {summary.runs}"


def tone_of(verdict: str) -> Tone:
    """Better and worse have colours; what cannot be said is grey."""
    tones: dict[str, Tone] = {"better": "better", "worse": "worse"}
    return tones.get(verdict, "muted")


def scale_of(results: StudyResults, arm: ArmResults, metric: str) -> Scale:
    """On which scale an arm was compared."""
    for family in results.families:
        if family.metric == metric and family.base == arm.against:
            return family.comparison.scale
    return "plain"


def effect_of(against: ArmComparison, scale: Scale) -> tuple[str, str] | None:
    """A ratio where scores were compared by their logs, else a difference; and its interval."""
    if scale == "log" and against.ratio is not None:
        return f"× {against.ratio.value:.3g}", format_interval(against.ratio.interval)
    if against.difference is None:
        return None
    value = against.difference.value
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{format_number(abs(value))}", (
        format_interval(against.difference.interval)
    )


SENTENCES = {
    "better": "{} {} better than {}",
    "worse": "{} {} worse than {}",
    "too few seeds to say": "Too few seeds to tell whether {} {} better than {}",
}
"""The headline, by the verdict that makes it: any arm that is better, or what is true of all."""


def headline(results: StudyResults) -> str:
    """What the study comes to by its deciding score, in one sentence."""
    base = results.study.base.name
    found: dict[str, list[str]] = {}
    for arm in results.arms[1:]:
        against = results.comparison(arm.name, results.deciding)
        if arm.against == base and against is not None:
            found.setdefault(against.verdict, []).append(arm.name)
    if not found:
        return nothing_yet(results)
    said = f"No arm is shown to be better than {base}"
    for verdict, sentence in SENTENCES.items():
        if verdict in found and (verdict == "better" or len(found) == 1):
            names = found[verdict]
            said = sentence.format(format_list(names), "is" if len(names) == 1 else "are", base)
            break
    return f"{said}, so far" if results.missing else said


def nothing_yet(results: StudyResults) -> str:
    """The sentence where nothing was compared."""
    ended = sum(len(arm.outcomes) for arm in results.arms)
    runs = results.study.seeds * len(results.arms)
    if ended < runs:
        return f"Nothing to be said yet: {ended} of {runs} runs have ended"
    return f"How much {results.study.base.name} varies over {format_count(runs, 'seed')}"


def missing(results: StudyResults) -> list[str]:
    """The runs that did not end yet, arm by arm."""
    return [
        f"{arm.name}: seed{'' if len(arm.missing) == 1 else 's'} "
        f"{format_list([str(seed) for seed in arm.missing])}"
        for arm in results.arms
        if arm.missing
    ]


def next_steps(results: StudyResults) -> list[Command]:
    """What one would do now."""
    path = shlex.quote(str(results.directory.path))
    if results.missing:
        count = len(results.missing)
        seconds = results.plan.seconds(results.study, [arm for arm, _ in results.missing])
        about = f"{count} run{'s are' if count > 1 else ' is'} missing, about "
        about += f"{format_duration(seconds)} by the plan: go on."
        return [Command(f"ganvas compare {path}", about)]
    unsaid = [
        against
        for arm in results.arms
        if (against := results.comparison(arm.name, results.deciding)) is not None
        and against.more_seeds
    ]
    known = [one for one in unsaid if one.more_seeds]
    if not known:
        return []
    seeds = results.study.seeds + min(one.more_seeds or 0 for one in known)
    first = min(known, key=lambda one: one.more_seeds or 0)
    about = f"{first.name}: {words.sentence(first.why)} The runs there are stay as they are."
    return [Command(f"ganvas compare {path} --seeds {seeds}", about)]


COLOUR_OF: dict[str, Colour] = {"better": "healthy", "worse": "failing"}
"""Of a verdict in a figure; others are grey."""


def effects(results: StudyResults, family: Family) -> Drawing | None:
    """Every arm of a family beside its base: the effect with its interval."""
    comparison = family.comparison
    log = comparison.scale == "log"
    found: list[tuple[ArmComparison, Effect]] = [
        (one, effect)
        for one in comparison.arms
        if (effect := one.ratio if log else one.difference) is not None
    ]
    if not found:
        return None
    lines = [
        Dot(
            one.name,
            effect.value,
            effect.interval,
            one.verdict,
            COLOUR_OF.get(one.verdict, "muted"),
        )
        for one, effect in found
    ]
    what = "ratio to" if log else "difference from"
    label = f"{family.metric}: {what} {family.base}"
    said = "; ".join(
        f"{dot.name} {dot.value:.3g} {format_interval(dot.interval)}, {dot.note}" for dot in lines
    )
    better = "higher" if family.more_is_better else "lower"
    shown = {dot.name for dot in lines}
    left_out = [one.name for one in comparison.arms if one.name not in shown]
    without = f" Without a pair of scores: {format_list(left_out)}." if left_out else ""
    return Drawing(
        dots(lines, 1 if log else 0, label, log),
        f"{label}, with 95 % intervals. {said}.",
        f"Paired over seeds, with 95 % interval of each arm by itself; {better} is better. The "
        "verdicts beside it are corrected for the number of arms (Holm), and count failed runs as "
        f"worse than every score.{without}",
    )


def pareto(results: StudyResults, family: Family) -> Drawing | None:
    """Quality against cost; the arms that no other beats in both are ringed and named so."""
    spots = []
    for summary in family.comparison.summaries:
        cost = results.arm(summary.name).cost
        if summary.median is None or cost is None:
            continue
        best = summary.name in family.comparison.pareto
        name, failed = summary.name, len(summary.reasons)
        if failed:  # its place is that of the survivors, which flatters it
            name = f"{name}, {failed} of {summary.runs} failed"
        spots.append(Spot(name, 1000 / cost.images_per_second, summary.median, best))
    if len(spots) < 2:
        return None
    better = "higher" if more_is_better(family.metric) else "lower"
    said = "; ".join(
        f"{spot.name}: {spot.x:.3g} s, {format_number(spot.y)}"
        + (", beaten by no other in both" if spot.ringed else "")
        for spot in spots
    )
    label = f"{family.metric}, median ({better} is better)"
    return Drawing(
        scatter(spots, "seconds of training per 1,000 images", label),
        f"Quality against cost. {said}.",
        "Ringed and set in bold: no other arm is as good in both and better in one, failed runs "
        "counted as worse than every score.",
    )


def best_arm(results: StudyResults) -> str | None:
    """The arm with the best typical score of those that no other beats; None without scores."""
    if not results.families or not results.families[0].comparison.pareto:
        return None
    return results.families[0].comparison.pareto[-1]  # cheapest first, so best last


def others(results: StudyResults) -> Sequence[str]:
    """The scores that do not decide."""
    return [metric for metric in results.metrics if metric != results.deciding]
