"""Failures of a study: bad input, crashes, full disks, other studies, changed images.

Runs are done in a thread of this process, so that a test can reach what they do.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.errors import RunError
from ganvas.health.finding import Finding
from ganvas.runs import Run
from ganvas.storage import cannot_write
from ganvas.studies import running, worker
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.executors import WorkerPool

from ..builders.commands import Result
from .conftest import refused
from .studies import (
    UNWATCHED,
    endings,
    stay_in_this_process,
    this_process,
    tiny_study,
    without_report,
    written,
)

Ganvas = Callable[..., Result]
ONE_SEED = ("--seeds", 1)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's file with its own images. Probes are off, so that no run counts as collapsed."""
    stay_in_this_process(monkeypatch)
    without_report(monkeypatch)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (250, 16, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "grey.npz", images=pixels)
    recipe = tmp_path / "small.toml"
    recipe.write_text(UNWATCHED)
    return tiny_study(tmp_path, recipe, tmp_path / "grey.npz", images=200, evaluations=0)


def failing_once(arm: str, error: Exception) -> Callable[..., Run]:
    """A `train` that fails the first time for this arm."""
    left = [1]

    def train(recipe: Any, *arguments: Any, **named: Any) -> Run:
        if recipe.name == arm and left:
            left.pop()
            raise error
        return real(recipe, *arguments, **named)

    real = worker.train
    return train


def test_plan_writes_nothing(tmp_path: Path, study: Path, ganvas: Ganvas) -> None:
    result = ganvas("compare", study, "--plan", "--out", tmp_path / "planned")
    assert result.code == 0, result.err
    assert "2 arms x 2 seeds = 4 runs · about" in result.out
    assert "hinge" in result.out
    assert "scoring is" in result.out
    assert not (tmp_path / "planned").exists()


def test_the_plan_of_a_study_that_was_started_suggests_no_other(
    tmp_path: Path, study: Path, ganvas: Ganvas
) -> None:
    out = tmp_path / "out"
    flags = ("--samples", 2000, "--out", out)
    planned = ganvas("compare", study, *flags, "--plan")
    assert f"ganvas compare {study} --samples 1000 --out {out}" in planned.out
    assert ganvas("compare", study, "--seeds", 1, "--out", out).code == 0
    again = ganvas("compare", out, "--plan")
    assert again.code == 0, again.err
    assert "cheaper, if" not in again.out


