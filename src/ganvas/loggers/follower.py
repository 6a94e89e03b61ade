"""From the files of a run to a logger: what is new in them since the last time, in order.

A logger never hears of training itself. So the log of a run that was killed, resumed or rewound has
each point once, and `ganvas log RUN` makes the same log afterwards.
"""

from __future__ import annotations

import bisect
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ganvas import json_files, locks, storage
from ganvas.fields import field_types, format_field, get_field
from ganvas.health.finding import describe_event
from ganvas.loggers.logger import (
    HyperParameters,
    LoggedRun,
    Logger,
    Moment,
    Picture,
    Point,
    Scalars,
    Text,
)
from ganvas.loggers.names import LOGGERS
from ganvas.runs import Run
from ganvas.runs.history import TIMINGS, Record

SENT = "sent.json"


@dataclass(frozen=True)
class Sent:
    """What a service was sent already, so that it is not sent again: RUN/NAME/sent.json.

    id: of the run at the service.
    rewinds: of the run. After another rewind its points are other ones, and so is the id.
    newest: images seen at the newest point of each kind.
    evaluations: scores after training, as METRIC@IMAGES. They come in any order.
    """

    id: str
    rewinds: int
    newest: dict[str, int] = field(default_factory=dict)
    evaluations: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, run: Run) -> Sent:
        """What was sent of the run as it is now; nothing if it was rewound since."""
        rewinds = sum(event["event"] == "rewind" for event in run.findings.records())
        path = folder / SENT
        sent = json_files.read_dataclass(path, cls) if path.exists() else None
        if sent is not None and sent.rewinds == rewinds:
            return sent
        return cls(secrets.token_hex(4), rewinds)

    def has(self, kind: str, images_seen: int) -> bool:
        """Whether the points of a kind were sent up to here."""
        return images_seen <= self.newest.get(kind, -1)

    def up_to(self, kind: str, images_seen: int) -> Sent:
        """As this one, and the points of a kind up to here."""
        newest = max(images_seen, self.newest.get(kind, -1))
        return replace(self, newest={**self.newest, kind: newest})

    def write(self, folder: Path) -> None:
        """Replace the file."""
        json_files.write_json(folder / SENT, json_files.to_plain(self))


class Follower:
    """Gives one logger what is new in the files of a run (see `following`)."""

    def __init__(self, run: Run, logger: Logger, folder: Path, sent: Sent) -> None:
        self._run, self._logger, self._folder = run, logger, folder
        self._before = self._sent = sent
        self._positions = {"history": 0, "scores": 0, "findings": 0}
        self._newest_picture = -1
        self._clock: list[tuple[int, float]] = []

    @property
    def pause(self) -> float:
        """See `Logger.pause`."""
        return self._logger.pause

    def catch_up(self) -> None:
        """Give the logger everything that the files have now and it was not given."""
        points = sorted(self._new_points(), key=lambda point: point.at.images_seen)
        if not points:
            return
        if not self._logger.rebuilds:
            self._sent.write(self._folder)  # before they are sent: none is ever sent twice
        for point in points:
            point.give(self._logger)
        self._logger.flush()

    def _new_points(self) -> list[Point]:
        return [*self._records(), *self._findings(), *self._scores(), *self._pictures()]

    def _records(self) -> Iterator[Point]:
        for record in self._read("history"):
            if "seconds" in record:
                self._clock.append((record["images_seen"], float(record["seconds"])))
            if self._is_new("history", record["images_seen"]):
                yield Scalars(self._moment(record["images_seen"]), scalars_of(record))

    def _findings(self) -> Iterator[Point]:
        for event in self._read("findings"):
            if self._is_new("findings", event["images_seen"]):
                about = "rewind" if event["event"] == "rewind" else event["symptom"]
                at = self._moment(event["images_seen"])
                yield Text(at, f"findings/{about}", describe_event(event))

    def _scores(self) -> Iterator[Point]:
        later: dict[str, Record] = {}
        for score in self._read("scores"):
            if not score["while_training"]:  # measured again, a score replaces the one before
                later[f"{score['metric']}@{score['images_seen']}"] = score
            elif self._is_new("scores", score["images_seen"]):
                yield self._score("score", score)
        for key in later.keys() - set(self._sent.evaluations):
            self._sent = replace(self._sent, evaluations=(*self._sent.evaluations, key))
            yield self._score("evaluation", later[key])

    def _score(self, group: str, score: Record) -> Point:
        name = f"{group}/{score['metric']}"
        values = {name: float(score["value"]), f"{name}/floor": float(score["floor"])}
        return Scalars(self._moment(score["images_seen"]), values)

    def _pictures(self) -> Iterator[Point]:
        for path in self._run.sample_paths():
            seen = int(path.stem)
            if seen > self._newest_picture:
                self._newest_picture = seen
                if self._is_new("samples", seen):
                    yield Picture(self._moment(seen), path)

    def _is_new(self, kind: str, images_seen: int) -> bool:
        """Whether a point was not sent before this follower began; notes that it is sent now."""
        self._sent = self._sent.up_to(kind, images_seen)
        return not self._before.has(kind, images_seen)

    def _read(self, name: str) -> list[Record]:
        """The whole lines that were added to a file."""
        files = {
            "history": self._run.history,
            "scores": self._run.scores,
            "findings": self._run.findings,
        }
        records, self._positions[name] = files[name].records_from(self._positions[name])
        return records

    def _moment(self, images_seen: int) -> Moment:
        """With the time of the newest record up to here."""
        before = bisect.bisect(self._clock, images_seen, key=lambda record: record[0])
        return Moment(images_seen, self._clock[before - 1][1] if before else 0.0)


@contextmanager
def following(run: Run, name: str) -> Iterator[Follower]:
    """A logger for a run, while entered. Nobody else may write the same log meanwhile.

    Raises:
        Locked: somebody else does.
        Exception: whatever the logger's library raises.
    """
    kind = LOGGERS[name].load()
    folder = run.directory / name
    storage.make_directory(folder)
    with locks.locked(folder):
        sent = Sent(name, 0) if kind.rebuilds else Sent.read(folder, run)
        about = LoggedRun(
            name=run.directory.resolve().name,
            folder=folder,
            hyperparameters=hyperparameters(run),
            id=sent.id,
        )
        logger = kind(about)
        try:
            yield Follower(run, logger, folder, sent)
        finally:
            logger.close()


def scalars_of(record: Record) -> dict[str, float]:
    """The numbers of a record of the history, timings as a group of their own.

    Lists of numbers, one for each layer, and texts are no scalars.
    """
    return {
        f"speed/{name}" if name in TIMINGS else name: float(value)
        for name, value in record.items()
        if isinstance(value, int | float) and name != "images_seen"
    }


def hyperparameters(run: Run) -> HyperParameters:
    """What decides a run: the recipe, the images, the seed."""
    recipe, data = run.read_recipe(), run.read_data()
    values: HyperParameters = {
        "data": data["name"],
        "seed": run.read_environment()["seed"],
    }
    for path in field_types(recipe):
        value = get_field(recipe, path)
        values[path] = value if isinstance(value, bool | int | float | str) else format_field(value)
    return values
