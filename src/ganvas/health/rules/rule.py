"""A rule: when to look for a symptom, and what looks in a row add up to.

Every rule is the same but for what it looks at. It goes back from the newest record for as long as
the symptom is there (strength at least `release`). It speaks if within that stretch `patience`
looks in a row had strength 1 or more, or one look `extreme` strength. A look is at a probed record
(`Evidence.looks`); those that lack the rule's columns are passed over.

- since: the first look of the stretch with strength 1 or more.
- strength of the stretch s: the median of its newest three looks.
- confidence: 1 - 1 / (s (k + 1)), with k the looks of the stretch: one look at the limit is as good
  as a coin, and the doubt falls with the strength and with the looks.
- verdict: failing from s = `failing` on, or after `lasting` looks; else watch. Some rules, and
  some sights of others, are never more than a watch.
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
from ganvas.health.rules.sight import Moment, Sight
from ganvas.recipes.recipe import Recipe

Phase = Literal["any", "start", "learning", "settled"]
"""From which `..._steps` of the thresholds on a rule looks; at any time, where it asks itself."""

Look = tuple[int, Sight]
"""Images seen, and what was seen."""


def always(recipe: Recipe) -> str | None:
    """No reason against looking."""
    return None


@dataclass(frozen=True)
class Rule:
    """From evidence to a finding of one symptom, or None.

    look: what can be seen at one moment; None where the numbers for it are missing. The symptom is
        there at strength 1 and more.
    columns: those that `look` reads.
    applies: why the symptom cannot be told under a recipe; None where it can.
    worst: the verdict it never goes beyond.
    """

    symptom: str
    paper: str
    look: Callable[[Moment], Sight | None]
    columns: tuple[str, ...]
    phase: Phase = "learning"
    applies: Callable[[Recipe], str | None] = always
    worst: Literal["watch", "failing"] = "failing"

    def __call__(self, evidence: Evidence) -> Finding | None:
        """The finding, if the symptom is there now."""
        stretch = self._stretch(evidence)
        onset = next((look for look in reversed(stretch) if look[1].strength >= 1), None)
        if onset is None or not is_raised([sight.strength for _, sight in stretch], evidence):
            return None
        limits = evidence.thresholds
        newest = stretch[0][1]
        strength = median(sight.strength for _, sight in stretch[:3])
        fails = strength >= limits.failing or len(stretch) >= limits.lasting
        fails = fails and not newest.mild and self.worst == "failing"
        return Finding(
            symptom=self.symptom,
            verdict="failing" if fails else "watch",
            confidence=1 - 1 / (max(strength, 1.0) * (len(stretch) + 1)),
            since=onset[0] if newest.since is None else newest.since,
            numbers=newest.numbers,
            meaning=newest.meaning,
            advice=advise(evidence.recipe, newest.remedies),
            paper=self.paper,
        )

    def looks(self, evidence: Evidence) -> Iterator[Look]:
        """Every look that could be taken, newest first."""
        if self.applies(evidence.recipe) is not None:
            return
        for index in reversed(evidence.looks):
            moment = Moment(evidence, index)
            if moment.images_seen < self.first_look(evidence):
                return
            sight = self.look(moment)
            if sight is not None:
                yield moment.images_seen, sight

    def signal(self, evidence: Evidence) -> float | None:
        """How near the rule is to speak: from 1 on it does. None where it cannot look."""
        looks = self.looks(evidence)
        patience, extreme = evidence.thresholds.patience, evidence.thresholds.extreme
        newest = [sight.strength for (_, sight), _ in zip(looks, range(patience), strict=False)]
        if not newest:
            return None
        together = min(newest) if len(newest) == patience else 0.0
        return max(together, newest[0] / extreme)

    def reason_unable(self, evidence: Evidence) -> str | None:
        """Why the rule could not look even once; None where it could."""
        reason = self.applies(evidence.recipe)
        if reason is not None or next(self.looks(evidence), None) is not None:
            return reason
        first = self.first_look(evidence)
        if not evidence.looks and first == 0:
            return "nothing was probed yet"
        if not evidence.looks or evidence.judged[evidence.looks[-1]]["images_seen"] < first:
            return f"too early: it looks from {first:,} images on"
        expected = [name for name in self.columns if name != MISSING]  # there if others are not
        missing = [name for name in expected if evidence.latest(name) is None]
        if not missing:
            return "too few records for it"
        reasons = missing_probes(evidence.probed[-1]) if evidence.probed else {}
        said = (reasons[probe] for probe in reasons for name in missing if name.startswith(probe))
        why = next(said, "")
        return f"not measured: {', '.join(missing)}{f' ({why})' if why else ''}"

    def first_look(self, evidence: Evidence) -> int:
        """Images seen before which it does not look."""
        limits = evidence.thresholds
        steps = {
            "any": 0,
            "start": limits.start_steps,
            "learning": limits.learning_steps,
            "settled": limits.settled_steps,
        }[self.phase]
        return steps * evidence.recipe.batch * evidence.recipe.discriminator_steps

    def _stretch(self, evidence: Evidence) -> list[Look]:
        """The looks since the symptom was last away, newest first."""
        stretch = []
        for look in self.looks(evidence):
            if look[1].strength < evidence.thresholds.release:
                break
            stretch.append(look)
        return stretch


def is_raised(strengths: list[float], evidence: Evidence) -> bool:
    """Whether looks in a row are enough to speak."""
    limits = evidence.thresholds
    if max(strengths) >= limits.extreme:
        return True
    run = 0
    for strength in strengths:
        run = run + 1 if strength >= 1 else 0
        if run == limits.patience:
            return True
    return False
