"""Several processes train one run: how it starts, stops, dies, resumes and is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from torch.distributed import TCPStore

from ganvas.cli import error_output
from ganvas.runs import Run
from ganvas.training.stop import STOP_SIGNALS

from ..builders.commands import Command, finish, start, wait_until
from .conftest import Ganvas, refused
from .processes import (
    SMALL_FOR_PROCESSES,
    Processes,
    checkpoints,
    run_together,
    said_once,
    started,
)


def wait_for_checkpoints(processes: Processes, run: Path, count: int) -> None:
    """Wait until so many images are in the newest checkpoint, or a process ends."""

    def written() -> bool:
        names = checkpoints(run)
        return bool(names) and int(names[-1].partition(".")[0]) >= count

    assert wait_until(written, *processes), [finish(process) for process in processes]


def test_a_run_is_stopped_resumes_loses_a_process_one_ends_it_and_two_train_on(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    train = ["train", small, images, "--images", 100_000, *SMALL_FOR_PROCESSES, "--out", run]
    with started([train] * 2) as processes:
        wait_for_checkpoints(processes, run, 64)
        processes[1].send_signal(signal.SIGTERM)  # to one of them, and both stop
        stopped = [finish(process) for process in processes]
    assert [result.code for result in stopped] == [130, 130], stopped
    said_once(stopped, "saved at", f"go on with: ganvas resume {run}")
    assert "in 2 processes" in stopped[0].out
    assert stopped[1].out == ""
    status = Run.open(run).read_status()
    assert status.status == "interrupted"
    assert checkpoints(run)[-1] == f"{status.images_seen:09d}.safetensors"
    assert Run.open(run).read_environment()["world_size"] == 2

    with started([["resume", run]] * 2) as processes:
        wait_for_checkpoints(processes, run, status.images_seen + 128)
        processes[0].kill()  # the one that writes
        left = finish(processes[1])
    assert left.code == 1
    said_once([left], "another process of this run is gone", f"ganvas resume {run}")
    assert Run.open(run).read_status().status == "running"
    assert not Run.open(run).is_locked()

    last = int(checkpoints(run)[-1].partition(".")[0])
    # `resume` cannot cut a budget, so the recipe is edited: 100,000 images would take long.
    recipe = run / "recipe.json"
    recipe.write_text(recipe.read_text().replace("100000", str(last + 64)))
    result = ganvas("resume", run)
    assert result.code == 0, result.err
    assert f"resuming at {last:,} images" in result.out
    seen = [record["images_seen"] for record in Run.open(run).history.records()]
    assert seen == sorted(set(seen))
    assert seen[-1] >= last + 64

    longer = run_together([["resume", run, "--images", last + 192]] * 2)  # and two train on
    assert [result.code for result in longer] == [0, 0], longer
    assert Run.open(run).read_status().images_seen >= last + 192


def test_processes_that_torchrun_restarts_resume_the_run(
    tmp_path: Path, small: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first attempt process 1 kills itself. The run is found without --out too.

    torchrun is forked, which saves it seconds of importing torch; its processes are new.
    """
    program = tmp_path / "sabotaged.py"
    program.write_text(
        """
import os, signal, sys
from ganvas.cli import main
from ganvas.training import loop

real, steps = loop.train_step, []
def sabotaged(state, recipe):
    steps.append(1)
    first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if len(steps) == 9 and first_attempt and not state.processes.is_main:
        os.kill(os.getpid(), signal.SIGKILL)
    real(state, recipe)
loop.train_step = sabotaged
sys.exit(main(sys.argv[1:]))
"""
    )
    train = ["train", small, images, "--images", 320, *SMALL_FOR_PROCESSES]
    flags = ["--nproc-per-node", 2, "--standalone", "--max-restarts", 1]
    words = [str(word) for word in (*flags, program, *train)]
    torchrun = f"""
import warnings
warnings.simplefilter("default")
from torch.distributed.run import main
main({words!r})
"""
    monkeypatch.chdir(tmp_path)
    done = finish(Command(torchrun, {**os.environ, "OMP_NUM_THREADS": "1"}))
    assert done.code == 0, done.err
    assert done.err.count("ganvas: another process of this run is gone") == 1
    assert "resuming at 128 images" in done.out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["small-images-1"]
    assert Run.open(tmp_path / "runs" / "small-images-1").read_status().status == "finished"


