"""What `evaluate` measures by default, and what it refuses before any work."""

from __future__ import annotations

import dataclasses
import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError
from ganvas.evaluation import evaluate as evaluation
from ganvas.evaluation import extractor_choice
from ganvas.evaluation.evaluate import (
    data_settings,
    default_count,
    default_metrics,
    evaluate_run,
)
from ganvas.metrics.prdc import saturation_warnings
from ganvas.progress import TerminalFeedback
from ganvas.recipes import CATALOG
from ganvas.runs import Run
from tests.builders import run_files
from tests.builders.generators import SETTINGS, small_generator
from tests.builders.tiny import tiny_data


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose generator must not be loaded."""

    def load(*arguments: object) -> None:
        raise AssertionError("a generator was loaded before the refusal")

    monkeypatch.setattr(evaluation, "load", load)
    tables = run_files.environment(), run_files.data(location="fashion")
    return Run.create(tmp_path / "run", CATALOG["dcgan"](), *tables)


def start(run: Run, *metrics: str, n: int | None = None, data: str | None = None) -> Any:
    return evaluate_run(
        run,
        metrics,
        n=n,
        full=False,
        data=data,
        checkpoint="last",
        seed=0,
        device="cpu",
        verify=False,
        feedback=TerminalFeedback(quiet=True),
    )


def test_unknown_metrics_counts_and_data_are_refused_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no image")
    for given, message in (
        ((run, "fid"), "'fid' is not a metric"),
        ((tmp_path / "nothing", "swd"), "is not a run"),
    ):
        with pytest.raises(GanvasError, match=message):
            start(*given)  # type: ignore[arg-type]
    with pytest.raises(GanvasError, match="at least 1, got 0"):
        start(run, "swd", n=0)
    with pytest.raises(GanvasError, match="no such file"):
        start(run, "swd", data=str(tmp_path / "nothing"))
    with pytest.raises(GanvasError, match="is text"):
        start(run, "swd", data=str(tmp_path / "text.txt"))


def test_a_run_that_cannot_be_written_is_refused_first(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(**options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    with pytest.raises(GanvasError, match=r"cannot write .*scores\.jsonl: read-only file system"):
        start(run, "swd")


def test_networks_that_are_missing_are_refused_first(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, device: object) -> None:
        raise GanvasError(f"features {name} need an extra")

    monkeypatch.setattr(extractor_choice, "load_feature_network", missing)
    with pytest.raises(GanvasError, match=r"fd-lite0, kid-lite0 cannot be measured: feat"):
        start(run, "fd", "kid", "prdc-inception")
    with pytest.raises(AssertionError, match="loaded"):  # swd can be measured, so the work begins
        start(run, "fd", "swd")


def prepared(held_out: int, location: str = "photos") -> PreparedData:
    """Data with that many held-out images."""
    return PreparedData(
        name="photos",
        location=location,
        images=np.zeros((held_out + 10, 1, 8, 8), np.uint8),
        labels=None,
        label_names=(),
        held_out=np.arange(held_out),
        unusable=(),
        duplicates=0,
        fingerprint="",
        key="",
    )


def test_a_first_answer_has_fewer_samples_and_never_warns_of_its_own_choice() -> None:
    for held_out, count in ((20, 100), (60, 120), (1_000, 2_000), (50_000, 2_000)):
        data = prepared(held_out)
        assert default_count(data, full=False) == count
        assert default_count(data, full=True) == 10_000
        if "prdc-lite0" in default_metrics(data, full=False):
            assert saturation_warnings(held_out, count) == ()
    assert default_count(prepared(60, "stacked:photos"), full=False) == 5_000
    assert default_count(prepared(60, "stacked:photos"), full=True) == 26_000
    assert "prdc-lite0" in default_metrics(prepared(50), full=False)
    assert "prdc-lite0" not in default_metrics(prepared(49), full=False)
    assert "kid-lite0" in default_metrics(prepared(60), full=True)
    assert "kid-lite0" not in default_metrics(prepared(60), full=False)


def test_data_without_labels_scores_a_generator_that_takes_some() -> None:
    """As `evaluate --data OTHER` may be given; scores of each label are then left out."""
    data = tiny_data()
    assert data.labels is None
    for full in (False, True):
        assert "intra-fd-lite0" not in default_metrics(data, full, takes_labels=True)


def test_images_are_prepared_as_the_generator_says_or_else_cropped_to_its_size() -> None:
    generator = small_generator()
    assert data_settings(None, generator) == SETTINGS
    of_an_older_file = dataclasses.replace(generator, data=None)
    assert data_settings(None, of_an_older_file) == DataSettings(size=(16, 16))
