"""`ganvas train auto DATA`: what is chosen, what is said about it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ganvas as library
from ganvas.runs import Run
from ganvas.runs.time_limit import read_time_limit
from ganvas.training import choosing, pace, starting, trainer
from ganvas.training.earlier_run import EarlierRun
from ganvas.training.pace import Pace

from .conftest import Ganvas, refused


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine of 100 images/s, whose scores take a second; what it measured is in `tried`."""
    machine = SimpleNamespace(pace=Pace(100.0, 1.0), tried=[])

    def measure(recipe: Any, channels: int, device: str, quiet: bool) -> float:
        machine.tried.append((recipe, channels))
        return machine.pace.images_per_second

    monkeypatch.setattr(choosing, "measure_pace", measure)
    monkeypatch.setattr(starting, "measure_pace_on", lambda *_, **__: machine.pace)
    return machine


def write(path: Path, count: int, *shape: int, labels: int = 0) -> Path:
    """Different images of noise, with labels if asked for."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    more = {"labels": np.arange(count) % labels} if labels else {}
    np.savez(path, images=pixels, **more)
    return path


class Stopped(Exception):
    """Training is not to go on from here."""


def stop_here(*_: object) -> None:
    """In place of what comes next."""
    raise Stopped


SMALL = ("--generator.network.width", 4, "--discriminator.network.width", 4, "--size", 16)
"""Flags that make any of the chosen recipes quick."""


def test_progress_is_shown_while_the_speed_is_measured(
    tmp_path: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    during: list[list[str]] = []

    @contextmanager
    def stages_bar(what: str, *_: object, **__: object) -> Iterator[Callable[..., None]]:
        shown.append(what)
        yield lambda *_: None
        shown.pop()

    def train_sizes(*_: object) -> tuple[float, SimpleNamespace]:
        during.append(list(shown))
        return 100.0, SimpleNamespace(release_memory=lambda: None)

    monkeypatch.setattr(pace, "stages_bar", stages_bar)
    monkeypatch.setattr(pace, "train_sizes", train_sizes)
    monkeypatch.setattr(pace, "score_ema", lambda *_: None)
    monkeypatch.setattr(starting, "with_time", stop_here)
    data = write(tmp_path / "shots.npz", 300, 16, 16, 3)
    ganvas("check", data)
    with pytest.raises(Stopped):
        ganvas("train", "auto", data, *SMALL, "--time", "30s", "--out", tmp_path / "run")
    assert during == [["measuring the speed"]] * 3


def test_auto_says_in_three_lines_what_and_why_and_trains_it(
    tmp_path: Path, ganvas: Ganvas, machine: SimpleNamespace
) -> None:
    data, out = write(tmp_path / "shots.npz", 300, 16, 16, 3, labels=3), tmp_path / "run"
    flags = (*SMALL, "--images", 96, "--evaluation.metrics", "swd", "--evaluation.samples", 100)
    result = ganvas("train", "auto", data, *flags, "--out", out)
    assert result.code == 0, result.err
    about, chose, second = result.out.splitlines()[:3]
    assert about.startswith("shots: 300 colour images, 3 labels (0 100, 1 100, 2 100)")
    assert about.endswith("100 images/s")
    assert chose.startswith("chose few at 16x16, about 96 images in 1 s, as the discriminator")
    assert "docs/results/few-images.md" in chose
    assert "the nearest to images of 16 pixels and runs of 96 images that was measured" in chose
    assert second.startswith("second choice: dcgan")
    assert "; not measured for 300 images and images of 16 pixels" in second
    recipe = Run.open(out).read_recipe()
    assert (recipe.name, recipe.images, recipe.data.size) == ("few", 96, (16, 16))
    assert recipe.augmentation_policy == "diffaugment"
    assert recipe.generator.network.width == 4  # type: ignore[attr-defined]


def test_check_makes_the_same_choice(
    tmp_path: Path, ganvas: Ganvas, machine: SimpleNamespace
) -> None:
    data = write(tmp_path / "shots.npz", 300, 40, 40, 3)
    report = json.loads(ganvas("check", data, "--json").out)
    choice = library.choose(data, quiet=True)
    *_, why, second, command = ganvas("check", data).out.splitlines()
    assert why == f"why: {'; '.join(report['why'])}"
    assert why.removeprefix("why: few ") in choice.lines[1]
    assert second == choice.lines[2] == f"second choice: {report['second_choice']}"
    words = command.removeprefix("next: ganvas ").split()
    assert words[:2] == ["train", choice.recipe.name]


def test_the_time_decides_how_many_images_the_row_is_for(
    tmp_path: Path, machine: SimpleNamespace
) -> None:
    """At 30,000 images dcgan's learning rates were measured, from 60,000 on higher ones."""
    data = write(tmp_path / "grey.npz", 2_500, 28, 28)
    short = library.choose(data, time="5m", quiet=True)
    long = library.choose(data, time="20m", quiet=True)
    assert (short.recipe.name, short.recipe.generator.learning_rate) == (
        "dcgan-resnet-generator",
        2e-4,
    )
    assert (long.recipe.name, long.recipe.generator.learning_rate) == ("resnet-dcgan", 8e-4)
    assert "about 30k images in 5 min" in short.lines[1]
    assert "about 120k images in 20 min" in long.lines[1]
    longest = library.choose(data, time="2h", quiet=True)
    assert "runs of 720k images that was measured" in longest.lines[1]
    assert [recipe.name for recipe, _ in machine.tried] == [
        *("resnet-dcgan", "dcgan-resnet-generator", "resnet-dcgan", "resnet-dcgan")
    ]
    assert {channels for _, channels in machine.tried} == {1}


