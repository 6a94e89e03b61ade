"""Scores of a report: the newest of each metric, their warnings and protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganvas.reports import scores
from ganvas.reports.status import score_fact
from ganvas.runs.history import Record
from tests.builders import run_files
from tests.builders.loggers import empty_run


def score(metric: str, seen: int, while_training: bool = False, **other: Any) -> Record:
    """A line of scores.jsonl."""
    return {"metric": metric, "images_seen": seen, "while_training": while_training, **other}


def test_the_newest_score_of_each_metric_counts_and_those_on_request_come_first() -> None:
    records = [
        score("swd", 10, while_training=True),
        score("swd", 20, while_training=True),
        score("swd", 20),
        score("fd-lite0", 20),
    ]
    assert scores.newest_scores(records) == [records[2], records[3], records[1]]


def test_a_warning_names_its_metrics_once() -> None:
    records = [
        score("swd", 10, warnings=["few samples"]),
        score("fd-lite0", 10, warnings=["few samples", "biased"]),
        score("swd", 10, while_training=True, warnings=["few samples"]),
    ]
    assert scores.warnings_of(records) == ["swd, fd-lite0: few samples", "fd-lite0: biased"]


def test_protocols_are_split_into_what_all_share_and_the_rest() -> None:
    records = [
        score("swd", 10, protocol={"seed": 0, "view": {"name": "pixels"}}),
        score("fd-lite0", 10, while_training=True, protocol={"seed": 0, "view": {"name": "lite0"}}),
    ]
    shared, own = scores.protocols(records)
    assert shared == [("seed", "0")]
    assert own == [
        ("swd (on request)", "view.name pixels"),
        ("fd-lite0 (while training)", "view.name lite0"),
    ]
    assert scores.protocols([]) == ([], [])


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (("memorised-lite0", "birthday-lite0", "swd", "fd-lite0"), "swd"),
        (("fd-lite0", "swd"), "fd-lite0"),
        (("birthday-lite0",), "birthday-lite0"),
        ((), None),
    ],
)
def test_the_number_of_a_run_tells_its_quality(
    tmp_path: Path, metrics: tuple[str, ...], expected: str | None
) -> None:
    """Not whether it copies, where that was asked first."""
    run = empty_run(tmp_path)
    run.scores.append(run_files.score(metric="coverage-lite0", images_seen=10))
    for metric in metrics:
        run.scores.append(run_files.score(metric=metric, images_seen=20))
    (fact,) = score_fact(run)
    assert fact[0] == (expected or "coverage-lite0")
