"""A run that was killed, however often and wherever, ends bit for bit like one that never was."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganvas import precision
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.history import History
from ganvas.training import loop
from ganvas.training.state import TrainState

from ..builders.commands import Command, Result, finish, start, start_fresh, wait_until
from .conftest import essence, train_small, write_images, write_small

KILLS = 4
"""benchmarks/robustness has a thousand."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happens to."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        train = ["train", write_small(folder), write_images(folder), "--out", folder / "run"]
        result = finish(start(train))
    assert result.code == 0, result.err
    return folder / "run"


@pytest.fixture(scope="module")
def shorter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same seed that ended before."""
    return train_small(tmp_path_factory.mktemp("shorter"), 1200)


def test_kills_at_random_moments(tmp_path: Path, small: Path, images: Path) -> None:
    whole, run = tmp_path / "whole", tmp_path / "killed"
    train = ["train", small, images, "--images", 4_000, "--out"]
    result = finish(start([*train, whole]))
    assert result.code == 0, result.err
    moments = random.Random(0)
    process = start([*train, run])
    wait_until(run.exists, process)
    for kill in range(KILLS):
        if kill % 4 == 3:  # some kills fall into the start itself
            time.sleep(moments.uniform(0, 0.3))
        else:
            wait_for_record(process, run)
            time.sleep(moments.uniform(0, 0.15))
        assert process.poll() is None, "the run ended before it was killed often enough"
        process.kill()
        finish(process)
        process = start(["resume", run])
    result = finish(process)
    assert result.code == 0, result.err
    assert essence(run) == essence(whole)


def test_a_kill_while_augmentation_adapts(tmp_path: Path, small: Path, images: Path) -> None:
    """The probability moves every 1,000 images, and so does what it follows."""
    whole, run = tmp_path / "whole", tmp_path / "killed"
    adaptive = ["--augmentation", "adaptive:0.501:4000", "--augmentation-policy", "diffaugment"]
    adaptive += ["--held-out", 0.5]  # many, so that little is explained by their choice
    train = ["train", small, images, *adaptive, "--images", 3_200, "--out"]
    result = finish(start([*train, whole]))
    assert result.code == 0, result.err
    history = Run.open(whole).history
    assert len(set(history.column("augmentation/probability"))) > 1
    process = start([*train, run])
    measured = History(run / "history.jsonl")
    wait_until(lambda: bool(measured.column("augmentation/memory")[1:]), process)
    process.kill()
    finish(process)
    result = finish(start(["resume", run]))
    assert result.code == 0, result.err
    assert essence(run) == essence(whole)


def wait_for_record(process: Command | subprocess.Popen[str], run: Path) -> None:
    """Wait until a process that was just started writes into the history."""
    before = history_changed(run)
    wait_until(lambda: history_changed(run) != before, process)


def history_changed(run: Path) -> int:
    history = run / "history.jsonl"
    return history.stat().st_mtime_ns if history.exists() else 0


@pytest.mark.parametrize(
    ("call", "which"), [("fsync", 1), ("replace", 1), ("fsync", 2), ("replace", 3)]
)
def test_a_kill_inside_the_write_of_a_checkpoint(
    tmp_path: Path, small: Path, images: Path, whole: Path, call: str, which: int
) -> None:
    run = tmp_path / "killed"
    sabotage = f"""
import os, signal
real, seen = os.{call}, []
def sabotaged(*arguments):
    names = [str(argument) for argument in arguments] + [
        os.readlink(f"/proc/self/fd/{{a}}") for a in arguments if isinstance(a, int)]
    if any("checkpoints" in name and "safetensors" in name for name in names):
        seen.append(1)
        if len(seen) == {which}:
            os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