def test_auto_for_a_time_scores_within_its_share_and_keeps_the_best(
    tmp_path: Path, machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of a few steps: the clock, which is tested elsewhere, finds no time left."""
    monkeypatch.setattr(choosing, "METRICS", ("swd",))
    data = write(tmp_path / "shots.npz", 300, 16, 16, 3)
    choice = library.choose(data, time="40s", quiet=True)
    assert choice.recipe.evaluation.every == 1_000
    recipe, line = choosing.affordable_scores(choice.recipe, 40.0, machine.pace)
    assert recipe.evaluation.every == 900  # four scores of a second leave 36 seconds
    assert line is None
    recipe, line = choosing.affordable_scores(choice.recipe, 40.0, Pace(100.0, 2.0))
    assert recipe.evaluation.every == 1_800
    assert line == (
        "2 scores while training, not 4: one takes about 2 s, and all may take 10 % of the time"
    )
    recipe, line = choosing.affordable_scores(choice.recipe, 40.0, Pace(100.0, 9.0))
    assert recipe.evaluation.every == 0
    assert line is not None
    assert line.startswith("no scores while training")
    assert line.endswith("so no best checkpoint will be known")


def test_auto_in_python_trains_for_a_time(
    tmp_path: Path, machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "METRICS", ("swd",))
    machine.pace = Pace(40.0, 9.0)
    data = write(tmp_path / "shots.npz", 300, 12, 12, 3)
    settings = library.recipes.dcgan().data
    choice = library.choose(data, time=20.0, settings=settings, quiet=True)
    times = iter(np.arange(0.0, 100.0, 1.0))  # the clock sees a second more at every look
    monkeypatch.setattr("ganvas.training.clock.Clock.elapsed", property(lambda _: next(times)))
    run = library.train(choice, data, tmp_path / "run", time=20.0, quiet=True)
    assert run.read_status().status == "finished"
    assert run.read_recipe().name == "few"
    assert run.read_recipe().evaluation.every == 0  # one score would take nearly half of the time
    limit = read_time_limit(run.directory)
    assert limit is not None
    assert limit.seconds == 20.0


def test_flags_that_are_given_are_kept(
    tmp_path: Path, ganvas: Ganvas, machine: SimpleNamespace
) -> None:
    """Also where they say what is the default, and labels that cannot be learned."""
    data, out = write(tmp_path / "big.npz", 300, 70, 70, 3), tmp_path / "run"
    assert library.choose(data, quiet=True).recipe.data.size == (64, 64)
    flags = ("--size", 32, "--labels", "off", "--augmentation", 0.2, "--evaluation.every", 0)
    result = ganvas("train", "auto", data, *SMALL[:4], *flags, "--images", 64, "--out", out)
    assert result.code == 0, result.err
    assert "chose few at 32x32" in result.out
    recipe = Run.open(out).read_recipe()
    assert (recipe.data.size, recipe.data.labels) == ((32, 32), "off")
    assert (recipe.augmentation, recipe.evaluation.every) == (0.2, 0)
    tried = len(machine.tried)
    refused(ganvas("train", "auto", data, "--labels", "on", "--out", tmp_path / "no"), "label")
    refused(ganvas("train", "auto", data, "--out", out), "already holds a run")
    assert len(machine.tried) == tried  # before anything is read or measured


@pytest.mark.parametrize("flags", [("--labels", "scores"), ("--labels", "off")])
def test_the_recipe_is_chosen_among_those_that_the_flags_fit(
    tmp_path: Path,
    ganvas: Ganvas,
    machine: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...],
) -> None:
    """These images have labels that would be learned; another recipe takes none."""
    data = write(tmp_path / "labelled.npz", 2_200, 16, 16, labels=2)
    assert library.choose(data, quiet=True).recipe.takes_labels
    unlabelled = library.choose(data, quiet=True, fits=lambda recipe: not recipe.takes_labels)
    trained: list[Any] = []
    monkeypatch.setattr(trainer, "train", lambda choice, *_, **__: trained.append(choice))
    assert ganvas("train", "auto", data, *flags).code == 0
    assert trained[0].recipe.name == unlabelled.recipe.name == "resnet-dcgan"
    assert trained[0].recipe.data.labels == flags[-1]
    checked = ganvas("check", data, *flags).out
    assert "next: ganvas train resnet-dcgan " in checked
    assert "conditional" not in checked


def test_weights_of_an_earlier_run_change_the_learning_rates_once_and_no_flags(
    tmp_path: Path,
    ganvas: Ganvas,
    machine: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained: list[Any] = []

    def stop(recipe: Any, *_: object) -> None:
        trained.append(recipe)
        raise Stopped

    monkeypatch.setattr(trainer, "check_memory", stop)
    monkeypatch.setattr(EarlierRun, "read", lambda place: None)
    data = write(tmp_path / "shots.npz", 300, 16, 16, 3)
    few = library.recipes.few()
    with pytest.raises(Stopped):
        library.train("auto", data, start_from="runs/first", quiet=True)
    flags = ("--from", "runs/first", "--generator.learning-rate", 3e-4, "--ema-rampup", 0.05)
    with pytest.raises(Stopped):
        ganvas("train", "auto", data, *flags, "--out", tmp_path / "run")
    python, typed = trained
    slower = few.for_trained_weights().discriminator.learning_rate
    assert slower < few.discriminator.learning_rate  # type: ignore[operator]
    assert python.discriminator.learning_rate == typed.discriminator.learning_rate == slower
    assert (typed.generator.learning_rate, typed.ema_rampup) == (3e-4, 0.05)


def test_flags_that_fit_no_recipe_are_refused_with_the_reason(
    tmp_path: Path, ganvas: Ganvas, machine: SimpleNamespace
) -> None:
    data = write(tmp_path / "shots.npz", 300, 16, 16, 3)
    penalty = ("--objective.penalties.gradient-penalty.weight", "-1")
    result = ganvas("train", "auto", data, *penalty, "--out", tmp_path / "run")
    refused(result, "weight: must not be negative, got -1")


def test_scores_are_by_patches_where_no_network_is_installed_and_a_line_says_so(
    tmp_path: Path, ganvas: Ganvas, machine: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "uninstalled_metrics", lambda _: {"fd-lite0": "not installed"})
    data = write(tmp_path / "shots.npz", 300, 16, 16, 3)
    choice = library.choose(data, quiet=True)
    assert choice.recipe.evaluation.metrics == ("swd",)
    line = "warning: scores are by swd: fd-lite0 cannot be measured: not installed"
    assert choice.notes == (line,)
    monkeypatch.setattr(trainer, "check_memory", stop_here)
    told = []
    monkeypatch.setattr(choosing, "print_lines", lambda *lines: told.append(lines))
    for flags in ((), ("--evaluation.every", 0)):
        with pytest.raises(Stopped):
            ganvas("train", "auto", data, *flags, "--out", tmp_path / "run")
    assert [lines[3:] for lines in told] == [(line,), ()]


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["ring"], ["auto chooses for images alone", "ganvas train points-modern ring"]),
        (["DATA", "--channels", "4"], ["no row of the table of choices suits", "4 channels"]),
        (["DATA", "--time", "5s"], ["--time: 5s is too short"]),
        (["DATA", "--time", "1m", "--images", "1k"], ["one budget or the other"]),
        (["DATA", "--images", "0"], ["--images: expected a whole number of at least 1, got 0"]),
        (["nowhere"], ["nowhere"]),
        (["DATA", "--from", "no-run"], ["no-run is not a run: no such directory"]),
        (
            ["DATA", "--tune", "--images", "2k"],
            ["--images: tune trains 3 values", "at least 48,000"],
        ),
        (["TINY"], ["will not train as it is", "usable images, at least"]),
        (["DATA", "--widht", "3"], ["--widht"]),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_sentence(
    tmp_path: Path,
    ganvas: Ganvas,
    machine: SimpleNamespace,
    arguments: list[str],
    fragments: list[str],
) -> None:
    paths = {
        "DATA": write(tmp_path / "shots.npz", 300, 16, 16, 4),
        "TINY": write(tmp_path / "tiny.npz", 5, 16, 16, 3),
    }
    words = [paths.get(word, word) for word in arguments]
    refused(ganvas("train", "auto", *words, "--out", tmp_path / "run"), *fragments)
    assert not (tmp_path / "run").exists()
    assert machine.tried == []


def test_the_help_of_auto_is_that_of_train(ganvas: Ganvas) -> None:
    result = ganvas("train", "auto", "--help")
    assert result.code == 0
    assert "--time TIME" in result.out
