"""`train --from RUN`: the weights of an earlier run, new images, and no need of that run later."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas import tensor_file
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.status import SavedStatus
from ganvas.training import loop
from ganvas.training.state import TrainState

from ..builders.commands import Result, finish, start
from .conftest import essence, refused, write_images, write_small
from .processes import run_together

BUDGET = ("--images", 480)
FROZEN = ("--freeze-discriminator", 1)
NETWORKS = ("generator/", "discriminator/", "ema/")

Ganvas = Callable[..., Result]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose weights others start from."""
    folder = tmp_path_factory.mktemp("earlier")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        train = ["train", write_small(folder), write_images(folder), *BUDGET]
        result = finish(start([*train, "--out", folder / "run"]))
    assert result.code == 0, result.err
    return folder / "run"


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Other images than those of the earlier run."""
    path = tmp_path / "others.npz"
    random = np.random.default_rng(1)
    np.savez(path, images=random.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))
    return path


def newest(run: Path) -> tensor_file.Tensors:
    return tensor_file.read(Run.open(run).checkpoint_paths()[-1])[0]


def networks(tensors: tensor_file.Tensors) -> tensor_file.Tensors:
    return {name: tensor for name, tensor in tensors.items() if name.startswith(NETWORKS)}


def test_weights_are_those_of_the_earlier_run_and_all_else_begins_anew(
    tmp_path: Path, small: Path, others: Path, earlier: Path, ganvas: Ganvas
) -> None:
    out = tmp_path / "run"
    flags = ("--generator.learning-rate", "linear:1e-3:0", "--seed", 7)
    result = ganvas(
        "train", small, others, "--from", earlier, *FROZEN, *flags, *BUDGET, "--out", out
    )
    assert result.code == 0, result.err
    assert f"weights of {earlier} at 480 images: generator 13 of 13 tensors" in result.out
    assert "discriminator: halve1 kept as taken (FreezeD)" in result.out
    run = Run.open(out)

    start = tensor_file.read(run.checkpoint_path(0))[0]
    given, taken = networks(newest(earlier)), networks(start)
    assert given.keys() == taken.keys()
    assert all(torch.equal(given[name], taken[name]) for name in given)
    assert not any("optimizer" in name for name in start), "moments begin anew"

    after = networks(newest(out))
    frozen = [name for name in after if name.startswith("discriminator/halve1.")]
    assert frozen
    assert all(torch.equal(after[name], given[name]) for name in frozen)
    trained = [name for name in after if name.endswith("weight") and name not in frozen]
    assert not any(torch.equal(after[name], given[name]) for name in trained)

    recipe = run.read_recipe()
    assert recipe.generator.learning_rate.start == 1e-3  # type: ignore[union-attr]
    assert recipe.discriminator.learning_rate == 2e-4 / 4
    assert recipe.ema_rampup == 0
    origin = run.read_environment()["started_from"]
    assert origin["run"] == str(earlier)
    assert origin["taken"]["discriminator"] == "10 of 10 tensors"
    assert origin["left"] == []
    assert ganvas("report", out).code == 0
    page = (out / "report.html").read_text()
    assert "started_from.taken.generator" in page
    assert "<span>--from run</span>" in page, "in the command that repeats the run"
    assert str(earlier) not in page, "a page is made to be sent"
    assert ganvas("sample", out, "--checkpoint", 0, "-n", 2, "--out", tmp_path / "2.png").code == 0


@pytest.mark.parametrize("moment", [32, 416], ids=["before", "after its first checkpoint"])
def test_a_killed_run_resumes_bit_for_bit_although_the_earlier_run_is_gone(
    tmp_path: Path, small: Path, others: Path, earlier: Path, moment: int
) -> None:
    sabotage = f"""
import os, signal
from ganvas.training import loop
step = loop.train_step
def sabotaged(state, recipe):
    step(state, recipe)
    if state.images_seen == {moment}:
        os.kill(os.getpid(), signal.SIGKILL)
loop.train_step = sabotaged
"""
    gone = Path(shutil.copytree(earlier, tmp_path / "gone"))
    train = ["train", small, others, "--from", gone, *FROZEN, *BUDGET, "--out"]
    assert finish(start([*train, tmp_path / "whole"])).code == 0
    killed = finish(start([*train, tmp_path / "killed"], sabotage))
    assert killed.code == -signal.SIGKILL, killed.err
    shutil.rmtree(gone)
    resumed = finish(start(["resume", tmp_path / "killed"]))
    assert resumed.code == 0, resumed.err
    assert essence(tmp_path / "killed") == essence(tmp_path / "whole")


def test_a_run_that_starts_again_from_its_beginning_takes_the_weights_that_still_fit(
    tmp_path: Path, small: Path, others: Path, earlier: Path, ganvas: Ganvas,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As a rewind to 0 images does, whose advice may exchange layers."""
    out = tmp_path / "run"
    assert ganvas("train", small, others, "--from", earlier, *BUDGET, "--out", out).code == 0
    run = Run.open(out)
    run.delete_checkpoints_after(0)
    table = json.loads((out / "recipe.json").read_text())
    table["discriminator"]["network"]["norm"] = "none"
    (out / "recipe.json").write_text(json.dumps(table))
    first: list[tensor_file.Tensors] = []
    step = loop.train_step

    def step_and_keep(state: TrainState, recipe: Recipe) -> None:
        if not first:
            tensors = networks(state.tensors())
            first.append({name: tensor.clone() for name, tensor in tensors.items()})
        step(state, recipe)

    monkeypatch.setattr(loop, "train_step", step_and_keep)
    result = ganvas("resume", out)
    assert result.code == 0, result.err
    given, taken = networks(newest(earlier)), first[0]
    same = {name for name in taken.keys() & given.keys() if torch.equal(taken[name], given[name])}
    assert taken.keys() - same == {"discriminator/halve2.0.bias"}, "only what norms made needless"


