"""What the JSON files of a run hold: the fields that ganvas reads. Files may have more."""

from __future__ import annotations

from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,  # pydantic reads no others on Python 3.11
)

from annotated_types import Len
from typing_extensions import TypedDict


class Shape(TypedDict):
    """Channels, height and width of every image."""

    channels: int
    height: int
    width: int


class UnusableFile(TypedDict):
    """An image that is left out, and why."""

    file: str
    reason: str


class DataTable(TypedDict):
    """data.json: which images are used (see `runs.data.describe_data`)."""

    name: str
    location: str
    fingerprint: str
    images: int
    held_out: int
    shape: Shape
    extent: float | None
    labels: list[str]
    training_images_by_label: NotRequired[list[int]]
    duplicates_left_out: int
    unusable: list[UnusableFile]


class PrecisionTable(TypedDict):
    """The number format that was chosen, and why."""

    name: Literal["fp32", "bf16"]
    why: str


class OriginTable(TypedDict):
    """The earlier run whose weights a run started from (`training.earlier_run`)."""

    run: str
    images_seen: int
    taken: dict[str, str]
    left: list[str]


class EnvironmentTable(TypedDict):
    """environment.json: versions, device, command and seed (see `devices.describe_environment`)."""

    format: int
    ganvas: str
    device: str
    device_name: str
    threads: int
    command: list[str]
    seed: int
    deterministic: bool
    compile: NotRequired[Literal["auto", "on", "off"]]
    precision: NotRequired[PrecisionTable]
    launch: NotRequired[str | None]
    log: NotRequired[list[str]]
    started_from: NotRequired[OriginTable]


class HistoryRecord(TypedDict):
    """A line of history.jsonl; the other fields are numbers, lists of numbers, or texts."""

    images_seen: int
    seconds: NotRequired[float]
    images_per_second: NotRequired[float]
    data_wait: NotRequired[float]
    memory_mb: NotRequired[float]


class ScoreRecord(TypedDict):
    """A line of scores.jsonl (see `evaluation.score.Score`)."""

    images_seen: int
    while_training: bool
    metric: str
    value: float
    interval: Annotated[list[float], Len(2, 2)]
    floor: float
    protocol: dict[str, Any]
    warnings: list[str]


class LabelConfusionTable(TypedDict):
    """label-confusion.json: as what a classifier recognises samples of each label.

    labels: their names.
    samples: how many were made of each.
    fractions: row by row, how many of a label's samples are recognised as each label; they sum to
        1 where there are samples, and are 0 where there are none.
    """

    images_seen: int
    labels: list[str]
    samples: list[int]
    fractions: list[list[float]]


class Onset(TypedDict):
    """A line of findings.jsonl: a finding begins, or a watch becomes a failure."""

    event: Literal["onset", "worse"]
    images_seen: int
    symptom: str
    verdict: str
    since: int
    meaning: NotRequired[str]


class End(TypedDict):
    """A line of findings.jsonl: a finding is over."""

    event: Literal["end"]
    images_seen: int
    symptom: str


class Rewound(TypedDict):
    """A line of findings.jsonl: training went back, and to where."""

    event: Literal["rewind"]
    images_seen: int
    number: int
    symptom: str
    failed_at: int
    to: int


FindingRecord = Onset | End | Rewound