UNHEALTHY = """
from ganvas.health.finding import Change, Finding
from ganvas.training import monitor
advice = (Change("discriminator.learning_rate", "2e-4", "for a test"),)
failing = Finding("diverging", "failing", 0.9, 32, (), "It fails.", advice, "a test")
monitor.apply_rules = lambda evidence: (failing,)
"""


@pytest.mark.parametrize(
    ("flags", "patch", "status", "said"),
    [
        (["--generator.learning-rate", "1e30", "--objective.loss", "least-squares"], "", "diverged",
         "training stopped at 16 images"),
        (["--intervals.probes", "32", "--on-failure", "stop"], UNHEALTHY, "unhealthy", "It fails."),
    ],
)  # fmt: skip
def test_failing_ends_all_processes_with_one_message(
    tmp_path: Path, small: Path, images: Path, flags: list[str], patch: str, status: str, said: str
) -> None:
    run = tmp_path / "run"
    train = ["train", small, images, *SMALL_FOR_PROCESSES, *flags, "--out", run]
    results = run_together([train] * 2, patch)
    assert [result.code for result in results] == [3, 3], results
    said_once(results, said)
    assert Run.open(run).read_status().status == status


def test_batches_that_cannot_be_shared_are_refused_once(
    tmp_path: Path, small: Path, images: Path
) -> None:
    run = tmp_path / "run"
    flags = ("--batch", 18, "--generator-batch", 6, "--objective.pac", 2, "--sync-batch-norm")
    results = run_together([["train", small, images, *flags, "--out", run]] * 2)
    assert [result.code for result in results] == [2, 2], results
    said_once(
        results,
        "3 problems",
        "--batch: 18 images cannot be shared equally by 2 processes in packs of 2 "
        "(--objective.pac). Nearest: 16 or 20",
        "--generator-batch: 6 images cannot be shared equally",
        "Nearest: 4 or 8",
        "--sync-batch-norm: works on CUDA only, and this is cpu",
    )
    assert not run.exists()


def test_processes_that_see_different_images_are_refused_once(
    tmp_path: Path, small: Path, images: Path
) -> None:
    other = tmp_path / "other.npz"
    pixels = np.random.default_rng(1).integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    np.savez(other, images=pixels)
    run = tmp_path / "run"
    commands = [["train", small, data, "--out", run] for data in (images, other)]
    results = run_together(commands)
    assert [result.code for result in results] == [2, 2], results
    said_once(results, "do not see the same", f"process 1 has {other}", str(images))
    assert not run.exists()


def test_sync_batch_norm_is_refused_without_cuda(small: Path, images: Path, ganvas: Ganvas) -> None:
    refused(ganvas("train", small, images, "--sync-batch-norm", "--device", "cpu"), "CUDA only")


@pytest.fixture
def one_of_two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As torchrun starts the first of two processes, with a store, for which it would wait."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    environment = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**environment, "MASTER_PORT": str(store.port)}.items():
        monkeypatch.setenv(name, value)
    yield
    del store


@pytest.mark.usefixtures("one_of_two")
@pytest.mark.parametrize("words", [["recipes"], ["sample", "run"]])
def test_only_train_and_resume_take_several_processes(ganvas: Ganvas, words: list[str]) -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    refused(ganvas(*words), "torchrun started 2 processes", "Start this command without torchrun")
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_an_incomplete_environment_of_torchrun_is_refused(
    small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_output, "HEAD_START", timedelta(milliseconds=1))  # nobody comes
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    refused(ganvas("train", small, images), "MASTER_ADDR", "unset WORLD_SIZE")


def test_a_single_process_under_torchrun_is_like_any_other(
    tmp_path: Path, small: Path, images: Path
) -> None:
    run = tmp_path / "run"
    (result,) = run_together([["train", small, images, "--images", 64, "--out", run]])
    assert result.code == 0, result.err
    assert "processes" not in result.out
    process = start(["resume", run, "--images", 128])
    assert finish(process).code == 0