os.{call} = sabotaged
"""
    killed = finish(start(["train", small, images, "--out", run], sabotage))
    assert killed.code == -signal.SIGKILL
    assert len(list((run / "checkpoints").glob("*.safetensors"))) == which - 1
    result = finish(start(["resume", run]))
    assert result.code == 0, result.err
    assert essence(run) == essence(whole)
    assert not list((run / "checkpoints").glob("*.tmp")), "what the killed write left is swept up"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_a_checkpoint_and_exits_with_130(
    tmp_path: Path, small: Path, images: Path, whole: Path, number: signal.Signals
) -> None:
    run = tmp_path / "stopped"
    process = start(["train", small, images, "--out", run])
    wait_for_record(process, run)
    process.send_signal(number)
    result = finish(process)
    assert result.code == 130
    assert f"go on with: ganvas resume {run}" in result.err
    assert Run.open(run).read_status().status == "interrupted"
    newest = Run.open(run).sample_paths()[-1]
    assert newest == Run.open(run).sample_path(Run.open(run).read_status().images_seen)
    assert str(newest) in result.err, "whoever stops sees what it makes by then"
    assert finish(start(["resume", run])).code == 0
    assert essence(run) == essence(whole)


def test_a_terminal_that_closes_stops_training_and_nohup_lets_it_go_on(
    tmp_path: Path,
    small: Path,
    images: Path,
    shorter: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = ("train", small, images, "--images", 1200, "--out")
    step = loop.train_step

    def step_and_close(state: TrainState, recipe: Recipe) -> None:
        step(state, recipe)
        if state.images_seen == 1008:
            for _ in range(2):  # one from the system, one from the shell
                os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(loop, "train_step", step_and_close)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where nohup starts the tests
    stopped = ganvas(*train, tmp_path / "stopped")
    assert stopped.code == 130
    assert "saved at 1,008 images" in stopped.err
    assert "stopping: the run is saved first" in stopped.out
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert ganvas(*train, tmp_path / "nohup").code == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ganvas("resume", tmp_path / "stopped").code == 0
    assert essence(tmp_path / "stopped") == essence(tmp_path / "nohup") == essence(shorter)


def test_a_run_that_is_interrupted_before_its_first_step_leaves_nothing(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", interrupt)
    result = ganvas("train", small, images, "--out", tmp_path / "run")
    assert result.code == 130
    assert "nothing was left half-written" in result.err
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_interrupted_twice_says_where_it_resumes(
    tmp_path: Path,
    shorter: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    run = Path(shutil.copytree(shorter, tmp_path / "run"))
    monkeypatch.setattr(loop, "fit", interrupt)
    result = ganvas("resume", run, "--images", 2000)
    assert result.code == 130
    newest = int(Run.open(run).checkpoint_paths()[-1].stem)
    assert f"Its last checkpoint is at {newest:,} images; go on from there" in result.err
    assert f"ganvas resume {run}" in result.err


def test_a_run_that_nobody_writes_is_not_called_running(
    tmp_path: Path, whole: Path, ganvas: Callable[..., Result]
) -> None:
    whole = Path(shutil.copytree(whole, tmp_path / "run"))
    run = Run.open(whole)
    run.write_status("running", 1600)  # as a kill before the last checkpoint leaves it
    with run.lock():
        assert "at 2,000 images (running)" in ganvas("diagnose", whole).out
    stopped = ganvas("diagnose", whole).out
    assert "at 2,000 images (stopped without saving)" in stopped
    assert "it was last saved at 1,600 images, and would resume there" in stopped
    diagnosis = json.loads(ganvas("diagnose", whole, "--json").out)
    assert diagnosis["status"] == "stopped without saving"
    resumed = ganvas("resume", whole, "--images", 2016)
    assert f"{whole} stopped without saving at 2,000 images" in resumed.out
    assert run.state() == "finished"


def test_a_second_ctrl_c_does_not_spoil_how_the_first_one_ends(
    tmp_path: Path, small: Path, images: Path
) -> None:
    run = tmp_path / "stopped"
    process = start_fresh(["train", small, images, "--out", run])
    wait_for_record(process, run)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)  # Python is still at ending itself
    result = finish(process)
    assert (result.code, result.err) == (130, "")
    assert f"go on with: ganvas resume {run}" in said


def test_the_same_seed_gives_the_same_bits(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    train = ("train", small, images, "--images", 640)
    for name in ("one", "two"):
        assert ganvas(*train, "--seed", 5, "--out", tmp_path / name).code == 0
    assert essence(tmp_path / "one") == essence(tmp_path / "two")
    assert ganvas(*train, "--seed", 6, "--out", tmp_path / "other").code == 0
    assert essence(tmp_path / "one")["tensors"] != essence(tmp_path / "other")["tensors"]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, shorter: Path, whole: Path, ganvas: Callable[..., Result], damage: str
) -> None:
    run = Path(shutil.copytree(shorter, tmp_path / "damaged"))
    newest = sorted((run / "checkpoints").iterdir())[-1]
    content = newest.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    newest.write_bytes({"cut": content[:-100], "changed": flipped, "empty": b""}[damage])
    result = ganvas("resume", run, "--images", 2000)
    assert result.code == 0, result.err
    assert str(newest) in result.out
    assert "the checkpoint before it is used" in result.out
    assert essence(run)["tensors"] == essence(whole)["tensors"]


def test_when_every_checkpoint_is_damaged_it_says_so(
    tmp_path: Path, shorter: Path, ganvas: Callable[..., Result]
) -> None:
    run = Path(shutil.copytree(shorter, tmp_path / "damaged"))
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(b"nothing")
    result = ganvas("resume", run, "--images", 3000)
    assert result.code == 2
    assert result.err.startswith("ganvas: all checkpoints are damaged:")
    assert result.err.count("safetensors cannot be read") == 2
    assert result.err.endswith(f"Samples need none of them: ganvas sample {run}\n")
    assert ganvas("sample", run).code == 0


def test_a_run_goes_on_in_the_numbers_that_it_began_in(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def on_a_processor(bfloat16: bool, *words: object) -> Result:
        monkeypatch.setattr(precision, "has_bfloat16", lambda: bfloat16)
        result = ganvas(*words)
        assert result.code == 0, result.err
        return result

    widths = ("--generator.network.width", 64, "--discriminator.network.width", 64)
    wide = ("train", small, images, *widths, "--intervals.probes", 0, "--images")
    on_a_processor(False, *wide, 160, "--precision", "fp32", "--out", tmp_path / "whole")
    on_a_processor(False, *wide, 80, "--out", tmp_path / "moved")
    moved = on_a_processor(True, "resume", tmp_path / "moved", "--images", 160)
    assert "began in" not in moved.out
    tensors = [essence(tmp_path / name)["tensors"] for name in ("whole", "moved")]
    assert tensors[0] == tensors[1]
    on_a_processor(True, *wide, 80, "--precision", "bf16", "--out", tmp_path / "back")
    back = on_a_processor(False, "resume", tmp_path / "back", "--images", 160)
    assert "the run started in bf16 and continues in fp32: this processor has no" in back.out
    assert "sums may round differently" not in back.out
    Run.open(tmp_path / "back").write_environment(
        {**Run.open(tmp_path / "back").read_environment(), "threads": 64}
    )
    slower = on_a_processor(False, "resume", tmp_path / "back", "--images", 176)
    assert "the run started on 64 threads and continues on 1 thread: sums may" in slower.out


def test_training_longer_keeps_the_schedules_where_they_ended(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "longer"
    ramp = "linear:2e-4:1e-4"
    flags = ("--generator.learning-rate", ramp, "--images", 160, "--out", run)
    assert ganvas("train", small, images, *flags).code == 0
    assert ganvas("resume", run, "--images", 320).code == 0
    recipe = Run.open(run).read_recipe()
    assert recipe.images == 320
    assert recipe.generator.learning_rate.images == 160  # type: ignore[union-attr]


def test_training_time_adds_up_over_resumes(
    tmp_path: Path, shorter: Path, ganvas: Callable[..., Result]
) -> None:
    run = Path(shutil.copytree(shorter, tmp_path / "run"))
    before = Run.open(run).history.column("seconds")
    assert ganvas("resume", run, "--images", 2000).code == 0
    seconds = Run.open(run).history.column("seconds")
    assert seconds[: len(before)] == before
    assert seconds == sorted(seconds)
    assert seconds[-1] > before[-1]


def test_a_finished_run_says_how_to_train_longer(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "done"
    assert ganvas("train", small, images, "--images", 320, "--out", run).code == 0
    result = ganvas("resume", run)
    assert result.code == 2
    assert f"ganvas resume {run} --images 640" in result.err


def test_a_kill_just_after_the_last_checkpoint_leaves_none_too_many(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    few = ("--images", 96, "--intervals.checkpoint", 32)
    assert ganvas("train", small, images, *few, "--out", run).code == 0
    kept = Run.open(run).checkpoint_paths()
    shutil.copy(kept[0], Run.open(run).checkpoint_path(16))  # as if it was not deleted any more
    result = ganvas("resume", run)
    assert "is finished at 96 images" in result.err
    assert Run.open(run).checkpoint_paths() == kept


def test_a_recipe_that_does_not_fit_the_checkpoint_is_named(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["discriminator"]["network"]["width"] = 8
    (run / "recipe.json").write_text(json.dumps(recipe))
    result = ganvas("resume", run, "--images", 64)
    assert result.code == 2
    assert f"the checkpoint of {run} does not fit its recipe.json" in result.err
