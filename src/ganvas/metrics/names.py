"""The names of all metrics. Imports no torch: recipes and the command line's help read it.

A metric is named by one score (`coverage-lite0`) or by a family (`prdc-lite0`). Scores in different
features have different names, because they cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.errors import GanvasError, did_you_mean
from ganvas.fields import parse_names

FEATURES = ("lite0", "inception", "classifier", "self")
"""The feature networks (`metrics/feature_networks.py`, `metrics/classifier.py`,
`metrics/contrastive.py`); the first is the default."""

IN_FEATURES: dict[str, tuple[str, ...]] = {
    "fd": ("fd",),
    "kid": ("kid",),
    "prdc": ("precision", "recall", "density", "coverage"),
    "birthday": ("birthday",),
    "memorised": ("memorised",),
    "intra-fd": ("intra-fd",),
}
"""Families that compare features, and their scores; full names end in the features."""

WITHOUT_FEATURES: dict[str, tuple[str, ...]] = {
    "swd": ("swd",),
    "c2st": ("c2st",),
    "modes": ("modes", "reverse-kl", "high-quality"),
    "inception-score": ("inception-score",),
    "train-on-fake": ("train-on-fake",),
    "label-accuracy": ("label-accuracy",),
}
"""Families without features, or with fixed ones, and their scores."""

MORE_IS_BETTER = frozenset(
    {
        *("precision", "recall", "density", "coverage", "modes", "high-quality"),
        *("inception-score", "train-on-fake", "label-accuracy"),
    }
)
"""Scores of which more is better; for all others, less is better."""


PUBLISHED_NAMES = {"fid": "fd-inception", "is": "inception-score"}
"""What papers call a score in Inception's features. By spelling alone, `fid` is nearest to `fd`."""


@dataclass(frozen=True)
class Metric:
    """A requested family of scores, and the features that it compares."""

    family: str
    features: str | None
    scores: tuple[str, ...]
    """The requested scores of the family."""

    @property
    def name(self) -> str:
        """The full name of the family: `prdc-lite0`."""
        return self.full_name(self.family)

    def full_name(self, score: str) -> str:
        """The full name of one of its scores."""
        return score if self.features is None else f"{score}-{self.features}"


def more_is_better(score: str) -> bool:
    """Whether a larger value of this score, by its full name, means better samples."""
    return any(score == name or score.startswith(f"{name}-") for name in MORE_IS_BETTER)


def parse_metrics(names: Sequence[str] | str) -> list[Metric]:
    """Parse names, a list or a text with commas; scores of one family become one `Metric`.

    Raises:
        GanvasError: with every unknown name, and the nearest known one for each.
    """
    names = parse_names(names) if isinstance(names, str) else names
    requested: dict[tuple[str, str | None], list[str]] = {}
    problems = []
    for name in names:
        try:
            family, features, scores = _parse(name)
        except KeyError:
            problems.append(f"{name!r} is not a metric.{_hint(name)}")
            continue
        known = requested.setdefault((family, features), [])
        known += [score for score in scores if score not in known]
    if not requested and not problems:
        problems.append("no metric was named.")
    if problems:
        raise GanvasError(f"{' '.join(problems)} All: {', '.join(known_names())}")
    return [
        Metric(family, features, tuple(scores)) for (family, features), scores in requested.items()
    ]


def known_names() -> list[str]:
    """The full name of every family."""
    return [
        *(f"{family}-{features}" for features in FEATURES for family in IN_FEATURES),
        *WITHOUT_FEATURES,
    ]


def accepted_names() -> list[str]:
    """Every valid name: families and single scores, with and without the features."""
    single_scores = [score for scores in WITHOUT_FEATURES.values() for score in scores]
    stems = [name for family, scores in IN_FEATURES.items() for name in (family, *scores)]
    full = [f"{stem}-{features}" for features in FEATURES for stem in stems]
    return [*known_names(), *single_scores, *stems, *full]


def _hint(name: str) -> str:
    """Which name was perhaps meant, empty if none is near."""
    published = PUBLISHED_NAMES.get(name.lower())
    if published is None:
        return did_you_mean(name, accepted_names())
    return f" That is {published} here, which needs Inception's weights (docs/metrics.md)."


def _parse(name: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Family, features and scores of one name; KeyError for an unknown one."""
    stem, _, ending = name.rpartition("-")
    for short_name, features in ((stem, ending), (name, FEATURES[0])):
        if features not in FEATURES:
            continue
        for family, scores in IN_FEATURES.items():
            if short_name == family:
                return family, features, scores
            if short_name in scores:
                return family, features, (short_name,)
    for family, scores in WITHOUT_FEATURES.items():
        if name == family:
            return family, None, scores
        if name in scores:
            return family, None, (name,)
    raise KeyError(name)