def test_how_often_runs_are_scored_is_chosen_once(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more seeds, and where the choice would now be another one."""
    monkeypatch.setattr("ganvas.studies.scoring.MOST_SCORING", 0.0)
    lines = study.read_text().splitlines()
    study.write_text("\n".join(x for x in lines if not x.startswith(("samples", "evaluations"))))
    out = tmp_path / "out"
    started = ganvas("compare", study, "--seeds", 1, "--out", out)
    assert started.code == 0, started.err
    assert "one with 1k at the end of each run" in started.out
    assert "For more: --evaluations 4 --samples 5000" in started.out
    directory = StudyDirectory.open(out)
    assert (directory.study.evaluations, directory.study.samples) == (0, 1000)
    assert "For more:" in directory.plan.scoring_choice
    monkeypatch.setattr("ganvas.studies.scoring.MOST_SCORING", 1.0)
    again = ganvas("compare", study, "--seeds", 2, "--out", out)
    assert again.code == 0, again.err
    assert StudyDirectory.open(out).study.samples == 1000
    refused(
        ganvas("compare", study, "--seeds", 2, "--samples", 2000, "--out", out),
        "samples: 1000 there, 2000 now",
    )


def test_a_time_is_converted_to_images_once(tmp_path: Path, study: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "timed"
    assert ganvas("compare", study, "--time", "0.2s", "--seeds", 1, "--out", out).code == 0
    directory = StudyDirectory.open(out)
    for arm, images in directory.plan.images.items():
        batch = directory.study.arm(arm).recipe.batch
        rate = directory.plan.throughput[arm].images_per_second
        assert images % batch == 0
        assert images == pytest.approx(0.2 * rate, abs=batch)
        assert Run.open(directory.run_path(arm, 0)).read_status().images_seen == images


def test_a_crashed_run_is_tried_once_more(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(worker, "train", failing_once("hinge", RuntimeError("boom")))
    result = ganvas("compare", study, *ONE_SEED, "--out", out)
    assert result.code == 0, result.err
    assert "hinge seed 0 crashed: RuntimeError: boom" in result.out
    assert endings(out)["hinge", 0] == "crashed"
    crashed = StudyDirectory.open(out).outcome("hinge", 0)
    assert crashed is not None
    assert "in train" in crashed.trace
    others = written(out / "runs" / "small")
    result = ganvas("compare", study, *ONE_SEED, "--out", out)
    assert "tried once more, because they crashed: hinge seed 0" in result.out
    assert endings(out)["hinge", 0] == "finished"
    assert written(out / "runs" / "small") == others
    assert "2 of 2 runs are done already" in ganvas("compare", out).out


def test_a_run_that_ends_collapsed_counts_as_failed(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scores are kept beside the failure."""
    collapse = Finding("mode-collapse", "failing", 0.9, 100, (), "All alike.", (), "a test")
    real = worker.diagnose

    def diagnose(run: Run) -> Any:
        found = real(run)
        return replace(found, findings=(collapse,)) if run.read_recipe().name == "hinge" else found

    monkeypatch.setattr(worker, "diagnose", diagnose)
    result = ganvas("compare", study, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "hinge seed 1 collapsed: All alike." in result.out
    outcome = StudyDirectory.open(tmp_path / "out").outcome("hinge", 1)
    assert outcome is not None
    assert outcome.failed
    assert outcome.scores["swd"] > 0
    assert endings(tmp_path / "out")["small", 1] == "finished"


def test_a_run_that_crashes_twice_is_not_tried_again(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(worker, "train", failing_once("hinge", RuntimeError("boom")))
            assert ganvas("compare", study, *ONE_SEED, "--out", out).code == 0
    before = written(out / "outcomes")
    assert ganvas("compare", study, *ONE_SEED, "--out", out).code == 0
    assert written(out / "outcomes") == before


def test_a_full_disk_stops_the_study_and_it_can_continue(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    full = OSError(errno.ENOSPC, "No space left on device")
    about_file = cannot_write(Path("somewhere"), full)
    about_file.__cause__ = full
    error = RunError(f"{about_file} Then go on with: ganvas resume RUN")  # as training says it
    error.__cause__ = about_file
    monkeypatch.setattr(worker, "train", failing_once("hinge", error))
    result = ganvas("compare", study, *ONE_SEED, "--out", out)
    refused(result, "cannot write somewhere: no space left", f"Continue with: ganvas compare {out}")
    assert "ganvas resume" not in result.err
    assert ("hinge", 0) not in endings(out), "a full disk says nothing about the arm"
    assert json.loads((out / "results.json").read_text())["missing"], "results so far are written"
    assert ganvas("compare", out).code == 0
    assert set(endings(out).values()) == {"finished"}


def test_a_run_whose_process_dies_is_found_and_the_others_finish(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    pool = WorkerPool(2, 1, ("cpu",), dying_with("hinge"))
    monkeypatch.setattr("ganvas.studies.running.make_pool", lambda runs, workers, dask: pool)
    result = ganvas("compare", study, "--out", out)
    assert result.code == 0, result.err
    found = endings(out)
    assert {key: found[key] for key in found if key[0] == "small"} == {
        ("small", 0): "finished",
        ("small", 1): "finished",
    }
    assert found["hinge", 0] == found["hinge", 1] == "crashed"
    assert "its process died, ended by SIGSEGV" in result.out


def dying_with(arm: str) -> Any:
    """Makes executors that break as soon as a run of this arm is submitted."""

    class Broken:
        def __init__(self, executor: Any) -> None:
            self.executor = executor

        def submit(self, work: Callable[..., Any], job: Any) -> Any:
            def do() -> Any:
                if getattr(job, "seed", None) is not None and job.arm == arm:
                    raise BrokenExecutor("ended by SIGSEGV")
                return work(job)

            return self.executor.submit(do)

        def shutdown(self, wait: bool) -> None:
            self.executor.shutdown(wait)

    @contextmanager
    def hire(workers: int, threads: int) -> Any:
        with this_process(workers, threads) as executor:
            yield Broken(executor)

    return hire


def test_more_seeds_are_added_to_a_study(tmp_path: Path, study: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "out"
    assert ganvas("compare", study, "--seeds", 1, "--out", out).code == 0
    before = written(out / "runs")
    result = ganvas("compare", out, "--seeds", 2)
    assert result.code == 0, result.err
    assert len(endings(out)) == 4
    assert before.items() <= written(out / "runs").items()
    for again in ((out, "--seeds", 1), (study, "--seeds", 1, "--out", out)):
        refused(ganvas("compare", *again), "seeds: 2 there, 1 asked for", "added, not removed")
    shutil.copytree(out / "runs" / "hinge" / "0", out / "runs" / "hinge" / ".9.abc.tmp")
    runs = f"Name one of its runs: {out}/runs/hinge/0, {out}/runs/hinge/1, {out}/runs/small/0 and 1"
    refused(ganvas("diagnose", out), f"{out} is a study, not a run. {runs} more\n")
    resumed = ganvas("resume", out / "runs")
    refused(resumed, f"is not a run, but it holds some. Name one of them: {out}")
    run = out / "runs" / "hinge" / "0"
    refused(ganvas("compare", run), f"{run} is a run, not a study", f"ganvas report {run}")


def test_another_study_in_the_directory_is_refused(
    tmp_path: Path, study: Path, ganvas: Ganvas
) -> None:
    out = tmp_path / "out"
    assert ganvas("compare", study, "--seeds", 1, "--out", out).code == 0
    result = ganvas("compare", study, "--out", out, "--images", 300, "--metrics", "swd,kid-lite0")
    refused(
        result,
        f"{out}: holds another study (images: 200 there, 300 now; and 1 more)",
        "another folder as out (--out)",
        f"ganvas compare {out}",
    )
    assert len(result.err.splitlines()) == 1
    study.write_text(study.read_text().replace('"hinge"', '"wasserstein"'))
    result = ganvas("compare", study, "--seeds", 1, "--out", out)
    refused(result, "holds another study of small, hinge, where this one is of small, wasserstein")
    assert len(result.err.splitlines()) == 1
    refused(ganvas("compare", out, "--images", 300), "only --seeds and --data can be changed")


def test_changed_images_are_refused(tmp_path: Path, study: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "out"
    assert ganvas("compare", study, "--seeds", 1, "--out", out).code == 0
    moved = tmp_path / "moved.npz"
    (tmp_path / "grey.npz").rename(moved)
    refused(ganvas("compare", out), "are no longer at", f"ganvas compare {out} --data PATH")
    assert ganvas("compare", out, "--data", moved).code == 0
    np.savez(tmp_path / "grey.npz", images=np.zeros((250, 16, 16, 1), np.uint8))
    refused(ganvas("compare", out), "holds other images than", str(out))


def test_the_same_files_of_which_others_can_be_used_are_refused(
    tmp_path: Path, study: Path, ganvas: Ganvas
) -> None:
    """As after an update of the library that decodes them."""
    out = tmp_path / "out"
    assert ganvas("compare", study, "--seeds", 1, "--out", out).code == 0
    table = json.loads((out / "study.json").read_text())
    table["data"]["images"] += 1
    (out / "study.json").write_text(json.dumps(table))
    refused(ganvas("compare", out), "the same files, but", str(out / "study.json"))


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "plan_new_study", None)
    (tmp_path / "file").write_text("in the way")
    refused(ganvas("compare", study, "--out", tmp_path / "file" / "out"), "cannot write")


def test_a_study_that_is_running_is_locked(tmp_path: Path, study: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "out"
    assert ganvas("compare", study, "--seeds", 1, "--out", out).code == 0
    with StudyDirectory.open(out).lock():
        refused(ganvas("compare", out), "is being written by another process")


def test_a_run_that_is_being_written_is_locked(
    tmp_path: Path, study: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(worker, "LOCK_TIMEOUT", 0.2)
    monkeypatch.setattr(worker, "train", failing_once("small", KeyboardInterrupt()))
    stopped = ganvas("compare", study, "--out", out)
    assert stopped.code == 130
    assert "stopped with 0 of 4 runs done; those in progress were saved" in stopped.err
    assert f"Continue with: ganvas compare {out}" in stopped.err
    assert ganvas("compare", out).code == 0
    run = Run.open(out / "runs" / "small" / "1")
    run.write_status("interrupted", 100)
    StudyDirectory.open(out).outcome_path("small", 1).unlink()
    with run.lock():
        refused(ganvas("compare", out), str(run.directory), "is being written by another process")


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        ([], ["give a study's file or directory"]),
        (["nowhere"], ["nowhere is not a study: no such directory"]),
        (["nowhere.toml"], ["nowhere.toml: cannot be read"]),
        (
            ["--recipes", "dcgan,mlpp", "--data", "fashion", "--images", "1k"],
            ["'mlpp' is no recip"],
        ),
        (["--base", "dcgan", "--vary", "objective.los=hinge"], ["Did you mean objective.loss?"]),
        (["--base", "dcgan", "--data", "fashion"], ["--base dcgan alone is one arm", "--vary"]),
        (["--recipes", "dcgan", "--images", "1k"], ["data: what to train on is missing"]),
        (["--recipes", "dcgan", "--data", "fashion"], ["--images or --time", "none is given"]),
        (
            ["--recipes", "dcgan", "--data", "fashion", "--images", "1k", "--seeds", "0"],
            ["seeds: must be greater than or equal to 1"],
        ),
        (
            ["--recipes", "dcgan", "--data", "fashion", "--time", "soon"],
            ["time: 'soon' is no time: expected something like 90s, 10m or 1h30m"],
        ),
        (
            ["--recipes", "dcgan", "--data", "nothing-here", "--images", "1k"],
            ["nothing-here"],
        ),
        (
            ["--recipes", "dcgan", "--data", "fashion", "--images", "1k", "--workers", "0"],
            ["--workers: at least 1"],
        ),
    ],
)
def test_wrong_input_is_refused_before_anything_runs(
    tmp_path: Path,
    ganvas: Ganvas,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    fragments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(ganvas("compare", *arguments), *fragments)
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == []


def test_a_study_file_and_arm_flags_conflict(tmp_path: Path, study: Path, ganvas: Ganvas) -> None:
    refused(ganvas("compare", study, "--base", "dcgan"), "names the arms itself")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    refused(ganvas("compare", study, "--out", tmp_path / "full"), "is not empty")
