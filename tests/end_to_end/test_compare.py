"""`ganvas compare` from a file to a verdict, with stops and kills of real worker processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import psutil
import pytest

import ganvas as library
from ganvas.runs.status import SavedStatus
from ganvas.studies.directory import StudyDirectory

from ..builders.commands import Command, Result, finish, start, wait_until, wait_until_ended
from ..builders.short_work import SHORT_WORK
from . import pages
from .conftest import PATCHES, essence
from .studies import DIVERGING, UNWATCHED, endings, this_process, tiny_study, written

IMAGES = 800

ARMS = ("small", "hinge", "absurd")
TWO_WORKERS, ONE_WORKER = (
    f"{SHORT_WORK}\nfrom ganvas.studies import executors\nexecutors.cores = lambda: {cores}"
    for cores in (2, 1)
)
"""Sabotage: short work, and so many workers of one thread, each a new interpreter.

Two only where a study is killed, so that more than one run is lost.
"""
IN_A_THREAD = f"""{SHORT_WORK}
from ganvas.metrics import sliced_wasserstein
from ganvas.studies import running
from ganvas.studies.executors import WorkerPool
from {this_process.__module__} import this_process
sliced_wasserstein.PATCHES = {PATCHES}
running.make_pool = lambda runs, workers, dask: WorkerPool(1, 1, ("cpu",), this_process)
"""
"""Sabotage: short work in a thread of the command, where nothing is stopped or killed: a new
interpreter takes four seconds."""
TRAINED = [(arm, seed) for arm in ("small", "hinge") for seed in (0, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a recipe, a study's file, and a cache of this file's own."""
    folder = tmp_path_factory.mktemp("studies")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (400, 16, 16, 1), dtype=np.uint8)
    np.savez(folder / "images.npz", images=pixels)
    (folder / "small.toml").write_text(UNWATCHED)
    tiny_study(folder, folder / "small.toml", folder / "images.npz", DIVERGING, images=IMAGES)
    return folder


@pytest.fixture
def shared_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(folder / "cache"))


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[Path, Result]:
    """A study that is not interrupted, and its output."""
    os.environ["GANVAS_CACHE"], before = str(folder / "cache"), os.environ.get("GANVAS_CACHE")
    try:
        process = start(["compare", folder / "study.toml", "--out", folder / "whole"], IN_A_THREAD)
    finally:
        os.environ.pop("GANVAS_CACHE")
        if before is not None:
            os.environ["GANVAS_CACHE"] = before
    result = finish(process)
    assert result.code == 0, result.err
    return folder / "whole", result


def test_from_a_file_to_a_verdict(whole: tuple[Path, Result]) -> None:
    study, result = whole
    assert "3 arms x 2 seeds = 6 runs · about" in result.out
    assert 'objective.loss = "hinge"' in result.out
    assert "against small" in result.out
    assert "too few seeds to say" in result.out, "two seeds give no verdict"
    assert f"report: {study / 'report.html'}" in result.out
    found = json.loads((study / "results.json").read_text())
    assert [arm["name"] for arm in found["arms"]] == list(ARMS)
    assert {"name", "runs", "failures", "metrics", "verdict"} <= found["arms"][0].keys()
    assert found["recommendation"] in result.out
    assert found["missing"] == []
    for arm, seed in TRAINED:
        run = library.Run.open(study / "runs" / arm / str(seed))
        assert run.read_status() == SavedStatus("finished", IMAGES)
        scores = [(score["while_training"], score["images_seen"]) for score in run.scores.records()]
        assert scores == [(True, IMAGES // 2), (True, IMAGES), (False, IMAGES)]
        assert run.read_environment()["seed"] == seed


def test_a_diverging_arm_is_a_result(whole: tuple[Path, Result]) -> None:
    study, result = whole
    assert [endings(study)["absurd", seed] for seed in (0, 1)] == ["diverged", "diverged"]
    assert "absurd seed 0 diverged: " in result.out
    assert "2 of 2" in result.out
    found = json.loads((study / "results.json").read_text())
    absurd = found["arms"][2]
    assert absurd["failures"].keys() == {"0", "1"}
    assert absurd["metrics"]["swd"]["mean"] is None
    assert found["recommendation"].startswith("stay with small")
    cells = [cell.text for cell in pages.of(pages.check_structure(study / "report.html"), "td")]
    assert cells.count("diverged") == 2, "the report shows both failures"


@pytest.mark.usefixtures("shared_cache")
def test_a_stopped_and_killed_study_continues_without_repeating_runs(
    folder: Path, whole: tuple[Path, Result]
) -> None:
    command = ["compare", folder / "study.toml", "--out", folder / "killed"]
    killed = folder / "killed"
    process = start(command, ONE_WORKER)
    wait_for(process, killed / "runs" / "small" / "0" / "history.jsonl")
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.code == 130, stopped.err
    assert f"Continue with: ganvas compare {killed}\n" in stopped.err
    assert f"ganvas report {killed}" in stopped.err
    assert not (killed / "report.html").exists(), "a stop does not wait for a report"
    assert "stopping: the runs in progress are saved first" in stopped.out
    process = start(["compare", killed], TWO_WORKERS)
    wait_for(process, killed / "outcomes" / "small-0.json")
    wait_for(process, killed / "runs" / "small" / "1" / "history.jsonl")
    workers = [worker.pid for worker in psutil.Process(process.pid).children(recursive=True)]
    process.kill()
    finish(process)
    wait_until_ended(workers)  # with their parent, and they release the lock of their run
    with library.Run.open(killed / "runs" / "small" / "1").lock():
        pass
    done = [key for key in endings(killed) if key in TRAINED]
    assert 1 <= len(done) < len(TRAINED), "it must be killed half way"
    before = {key: written(killed / "runs" / key[0] / str(key[1])) for key in done}
    before_outcomes = written(killed / "outcomes")
    result = finish(start(command, IN_A_THREAD))
    assert result.code == 0, result.err
    assert f"{len(before_outcomes)} of 6 runs are done already" in result.out
    for arm, seed in done:
        assert written(killed / "runs" / arm / str(seed)) == before[arm, seed]
    assert before_outcomes.items() <= written(killed / "outcomes").items()
    for arm, seed in TRAINED:
        ours, theirs = (place / "runs" / arm / str(seed) for place in (killed, whole[0]))
        assert essence(ours) == essence(theirs)
    assert scores(killed) == scores(whole[0])
    assert not (killed / "stop").exists()


def scores(study: Path) -> dict[tuple[str, int], object]:
    outcomes = StudyDirectory.open(study).outcomes()
    return {key: (one.ending, one.scores, one.images_seen) for key, one in outcomes.items()}


def wait_for(process: Command, path: Path) -> None:
    """Wait until a study has written a file."""
    assert wait_until(lambda: path.exists() and path.stat().st_size > 0, process), finish(process)


@pytest.mark.usefixtures("shared_cache")
def test_stopped_while_throughput_is_measured_nothing_is_written(folder: Path) -> None:
    process = start(["compare", folder / "study.toml", "--out", folder / "tried"])
    line = process.stdout.readline()
    assert line.startswith("measuring the throughput of small, and how long a score of small"), line
    assert "nothing is trained yet" in line
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    assert stopped.code == 130, stopped.err
    assert "nothing was trained or written yet. The same command starts again" in stopped.err
    assert "Traceback" not in stopped.err
    assert not (folder / "tried").exists()
