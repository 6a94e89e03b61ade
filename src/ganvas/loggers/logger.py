"""What a logger is: it takes the points of a run, and knows nothing of how they came about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

HyperParameters = dict[str, bool | int | float | str]
"""The recipe by its fields' dotted names, and what else decides a run: data and seed."""

PROJECT = "ganvas"
"""The project or experiment of a service, unless its own environment variable names another."""


class Moment(NamedTuple):
    """When a point was measured: images seen, and seconds of training."""

    images_seen: int
    seconds: float


@dataclass(frozen=True)
class LoggedRun:
    """What a logger is told of a run when it starts.

    folder: the logger's own, inside the run directory.
    id: of the run at a service. It stays the same when the run resumes; a rewind makes a new one.
    """

    name: str
    folder: Path
    hyperparameters: HyperParameters
    id: str


class Logger(ABC):
    """Takes the points of a run, each of them once, in the order of images seen.

    One thread makes and uses it. It may raise anything: that ends the log, and nothing else.
    """

    rebuilds: ClassVar[bool] = False
    """Whether a new logger replaces all that was logged before. Others are sent only what is
    new, because a service cannot take points back."""

    pause: ClassVar[float] = 0.0
    """Seconds of training between two times that the logger is given points. Meanwhile they wait
    in the run's files: where each request is dear, one for several records costs less."""

    @abstractmethod
    def __init__(self, run: LoggedRun) -> None:
        """Begin, or go on with, the log of a run."""

    @abstractmethod
    def scalars(self, at: Moment, values: Mapping[str, float]) -> None:
        """Numbers by name; a slash in a name makes groups."""

    @abstractmethod
    def picture(self, at: Moment, path: Path) -> None:
        """A grid of samples, a PNG."""

    @abstractmethod
    def text(self, at: Moment, name: str, text: str) -> None:
        """A sentence about a finding; the name is unique at this moment."""

    @abstractmethod
    def flush(self) -> None:
        """Make what was given visible."""

    @abstractmethod
    def close(self) -> None:
        """End the log. Called once, also after an error."""


class Point(Protocol):
    """One thing that a logger is given."""

    @property
    def at(self) -> Moment:
        """When it was measured."""

    def give(self, logger: Logger) -> None:
        """Give it to a logger."""


@dataclass(frozen=True)
class Scalars:
    """Numbers by name."""

    at: Moment
    values: Mapping[str, float]

    def give(self, logger: Logger) -> None:
        """Give them to a logger."""
        logger.scalars(self.at, self.values)


@dataclass(frozen=True)
class Picture:
    """A grid of samples."""

    at: Moment
    path: Path

    def give(self, logger: Logger) -> None:
        """Give it to a logger."""
        logger.picture(self.at, self.path)


@dataclass(frozen=True)
class Text:
    """A sentence about a finding."""

    at: Moment
    name: str
    text: str

    def give(self, logger: Logger) -> None:
        """Give it to a logger."""
        logger.text(self.at, self.name, self.text)
