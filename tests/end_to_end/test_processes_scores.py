"""Several processes score the generator that they train together; none waits for ever."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from ganvas.runs import Run

from ..builders.commands import finish, start
from ..extras import require_extra
from .conftest import FEWER_PATCHES
from .processes import run_together, said_once

require_extra("features")

SCORED = (
    "--images", 128, "--intervals.checkpoint", 64, "--intervals.probes", 0,
    "--evaluation.every", 64, "--evaluation.metrics", "kid-lite0,swd", "--evaluation.samples", 300,
)  # fmt: skip
"""Scored after 64 images and at the end; of the samples one process makes 256, the other 44."""

SMALL_FEATURES = f"from ganvas.metrics import lite0\nlite0.SIDE = 32\n{FEWER_PATCHES}"
"""Lite0 takes a sixth of the time (its docstring)."""


def scores(run: Path, while_training: bool) -> list[dict[str, Any]]:
    """What was found, without where and when."""
    records = Run.open(run).scores.records()
    return [
        {name: value for name, value in one.items() if name != "while_training"}
        for one in records
        if one["while_training"] == while_training
    ]


def test_two_processes_give_the_scores_of_one_for_the_same_generator(
    tmp_path: Path, small: Path, images: Path
) -> None:
    run = tmp_path / "run"
    results = run_together([["train", small, images, *SCORED, "--out", run]] * 2, SMALL_FEATURES)
    assert [result.code for result in results] == [0, 0], results
    shared = scores(run, while_training=True)
    assert [(one["metric"], one["images_seen"]) for one in shared] == [
        ("kid-lite0", 64), ("swd", 64), ("kid-lite0", 128), ("swd", 128),
    ]  # fmt: skip
    assert "kid-lite0" in results[0].out
    assert results[1].out == ""
    for checkpoint in (64, 128):
        asked = ("--checkpoint", checkpoint, "--metrics", "kid-lite0,swd", "-n", 300)
        alone = finish(start(["evaluate", run, *asked], SMALL_FEATURES))
        assert alone.code == 0, alone.err
    assert scores(run, while_training=False) == shared


FAILING = """
import atexit, os, signal
from torch import distributed
atexit.register(lambda: print("ends in a group:", distributed.is_initialized()))
from ganvas.errors import GanvasError
from ganvas.evaluation import measure
real = measure.fake_features
def failing(*arguments):
    if os.environ["RANK"] == "1":
        {what}
    return real(*arguments)
measure.fake_features = failing
"""


@pytest.mark.parametrize(
    ("what", "codes", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", [1, -signal.SIGKILL], "another process"),
        ("raise GanvasError('no weights here')", [2, 2], "process 1: no weights here"),
    ],
)  # fmt: skip
def test_a_failure_while_scoring_ends_both(
    tmp_path: Path, small: Path, images: Path, what: str, codes: list[int], said: str
) -> None:
    run = tmp_path / "run"
    train = ["train", small, images, *SCORED, "--intervals.checkpoint", 16, "--out", run]
    results = run_together([train] * 2, SMALL_FEATURES + FAILING.format(what=what))
    assert [result.code for result in results] == codes, results
    said_once(results, said)
    assert "ends in a group: False" in results[0].out, "its threads could abort the process"
    assert not Run.open(run).is_locked()
    assert Run.open(run).checkpoint_paths()[-1].stem == f"{48:09d}"


def test_a_stop_request_while_scoring_stops_one_step_later(
    tmp_path: Path, small: Path, images: Path
) -> None:
    run = tmp_path / "run"
    ask = SMALL_FEATURES + FAILING.format(what="os.kill(os.getpid(), signal.SIGTERM)")
    results = run_together([["train", small, images, *SCORED, "--out", run]] * 2, ask)
    assert [result.code for result in results] == [130, 130], results
    said_once(results, "saved at 80 images")
    assert [one["images_seen"] for one in scores(run, while_training=True)] == [64, 64]
