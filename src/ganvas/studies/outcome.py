"""How one run of a study ended: its scores, its cost, or why it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["finished", "diverged", "unhealthy", "collapsed", "crashed"]
"""How a run ended. All but finished count as failures.

diverged: a loss or gradient was not finite. unhealthy: stopped early, because health called it
failing. collapsed: trained to its end, where health finds mode collapse. crashed: any other error.
"""


@dataclass(frozen=True, kw_only=True)
class ScorePoint:
    """One value of the deciding score while training."""

    images_seen: int
    seconds: float
    """Of training, without the time for scores."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run cost.

    training_seconds: as far as the run came, without the time for scores.
    images_per_second: mean over its training.
    memory_mb: peak memory of the process, or of the GPU.
    generator_weights, discriminator_weights: trainable numbers of each player.
    generator_bytes: size of the file that `ganvas.load` reads; 0 where none was written.
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

    reason: one line, of a failure; empty for a finished run.
    scores: of the last checkpoint, by full name. A collapsed run has scores although it failed;
        other failed runs have none.
    floors: what real images score instead of samples.
    unmeasured: by metric, why a finished run has no score of it.
    score_curve: the deciding score while training, oldest first.
    cost: None if it crashed before it trained.
    attempts: 1, or 2 if it crashed and was tried again.
    trace: the traceback of a crash.
    """

    arm: str
    seed: int
    ending: Ending
    reason: str = ""
    images_seen: int = 0
    scores: dict[str, float]
    floors: dict[str, float]
    unmeasured: dict[str, str] = field(default_factory=dict)
    score_curve: tuple[ScorePoint, ...] = ()
    cost: Cost | None = None
    attempts: int = 1
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure."""
        return self.ending != "finished"

    def describe(self) -> str:
        """The ending with its reason, as tables and reports show it."""
        return f"{self.ending}: {self.reason}" if self.reason else self.ending
