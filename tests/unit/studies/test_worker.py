"""Seconds of training, requests to stop, scores that cannot be measured."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganvas.errors import Interrupted
from ganvas.evaluation.measure import ScoringResult
from ganvas.evaluation.score import Score
from ganvas.extras import MissingExtra, check_extra
from ganvas.recipes import CATALOG
from ganvas.runs import Run
from ganvas.studies import worker
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.worker import (
    Job,
    final_scores,
    interruptible_progress,
    run_job,
    training_clock,
    training_seconds_at,
)
from ganvas.training.stop import StopRequest, cancel_stop, request_stop


def test_seconds_of_training_come_from_the_rates() -> None:
    """1,000 images at 500 per second, then 600 at 300; the evaluation between does not count."""
    history = [
        {"images_seen": 1000, "images_per_second": 500.0, "seconds": 2.0},
        {"images_seen": 1600, "images_per_second": 300.0, "seconds": 60.0},
    ]
    assert training_clock(history) == {1000: 2.0, 1600: 4.0}
    assert training_clock([]) == {}


@pytest.mark.parametrize(
    ("images_seen", "seconds"), [(0, 0), (500, 1), (1000, 2), (1300, 3), (1600, 4), (1700, 4)]
)
def test_seconds_are_interpolated_between_records(images_seen: int, seconds: float) -> None:
    assert training_seconds_at(images_seen, {1000: 2.0, 1600: 4.0}) == pytest.approx(seconds)
    assert training_seconds_at(images_seen, {}) == 0


def test_training_in_any_thread_can_be_stopped() -> None:
    heard = []

    def train() -> None:
        with StopRequest() as stop:
            heard.append(bool(stop))
            request_stop()
            heard.append(bool(stop))

    try:
        thread = threading.Thread(target=train)
        thread.start()
        thread.join()
        with (
            pytest.raises(Interrupted, match="sampling"),
            interruptible_progress("sampling") as update,
        ):
            update(1, 2)
    finally:
        cancel_stop()
    assert heard == [False, True]
    with StopRequest() as stop, interruptible_progress("sampling") as update:
        update(1, 2)
        assert not stop


def test_a_library_that_is_missing_is_no_crash_of_the_arm(
    directory: StudyDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*arguments: object) -> None:
        check_extra("parquet", "reading a.parquet", "no_such_library")

    monkeypatch.setattr(worker, "train_and_score", read)
    job = Job(directory.path, "good", seed=0, data="a.parquet", attempt=1, device="cpu")
    with pytest.raises(MissingExtra, match=r"needs no_such_library\. Install: pip install"):
        run_job(job)
    assert directory.outcome("good", 0) is None


def test_a_metric_that_cannot_be_measured_keeps_the_other_final_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Score(metric="swd", value=2.0, interval=(1.0, 3.0), floor=1.0, protocol={"seed": 0})
    failures = {"fd-inception": "the weights are not here"}
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})
    monkeypatch.setattr(worker, "load", lambda *arguments: SimpleNamespace(images_seen=64))
    monkeypatch.setattr(worker, "reference_images", lambda *arguments, quiet: None)
    monkeypatch.setattr(worker, "measure", lambda *arguments: ScoringResult([score], failures))
    names = ("swd", "fd-inception")
    study = SimpleNamespace(metrics=names, scores=names, sample_count=100)
    job: Any = SimpleNamespace(seed=0, device="cpu", data="fashion")
    directory: Any = SimpleNamespace(study=study)
    scores, unmeasured = final_scores(run, job, directory)
    assert [record["metric"] for record in scores] == ["swd"]
    assert unmeasured == failures
    assert [record["metric"] for record in run.scores.records()] == ["swd"]
