"""A rule: when a symptom is checked, and how conditions at several records become a finding.

All rules work the same way and differ in the condition that they evaluate. A rule is evaluated at
each probed record (`Evidence.evaluated_indices`); records that lack its columns are skipped.

An episode of a symptom is a row of evaluations with a severity of at least `release`. A finding
begins once, within an episode, `patience` evaluations in a row have severity 1 or more, or one has
`extreme` severity. It is over once `recovery` evaluations in a row have less than `release`. If
its episode is interrupted for less, the finding is kept: `Finding.ending`. So it begins as soon as
without keeping, and values that cross their limit to and fro make one finding.

- since: the first evaluation with severity 1 or more, of the episode in which the finding began.
- severity of an episode s: the median of its newest three evaluations.
- confidence: 1 - 1 / (s (k + 1)), with k evaluations in the episode: one evaluation at the limit
  gives 0.5, and doubt falls with severity and with the number of evaluations.
- verdict: "failing" from s = `failing` on, or after `lasting` evaluations of the episode; else
  "watch". Some rules, and some conditions of others, are never more than "watch".
- while it is kept, the confidence is that of the episode before, the numbers are the newest ones of
  at least `release`, and the verdict is "watch": nothing that may be over stops a run.

All this is a function of the history up to one record. So `ganvas diagnose` says what training did,
and a resumed run needs no memory of its findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Literal

from ganvas.health.advice import advise
from ganvas.health.columns import MISSING
from ganvas.health.evidence import Evidence, missing_probes
from ganvas.health.finding import Finding
from ganvas.health.rules.condition import Condition, RuleInput
from ganvas.health.thresholds import Thresholds
from ganvas.recipes.recipe import Recipe

Phase = Literal["any", "start", "learning", "settled"]
"""From which `..._steps` of the thresholds on a rule is evaluated; "any": from the start."""

Evaluation = tuple[int, Condition]
"""Images seen, and the condition there."""


def always_applies(recipe: Recipe) -> str | None:
    """No reason against any recipe."""
    return None


def never_waits(current: RuleInput) -> str | None:
    """No reason against any record."""
    return None


@dataclass(frozen=True)
class Rule:
    """From evidence to a finding of one symptom, or None.

    evaluate: the condition at one record; None where its numbers are missing. The symptom is
        present from severity 1 on.
    columns: those that `evaluate` reads.
    reason_not_applicable: why the symptom cannot occur under a recipe; None where it can.
    reason_to_wait: why it cannot be seen at a record yet, whatever its numbers; None where it can.
    worst: the worst verdict of its findings.
    """

    symptom: str
    paper: str
    evaluate: Callable[[RuleInput], Condition | None]
    columns: tuple[str, ...]
    phase: Phase = "learning"
    reason_not_applicable: Callable[[Recipe], str | None] = always_applies
    reason_to_wait: Callable[[RuleInput], str | None] = never_waits
    worst: Literal["watch", "failing"] = "failing"

    def __call__(self, evidence: Evidence) -> Finding | None:
        """The finding, if the symptom is present, or was and is not over yet."""
        limits = evidence.thresholds
        episodes = self._episodes(evidence)
        triggered = [episode for episode in episodes if is_triggered(episode, limits)]
        if not triggered:
            return None
        episode, ending = triggered[0], triggered[0] is not episodes[0]
        onset = next(images for images, cond in reversed(triggered[-1]) if cond.severity >= 1)
        newest = next(episode for episode in episodes if episode)[0][1]
        severity = median(condition.severity for _, condition in episode[:3])
        fails = severity >= limits.failing or len(episode) >= limits.lasting
        fails = fails and not (ending or newest.at_most_watch) and self.worst == "failing"
        return Finding(
            symptom=self.symptom,
            verdict="failing" if fails else "watch",
            confidence=1 - 1 / (max(severity, 1.0) * (len(episode) + 1)),
            since=onset if newest.since is None else newest.since,
            numbers=newest.numbers,
            meaning=f"{newest.meaning} {ending_sentence(limits)}" if ending else newest.meaning,
            advice=advise(evidence.recipe, newest.remedies),
            paper=self.paper,
            ending=ending,
        )

    def evaluations(self, evidence: Evidence) -> Iterator[Evaluation]:
        """Evaluate the rule at every record where that is possible, newest first."""
        if self.reason_not_applicable(evidence.recipe) is not None:
            return
        for index in reversed(evidence.evaluated_indices):
            current = RuleInput(evidence, index)
            if current.images_seen < self.active_from(evidence):
                return
            waits = self.reason_to_wait(current) is not None
            condition = None if waits else self.evaluate(current)
            if condition is not None:
                yield current.images_seen, condition

    def severity(self, evidence: Evidence) -> float | None:
        """How close the rule is to a new finding: from 1 on there is one. None: not evaluated."""
        evaluations = self.evaluations(evidence)
        patience, extreme = evidence.thresholds.patience, evidence.thresholds.extreme
        newest = [cond.severity for (_, cond), _ in zip(evaluations, range(patience), strict=False)]
        if not newest:
            return None
        sustained = min(newest) if len(newest) == patience else 0.0
        return max(sustained, newest[0] / extreme)

    def excuses(self, evidence: Evidence) -> tuple[str, ...]:
        """Which of its newest numbers would be suspicious and why they are not, a sentence each."""
        newest = next(self.evaluations(evidence), None)
        return () if newest is None else newest[1].excuses

    def reason_not_checked(self, evidence: Evidence) -> str | None:
        """Why the rule could not be evaluated at any record; None where it could."""
        reason = self.reason_not_applicable(evidence.recipe)
        if reason is not None or next(self.evaluations(evidence), None) is not None:
            return reason
        if self.is_too_early(evidence):
            return f"too early: it is checked from {self.active_from(evidence):,} images on"
        if not evidence.evaluated_indices:
            return "no probes yet"
        waiting = self.reason_to_wait(RuleInput(evidence, evidence.evaluated_indices[-1]))
        if waiting is not None:
            return waiting
        required = [name for name in self.columns if name != MISSING]  # present only after failures
        missing = [name for name in required if evidence.latest(name) is None]
        if not missing:
            return "too few records"
        reasons = missing_probes(evidence.probed[-1]) if evidence.probed else {}
        matching = (
            why for probe, why in reasons.items() for name in missing if name.startswith(probe)
        )
        why = next(matching, "")
        return f"not measured: {', '.join(missing)}{f' ({why})' if why else ''}"

    def is_too_early(self, evidence: Evidence) -> bool:
        """Whether the rule is evaluated only from later records on."""
        start, evaluated = self.active_from(evidence), evidence.evaluated_indices
        newest = evidence.valid_records[evaluated[-1]]["images_seen"] if evaluated else 0
        return bool(newest < start)

    def active_from(self, evidence: Evidence) -> int:
        """Images seen from which on the rule is evaluated."""
        limits = evidence.thresholds
        steps = {
            "any": 0,
            "start": limits.start_steps,
            "learning": limits.learning_steps,
            "settled": limits.settled_steps,
        }[self.phase]
        return steps * evidence.recipe.images_per_step

    def _episodes(self, evidence: Evidence) -> list[list[Evaluation]]:
        """The episodes since the symptom was last over, newest first; their evaluations, too.

        The first is the current one. It is empty if the newest evaluation is below `release`.
        """
        episodes: list[list[Evaluation]] = [[]]
        below = 0
        for evaluation in self.evaluations(evidence):
            if evaluation[1].severity >= evidence.thresholds.release:
                episodes[-1].append(evaluation)
                below = 0
                continue
            below += 1
            if below == evidence.thresholds.recovery:
                break
            episodes.append([])
        return episodes


def is_triggered(episode: list[Evaluation], limits: Thresholds) -> bool:
    """Whether an episode is enough for a finding to begin."""
    in_a_row = 0
    for _, condition in episode:
        in_a_row = in_a_row + 1 if condition.severity >= 1 else 0
        if in_a_row == limits.patience or condition.severity >= limits.extreme:
            return True
    return False


def ending_sentence(limits: Thresholds) -> str:
    """What a finding adds to its meaning while it is kept."""
    return (
        "The newest values are closer to normal; it is over after "
        f"{limits.recovery} normal ones in a row."
    )
