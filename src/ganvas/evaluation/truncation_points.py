"""The points of a truncation curve: ways to sample, what each scores, and what a point costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganvas import notebook
from ganvas.evaluation.score import Score
from ganvas.formatting import format_list, format_number
from ganvas.generators.trained_generator import TrainedGenerator

SCORES = ("precision", "recall", "density", "coverage", "fd")
"""Those of every point, in this order."""


@dataclass(frozen=True)
class Point:
    """One way to sample, and what its samples score.

    truncation: as in `TrainedGenerator.truncated`; 1 changes nothing.
    keep: the fraction of candidates that is kept; 1 is all.
    scores: those of `SCORES`; empty before they are measured.
    """

    truncation: float = 1.0
    keep: float = 1.0
    scores: tuple[Score, ...] = ()

    @property
    def name(self) -> str:
        """`truncation 0.7`, `keep best:0.5`, or both."""
        parts = [f"truncation {self.truncation:g}"] if self.truncation != 1 else []
        parts += [f"keep best:{self.keep:g}"] if self.keep != 1 else []
        return format_list(parts or ["as trained"])

    @property
    def words(self) -> tuple[str, str]:
        """Truncation and keep as in a table: `0.7`, `all`; `1`, `best:0.5`."""
        keep = "all" if self.keep == 1 else f"best:{self.keep:g}"
        return f"{self.truncation:g}", keep

    def is_like(self, other: Point) -> bool:
        """Whether both sample in the same way."""
        return (self.truncation, self.keep) == (other.truncation, other.keep)

    def score(self, name: str) -> Score:
        """The score of that name, without its features."""
        return self.scores[SCORES.index(name)]

    def generator(self, trained: TrainedGenerator) -> TrainedGenerator:
        """The generator that samples so."""
        return trained.truncated(self.truncation).keeping(f"best:{self.keep:g}")


@dataclass(frozen=True)
class TruncationCurve:
    """Scores at several truncations, and at several kept fractions if there is a discriminator.

    points: in the order of a table; one of them is the generator as it was trained.
    chosen: one of them, whose cost is reported.
    space: w, where styles are truncated, else z.
    """

    points: tuple[Point, ...]
    chosen: Point
    space: str
    features: str
    protocol: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def as_trained(self) -> Point:
        """The point that neither truncates nor chooses."""
        return next(point for point in self.points if point.is_like(Point()))

    @property
    def truncated(self) -> list[Point]:
        """Those that keep all candidates, from the largest truncation."""
        points = [point for point in self.points if point.keep == 1]
        return sorted(points, key=lambda point: -point.truncation)

    @property
    def kept(self) -> list[Point]:
        """Those that are not truncated, from the largest fraction kept."""
        points = [point for point in self.points if point.truncation == 1]
        return sorted(points, key=lambda point: -point.keep)

    @property
    def warnings(self) -> list[str]:
        """Why the scores may be unreliable, each once."""
        scores = [score for point in self.points for score in point.scores]
        return list(dict.fromkeys(text for score in scores for text in score.warnings))

    def cost(self) -> str:
        """In a sentence, what the chosen point gains and loses."""
        changes = [
            change_in_words(self.as_trained.score(name), self.chosen.score(name))
            for name in ("precision", "recall", "fd")
        ]
        return f"{self.chosen.name}: {'; '.join(changes)}"

    @property
    def gains(self) -> bool:
        """Whether precision is shown to rise at the chosen point."""
        before, after = (point.score("precision") for point in (self.as_trained, self.chosen))
        return after.interval[0] > before.interval[1]

    def to_json(self) -> dict[str, Any]:
        """As the file beside the picture holds it."""
        return {
            "space": self.space,
            "features": self.features,
            "protocol": self.protocol,
            "points": [
                {
                    "truncation": point.truncation,
                    "keep": point.keep,
                    "scores": {
                        score.metric: {"value": score.value, "interval": list(score.interval)}
                        for score in point.scores
                    },
                }
                for point in self.points
            ],
            "real": {score.metric: score.floor for score in self.points[0].scores},
            "chosen": {"truncation": self.chosen.truncation, "keep": self.chosen.keep},
        }

    def rows(self) -> list[tuple[str, ...]]:
        """A table: a row for each point and one for real images; the first row names columns."""
        first = self.points[0].scores
        *fractions, distance = SCORES
        return [
            ("truncation", "keep", *fractions, f"{distance}-{self.features}"),
            *(
                (*point.words, *(format_number(score.value, 3) for score in point.scores))
                for point in self.points
            ),
            ("", "real images", *(format_number(score.floor, 3) for score in first)),
        ]

    def _repr_html_(self) -> str:
        head, *rows = self.rows()
        return notebook.table(head, rows) + notebook.paragraph(self.cost())


def change_in_words(before: Score, after: Score) -> str:
    """`recall-lite0 falls from 0.31 to 0.12 (real images 0.88)`."""
    first, last = (format_number(score.value, 3) for score in (before, after))
    real = f"({after.real} {format_number(before.floor, 3)})"
    if first == last:
        return f"{after.metric} stays at {first} {real}"
    verb = "rises" if after.value > before.value else "falls"
    apart = after.interval[0] > before.interval[1] or after.interval[1] < before.interval[0]
    doubt = "" if apart else ", but their 95 % intervals overlap"
    return f"{after.metric} {verb} from {first} to {last}{doubt} {real}"
