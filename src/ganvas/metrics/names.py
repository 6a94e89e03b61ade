"""What can be measured, by name. Imports no torch: recipes and the command line's help read it.

A metric is asked for by the name of one score (`coverage-lite0`) or of a family (`prdc-lite0`).
Scores in different features have different names, because they cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.errors import GanvasError, did_you_mean

FEATURES = ("lite0", "inception", "classifier")
"""The feature extractors (`metrics/features.py`); the first is meant where none is named."""

IN_FEATURES: dict[str, tuple[str, ...]] = {
    "fd": ("fd",),
    "kid": ("kid",),
    "prdc": ("precision", "recall", "density", "coverage"),
    "birthday": ("birthday",),
    "memorised": ("memorised",),
}
"""Families that compare features, and their scores; a name ends in the features."""

WITHOUT_FEATURES: dict[str, tuple[str, ...]] = {
    "swd": ("swd",),
    "modes": ("modes", "reverse-kl", "high-quality"),
    "inception-score": ("inception-score",),
}
"""Families that need none, or whose features are given."""

MORE_IS_BETTER = frozenset(
    {"precision", "recall", "density", "coverage", "modes", "high-quality", "inception-score"}
)
"""Scores of which more is better; of the others less is."""


@dataclass(frozen=True)
class Metric:
    """One family of scores, and where it is measured."""

    family: str
    features: str | None
    scores: tuple[str, ...]
    """Which of the family's scores were asked for."""

    def named(self, score: str) -> str:
        """The full name of one of its scores."""
        return score if self.features is None else f"{score}-{self.features}"


def more_is_better(score: str) -> bool:
    """Whether a larger value of this score, by its full name, means better samples."""
    return any(score == name or score.startswith(f"{name}-") for name in MORE_IS_BETTER)


def parse_metrics(names: Sequence[str]) -> list[Metric]:
    """What a list of names asks for; scores of one family are measured together.

    Raises:
        GanvasError: unknown names, all of them, each with the nearest known one.
    """
    found: dict[tuple[str, str | None], list[str]] = {}
    problems = []
    for name in names:
        try:
            family, features, scores = _parse(name)
        except KeyError:
            problems.append(f"{name!r} is no metric.{did_you_mean(name, accepted_names())}")
            continue
        asked = found.setdefault((family, features), [])
        asked += [score for score in scores if score not in asked]
    if not found and not problems:
        problems.append("no metric was named.")
    if problems:
        raise GanvasError(f"{' '.join(problems)} All: {', '.join(known_names())}")
    return [Metric(family, features, tuple(scores)) for (family, features), scores in found.items()]


def known_names() -> list[str]:
    """Every family by its full name."""
    return [
        *(f"{family}-{features}" for features in FEATURES for family in IN_FEATURES),
        *WITHOUT_FEATURES,
    ]


def accepted_names() -> list[str]:
    """Every name that can be asked for: families and single scores, also without an ending."""
    scores = [score for family in WITHOUT_FEATURES.values() for score in family]
    stems = [name for family, inside in IN_FEATURES.items() for name in (family, *inside)]
    ended = [f"{stem}-{features}" for features in FEATURES for stem in stems]
    return [*known_names(), *scores, *stems, *ended]


def _parse(name: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Family, features and scores of one name; KeyError for an unknown one."""
    stem, _, ending = name.rpartition("-")
    for asked, features in ((stem, ending), (name, FEATURES[0])):
        if features not in FEATURES:
            continue
        for family, scores in IN_FEATURES.items():
            if asked == family:
                return family, features, scores
            if asked in scores:
                return family, features, (asked,)
    for family, scores in WITHOUT_FEATURES.items():
        if name == family:
            return family, None, scores
        if name in scores:
            return family, None, (name,)
    raise KeyError(name)