def test_another_width_takes_what_fits_and_says_what_does_not(
    tmp_path: Path, small: Path, others: Path, earlier: Path, ganvas: Ganvas
) -> None:
    wider = ("--discriminator.network.width", 6, "--images", 16, "--out", tmp_path / "run")
    result = ganvas("train", small, others, "--from", earlier, *wider)
    assert result.code == 0, result.err
    assert "generator 13 of 13 tensors  ·  discriminator 2 of 10 tensors" in result.out
    assert "not taken, so random: discriminator/halve1.0.weight: (4, 3, 4, 4) there" in result.out


def test_a_damaged_checkpoint_is_named_and_the_one_before_serves(
    tmp_path: Path, small: Path, others: Path, earlier: Path, ganvas: Ganvas
) -> None:
    damaged = Path(shutil.copytree(earlier, tmp_path / "damaged"))
    path = Run.open(damaged).checkpoint_paths()[-1]
    path.write_bytes(path.read_bytes()[:-10])
    out = tmp_path / "run"
    result = ganvas("train", small, others, "--from", damaged, "--images", 16, "--out", out)
    assert result.code == 0, result.err
    assert f"{path} cannot be read" in result.out
    assert f"weights of {damaged} at 400 images" in result.out


def test_two_processes_start_from_the_same_weights(
    tmp_path: Path, small: Path, others: Path, earlier: Path
) -> None:
    out = tmp_path / "run"
    train = ["train", small, others, "--from", earlier, *FROZEN, "--images", 32, "--out", out]
    results = run_together([train, train])
    assert [result.code for result in results] == [0, 0], results
    start = networks(tensor_file.read(Run.open(out).checkpoint_path(0))[0])
    given = networks(newest(earlier))
    assert all(torch.equal(start[name], given[name]) for name in given)


def test_what_is_no_run_with_weights_is_refused_before_any_work(
    tmp_path: Path, small: Path, earlier: Path, ganvas: Ganvas
) -> None:
    """The images do not exist either, but that is not looked at."""

    def refuse(source: object, *fragments: str) -> None:
        train = ("train", small, tmp_path / "no-images", "--from", source)
        refused(ganvas(*train, "--out", tmp_path / "run"), *fragments)
        assert not (tmp_path / "run").exists()

    refuse(tmp_path / "nothing", "nothing is not a run: no such directory")
    refuse(earlier.parent, "it holds some. Name one of them: ", str(earlier))
    refuse(earlier / "generator", "a generator without its discriminator", "Name the run")
    refuse("hf:something", "'hf:something' is no address of the hub: expected hf:OWNER/NAME")
    empty = Path(shutil.copytree(earlier, tmp_path / "empty"))
    for path in (empty / "checkpoints").iterdir():
        path.unlink()
    refuse(empty, "has no checkpoint, so", "deleted or moved. Put them back")
    SavedStatus("running", 0).write(empty / "status.json")
    refuse(empty, "has no checkpoint yet", f"ganvas resume {empty}")
    study = tmp_path / "study"
    study.mkdir()
    (study / "study.json").write_text("{}")
    refuse(study, "is a study, not a run")


@pytest.mark.parametrize(
    ("flags", "fragments"),
    [
        (("--size", 32, "--network", "mlp"), ("no layer of", "it has dcgan for 16x16, colour")),
        (("--freeze-discriminator", 3), ("--freeze-discriminator: at most 2 of", "3 stages")),
    ],
)
def test_what_cannot_start_from_those_weights_is_refused(
    tmp_path: Path,
    small: Path,
    others: Path,
    earlier: Path,
    ganvas: Ganvas,
    flags: tuple[object, ...],
    fragments: tuple[str, ...],
) -> None:
    result = ganvas("train", small, others, "--from", earlier, *flags, "--out", tmp_path / "run")
    refused(result, *fragments)
    assert not (tmp_path / "run").exists()


def test_frozen_stages_without_an_earlier_run_are_refused(
    tmp_path: Path, small: Path, others: Path, ganvas: Ganvas
) -> None:
    result = ganvas("train", small, others, *FROZEN, "--out", tmp_path / "run")
    refused(result, "--freeze-discriminator: without weights of an earlier run (--from RUN)")
