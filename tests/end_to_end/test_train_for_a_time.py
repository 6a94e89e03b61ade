"""`ganvas train --time`: a run ends in time, and after a kill goes on bit for bit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import ganvas
from ganvas.recipes import Ramp, Recipe, read_recipe
from ganvas.runs import Run
from ganvas.runs.time_limit import read_time_limit
from ganvas.training import clock, loop, starting
from ganvas.training.pace import Pace
from ganvas.training.state import TrainState

from .conftest import Ganvas, essence, refused, write_images, write_small

LIMIT = 20.0
STEP = 0.16
"""Seconds of a step of 16 images: 100 images/s, where 150 were measured."""


class Killed(BaseException):
    """What no handler of ours catches."""


def take_over(patch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine whose clock moves with steps alone; `kill_at` ends it in the step from there."""
    machine = SimpleNamespace(now=0.0, kill_at=None)
    real = loop.train_step

    def step(state: TrainState, recipe: Recipe) -> None:
        if machine.kill_at is not None and state.images_seen >= machine.kill_at:
            raise Killed
        machine.now += STEP
        real(state, recipe)

    patch.setattr(loop, "train_step", step)
    patch.setattr(clock.Clock.__init__, "__defaults__", (lambda: machine.now,))
    patch.setattr(starting, "measure_pace_on", lambda *_, **__: Pace(150.0, 0.0))
    return machine


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    return take_over(monkeypatch)


def train(folder: Path, out: Path) -> None:
    """Train for 20 seconds, with a learning rate that falls to 0 at the end."""
    recipe = read_recipe(write_small(folder))
    falling = Ramp(shape="linear", start=2e-4, end=0.0)
    recipe = replace(recipe, discriminator=replace(recipe.discriminator, learning_rate=falling))
    ganvas.train(recipe, write_images(folder), out, time=LIMIT, quiet=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 seconds that nothing happens to."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        take_over(patch)
        train(folder, folder / "run")
    return folder / "run"


def test_a_run_for_a_time_ends_in_time_with_its_schedules(whole: Path) -> None:
    run, limit = Run.open(whole), read_time_limit(whole)
    assert limit is not None
    assert limit.spent == pytest.approx(LIMIT, rel=0.03)
    assert limit.budgets[0].images == 2_992  # whole steps in 20 s at the measured 150 a second
    budget = run.read_recipe().images
    assert limit.budgets[-1].images == budget == run.read_status().images_seen
    assert budget == pytest.approx(2_000, rel=0.03)
    assert run.read_status().status == "finished"
    rate = json.loads((whole / "recipe.json").read_text())["discriminator"]["learning_rate"]
    assert rate == f"linear:0.0002:0.0:{budget}"
    assert run.history.column("images_seen")[-1] == budget


@pytest.mark.parametrize("kill_at", [150, 1_500])
def test_a_killed_run_for_a_time_ends_like_one_that_was_not(
    whole: Path, tmp_path: Path, machine: SimpleNamespace, kill_at: int
) -> None:
    """After the first correction, and much later; the time since its last checkpoint is given."""
    machine.kill_at = kill_at
    with pytest.raises(Killed):
        train(tmp_path, tmp_path / "killed")
    machine.kill_at = None
    machine.now += 500.0
    ganvas.resume(tmp_path / "killed", quiet=True)
    assert essence(tmp_path / "killed") == essence(whole)
    assert read_time_limit(tmp_path / "killed") == read_time_limit(whole)


def test_a_run_for_a_time_can_be_trained_longer_by_images(
    whole: Path, tmp_path: Path, machine: SimpleNamespace
) -> None:
    run = Run.open(shutil.copytree(whole, tmp_path / "longer"))
    seen = run.read_status().images_seen
    with pytest.raises(ganvas.RunError, match=r"is finished at .* --images"):
        ganvas.resume(run.directory, quiet=True)
    machine.now += 500.0
    ganvas.resume(run.directory, images=seen + 320, quiet=True)
    assert run.read_status().images_seen == seen + 320


@pytest.fixture(name="command")
def ganvas_command(request: pytest.FixtureRequest) -> Ganvas:
    """Runs one command; the name of its fixture is that of the library here."""
    command: Ganvas = request.getfixturevalue("ganvas")
    return command


@pytest.mark.parametrize(
    ("flags", "fragments"),
    [
        (["--time", "5s"], ["--time: 5s is too short", "give 20s or more"]),
        (["--time", "soon"], ["--time: 'soon' is no time: expected something like 90s"]),
        (["--time", "1m", "--images", "20k"], ["--time and --images: one budget or the other"]),
    ],
)
def test_a_time_that_cannot_be_is_one_sentence(
    tmp_path: Path, images: Path, command: Ganvas, flags: list[str], fragments: list[str]
) -> None:
    out = tmp_path / "run"
    refused(command("train", "dcgan", images, *flags, "--out", out), *fragments)
    assert not out.exists()


def test_a_time_too_short_for_a_few_steps_leaves_nothing(
    tmp_path: Path, images: Path, command: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "measure_pace_on", lambda *_, **__: Pace(1.0, 0.0))
    out = tmp_path / "run"
    result = command("train", "dcgan", images, "--time", "30s", "--out", out)
    refused(result, "--time: in 0:30 this machine trains 0 steps of 32 images")
    assert not out.exists()
