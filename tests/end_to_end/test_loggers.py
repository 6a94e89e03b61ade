"""A run that is logged: to the end, through a kill, through a rewind, and where the log fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..extras import require_extra

require_extra("log")


from ganvas.loggers.names import LoggerKind
from ganvas.loggers.tensorboard import TensorBoard
from ganvas.runs import Run

from ..builders.commands import Result
from ..builders.event_files import expected_scalars, pictures, scalars, texts
from .conftest import essence, refused
from .test_health import GOING_BACK, too_fast


def check_log(run: Path) -> None:
    """The log has what the files have: each point once."""
    assert scalars(run / "tensorboard") == expected_scalars(Run(run))
    logged = [seen for seen, _ in pictures(run / "tensorboard")]
    assert logged == [int(path.stem) for path in Run(run).sample_paths()]


def test_log_of_a_killed_and_resumed_run_has_each_point_once_and_changes_no_bit(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    """Trains two runs: nothing cheaper shows that a logger leaves training as it is."""
    run, plain = tmp_path / "run", tmp_path / "plain"
    flags = ("--images", "800", "--log", "tensorboard")
    trained = ganvas("train", small, images, "--out", run, *flags)
    view = f"tensorboard; see it with: tensorboard --logdir {run / 'tensorboard'}"
    assert f"logging to {view}" in trained.out
    check_log(run)
    before = (run / "tensorboard").glob("events*").__next__().read_bytes()

    Run(run).checkpoint_paths()[-1].unlink()  # as a kill after the last record leaves it
    Run(run).write_status("running", 0)
    resumed = ganvas("resume", run)
    assert resumed.code == 0, resumed.err
    assert f"logging to {view}" in resumed.out, "it is logged as before"
    check_log(run)
    assert (run / "tensorboard").glob("events*").__next__().read_bytes() != before

    ganvas("train", small, images, "--out", plain, *flags[:2])
    assert essence(run) == essence(plain)


def test_log_of_a_rewound_run_has_the_points_that_count(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganvas.training.monitor.apply_rules", too_fast)
    monkeypatch.setattr("ganvas.diagnosis.apply_rules", too_fast)
    run = tmp_path / "run"
    flags = ("--images", "1200", "--log", "tensorboard")
    result = ganvas("train", small, images, "--out", run, *GOING_BACK, *flags)
    assert result.code == 0, result.err
    check_log(run)
    text = "rewound to here from 1,008 images, because of diverging"
    assert texts(run / "tensorboard") == {"findings/rewind": [(400, text)]}


def test_failing_logger_is_said_once_and_the_log_can_be_made_later(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("the disk is gone")

    run = tmp_path / "run"
    flags = ("--images", "320", "--log", "tensorboard")
    with monkeypatch.context() as context:
        context.setattr(TensorBoard, "picture", fail)
        result = ganvas("train", small, images, "--out", run, *flags)
    assert result.code == 0, result.err
    assert result.out.count("warning: the log to tensorboard failed: the disk is gone") == 1
    again = ganvas("log", run, "--to", "tensorboard")
    view = f"tensorboard --logdir {run / 'tensorboard'}"
    assert again.out == f"logged to tensorboard; see it with: {view}\n"
    check_log(run)
    refused(ganvas("log", run, "--to", ""), "name at least one of tensorboard, wandb")
    off = ganvas("resume", run, "--images", "400", "--log", "off")
    assert "tensorboard" not in off.out
    assert Run(run).read_environment()["log"] == []


@pytest.mark.parametrize("command", ["train", "log"])
def test_missing_library_is_named_before_any_work(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    monkeypatch.setattr(LoggerKind, "is_installed", lambda kind: False)
    run = tmp_path / "run"
    words = (small, images, "--out", run, "--log") if command == "train" else (run, "--to")
    result = ganvas(command, *words, "tensorboard,mlflow")
    refused(
        result,
        "tensorboard is not installed: pip install 'ganvas[log]'",
        "mlflow is not installed: pip install mlflow",
    )
    assert not run.exists()
