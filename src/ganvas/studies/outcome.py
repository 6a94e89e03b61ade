"""What became of one run of a study."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Ending = Literal["finished", "diverged", "unhealthy", "collapsed", "crashed"]
"""How a run ended. All but finished are failures.

diverged: a number stopped being finite. unhealthy: stopped early, because health called it failing.
collapsed: it ran to its end, where health finds that the generator makes (nearly) one image.
crashed: an error of any other kind.
"""


@dataclass(frozen=True, kw_only=True)
class ScorePoint:
    """One score while training, by the study's deciding metric."""

    images_seen: int
    seconds: float
    """Of training, without the scoring itself."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took.

    training_seconds: without evaluations; for as far as it came.
    images_per_second: over all of its training.
    memory_mb: the most that the process, or the GPU, held.
    generator_weights, discriminator_weights: how many numbers each player learns.
    generator_bytes: the file that `ganvas.load` reads; 0 where none was written.
    """

    training_seconds: float
    images_per_second: float
    memory_mb: float
    generator_weights: int
    discriminator_weights: int
    generator_bytes: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run: how it ended, its scores, its cost.

    reason: of a failure, in one line; empty for a finished run.
    scores: of the last checkpoint, by full name. Of a collapsed run they stand beside the failure;
        of others that failed there are none.
    floors: what real images score in place of samples.
    score_curve: the deciding score while training, oldest first.
    cost: None where it crashed before it trained.
    attempts: 1, or 2 where it crashed and was tried again.
    trace: of a crash, where it happened.
    """

    arm: str
    seed: int
    ending: Ending
    reason: str = ""
    images_seen: int = 0
    scores: dict[str, float]
    floors: dict[str, float]
    score_curve: tuple[ScorePoint, ...] = ()
    cost: Cost | None = None
    attempts: int = 1
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure."""
        return self.ending != "finished"

    def describe(self) -> str:
        """The failure as tables and reports name it."""
        return f"{self.ending}: {self.reason}" if self.reason else self.ending

    def to_table(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "score_curve": [asdict(moment) for moment in self.score_curve]}

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Outcome:
        """What `to_table` wrote."""
        cost = table["cost"]
        return cls(
            **{
                **table,
                "score_curve": tuple(ScorePoint(**moment) for moment in table["score_curve"]),
                "cost": cost and Cost(**cost),
            }
        )
