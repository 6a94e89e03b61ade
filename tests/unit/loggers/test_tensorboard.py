"""TensorBoard's events, read back by TensorBoard."""

from __future__ import annotations

import errno
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ...extras import require_extra

require_extra("log")


from ganvas.errors import GanvasError, RunError
from ganvas.locks import locked
from ganvas.loggers.follower import hyperparameters
from ganvas.loggers.log import log
from ganvas.runs import Run

from ...builders.event_files import expected_scalars, pictures, read, scalars, texts
from ...builders.loggers import ONSET, empty_run, train_to


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = empty_run(tmp_path)
    train_to(run, 64, 128, 192)
    return run


@pytest.fixture
def folder(run: Run) -> Path:
    return run.directory / "tensorboard"


def test_every_number_stands_once_and_as_in_the_files(run: Run, folder: Path) -> None:
    log(run, "tensorboard")
    assert scalars(folder) == expected_scalars(run)


def test_pictures_are_those_of_the_run(run: Run, folder: Path) -> None:
    log(run, "tensorboard")
    seen, images = zip(*pictures(folder), strict=True)
    assert seen == (64, 128, 192)
    for path, image in zip(run.sample_paths(), images, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), image)


def test_findings_are_texts(run: Run, folder: Path) -> None:
    run.findings.append({"images_seen": 64, **ONSET})
    run.findings.append({"images_seen": 192, "event": "end", "symptom": "mode-collapse"})
    log(run, "tensorboard")
    assert texts(folder) == {
        "findings/mode-collapse": [
            (64, "watch: mode-collapse. It makes few images. Try --batch 128"),
            (192, "over: mode-collapse"),
        ]
    }


def test_recipe_is_the_hyper_parameters(run: Run, folder: Path) -> None:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    log(run, "tensorboard")
    content = read(folder).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    written = HParamsPluginData.FromString(content).session_start_info.hparams
    expected = hyperparameters(run)
    assert set(written) == set(expected)
    assert written["batch"].number_value == expected["batch"]
    assert written["data.flip"].bool_value == expected["data.flip"]
    assert written["objective.loss"].string_value == expected["objective.loss"]


def test_log_made_again_replaces_the_one_before(run: Run, folder: Path) -> None:
    log(run, "tensorboard")
    run.delete_records_after(64)
    train_to(run, 96)
    log(run.directory, ["tensorboard"])
    assert scalars(folder) == expected_scalars(run)
    assert [seen for seen, _ in pictures(folder)] == [64, 96]
    assert len(list(folder.glob("events*"))) == 1


def test_reader_that_has_the_old_file_open_drops_its_points(run: Run, folder: Path) -> None:
    log(run, "tensorboard")
    reader = read(folder)
    (old,) = folder.glob("events*")
    old.rename(folder / "events.out.tfevents.1.ganvas")  # it was made a second ago, or longer
    log(run, "tensorboard")
    reader.Reload()
    tag = "generator/loss/adversarial"
    assert [event.step for event in reader.Scalars(tag)] == [64, 128, 192]


def test_numbers_that_are_not_finite_or_beyond_float32_are_kept(run: Run, folder: Path) -> None:
    run.history.append({"images_seen": 256, "a": math.nan, "b": math.inf, "c": 1e300})
    log(run, "tensorboard")
    logged = scalars(folder)
    assert math.isnan(logged["a"][0][1])
    assert logged["b"] == logged["c"] == [(256, math.inf)]


def test_times_between_points_are_those_of_training(run: Run, folder: Path) -> None:
    log(run, "tensorboard")
    times = [event.wall_time for event in read(folder).Scalars("speed/seconds")]
    assert np.diff(times) == pytest.approx([6.4, 6.4], abs=1e-3)


def test_log_that_somebody_writes_is_left_alone(run: Run, folder: Path) -> None:
    folder.mkdir()
    with locked(folder), pytest.raises(RunError, match="being written by another process"):
        log(run, "tensorboard")
    assert list(folder.glob("events*")) == []


def test_full_disk_is_said_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    def full(writer: RecordWriter, content: bytes) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RecordWriter, "write", full)
    with pytest.raises(GanvasError) as caught:
        log(run, "tensorboard")
    assert str(caught.value) == "the log to tensorboard failed: no space left on device"


def test_log_to_nowhere_is_refused(run: Run) -> None:
    with pytest.raises(GanvasError, match="name at least one of tensorboard"):
        log(run, ())
