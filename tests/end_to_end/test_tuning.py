"""`train --tune`: three values are tried, the best is gone on with, and no kill changes which."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganvas import tensor_file
from ganvas.cli import main
from ganvas.diagnosis import diagnose
from ganvas.errors import RecipeError
from ganvas.runs import Run
from ganvas.runs.file_names import TUNING_JSON
from ganvas.runs.tuning import Tuning, candidate_directory, read_tuning
from ganvas.training import candidates, trainer, tuning
from ganvas.training.candidates import with_values
from ganvas.web.watch.inside import Inside
from ganvas.web.watch.run import WatchedRun

from ..builders.commands import Result, finish, start
from .conftest import FEWER_PATCHES, essence, refused, write_images, write_small
from .processes import run_together

Ganvas = Callable[..., Result]

PART = 2
"""Of so many parts of the budget candidates take one; of ten, the rest would take long."""
FEWEST = 20
"""Steps of a value, fewer than health needs to judge it."""
BUDGET, EACH = 480, 80


def tune(images: int) -> tuple[object, ...]:
    """Flags of a tuned run that sees so many images."""
    few = ("--batch", 4, "--images", images, "--evaluation.samples", 100)
    often = ("--intervals.history", 20, "--intervals.probes", 150, "--intervals.checkpoint", 40)
    return ("--tune", *few, *often)


TUNE = tune(BUDGET)
QUICK = f"""
from ganvas.training import candidates, tuning
candidates.PART, tuning.EARLY_METRICS = {PART}, ("swd",)
candidates.fewest_steps = lambda: {FEWEST}
{FEWER_PATCHES}
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short runs, scored by what takes no network."""
    monkeypatch.setattr(candidates, "PART", PART)
    monkeypatch.setattr(candidates, "fewest_steps", lambda: FEWEST)
    monkeypatch.setattr(tuning, "EARLY_METRICS", ("swd",))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tuned run that nothing happens to."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        train = ["train", write_small(folder), write_images(folder), *TUNE, "--out", folder / "run"]
        result = finish(start(train, QUICK))
    assert result.code == 0, result.err
    return folder / "run"


def tuned(run: Path) -> Tuning:
    read = read_tuning(run)
    assert read is not None
    return read


def test_it_ends_as_a_run_of_the_chosen_recipe_alone(
    whole: Path, tmp_path: Path, images: Path
) -> None:
    recipe = Run.open(whole).read_recipe()
    assert recipe.images == BUDGET - 2 * EACH
    plain = trainer.train(recipe, images, tmp_path / "plain", quiet=True)
    ours, theirs = essence(whole), essence(plain.directory)
    for part in ("tensors", "values", "generator", "status"):
        assert ours[part] == theirs[part]


def test_every_value_was_tried_and_is_a_run_that_can_go_on(
    whole: Path, tmp_path: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tuned(whole)
    assert record.metric == "swd"
    assert record.chosen is not None
    for index, candidate in enumerate(record.candidates):
        run = Run.open(candidate_directory(whole, index))
        assert run.read_status().images_seen == EACH
        assert run.state() == "finished"
        assert candidate.outcome is not None
        assert candidate.outcome.score is not None
        rates = {player.learning_rate for player in (run.read_recipe().generator,)}
        assert rates == {2e-4 * candidate.factor}
    monkeypatch.setenv("GANVAS_CACHE", str(whole.parent / "cache"))
    other = candidate_directory(whole, 0)
    result = ganvas("resume", other, "--images", EACH + 4)
    assert result.code == 0, result.err
    assert f"resuming at {EACH} images" in result.out


STOPPED_IN_THE_FIRST = """
from ganvas.training.run_files import RunFiles
from ganvas.training.stop import request_stop
real = RunFiles.record
def sabotaged(self, record, events, health):
    real(self, record, events, health)
    request_stop()
RunFiles.record = sabotaged
"""
KILLED_IN_THE_SECOND = """
import os, signal
from ganvas.training.run_files import RunFiles
real = RunFiles.record
def sabotaged(self, record, events, health):
    real(self, record, events, health)
    if self._run.directory.name == "2" and record["images_seen"] > 40:
        os.kill(os.getpid(), signal.SIGKILL)
RunFiles.record = sabotaged
"""
KILLED_WHILE_FILES_ARE_COPIED = """
import os, signal
from ganvas import storage
real = storage.write_bytes
def sabotaged(path, content):
    if path.suffix == ".safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, content)
storage.write_bytes = sabotaged
"""
KILLED_BEFORE_THE_CHOICE_IS_WRITTEN = """
import os, signal
from ganvas.runs import Run
real = Run.write_recipe
def sabotaged(self, recipe):
    real(self, recipe)
    os.kill(os.getpid(), signal.SIGKILL)
Run.write_recipe = sabotaged
"""


def tried(run: Path) -> list[bool]:
    return [candidate.outcome is not None for candidate in tuned(run).candidates]


def test_an_interruption_and_a_kill_change_nothing_and_repeat_no_candidate(
    tmp_path: Path, small: Path, images: Path, whole: Path, ganvas: Ganvas
) -> None:
    """Trains a whole run: that it ends bit for bit alike can be seen no cheaper."""
    run = tmp_path / "run"
    train = ["train", small, images, *TUNE, "--out", run]
    stopped = finish(start(train, QUICK + STOPPED_IN_THE_FIRST))
    assert stopped.code == 130, stopped.err
    assert f"saved while tuning; go on with: ganvas resume {run}\n" in stopped.err
    assert Run.open(run).state() == "interrupted"
    assert tried(run) == [False, False, False]

    killed = finish(start(["resume", run], QUICK + KILLED_IN_THE_SECOND))
    assert killed.code == -signal.SIGKILL, killed.err
    assert tried(run) == [True, False, False]
    first = candidate_directory(run, 0) / "checkpoints" / f"{EACH:09d}.safetensors"
    written = first.stat().st_mtime_ns

    result = ganvas("resume", run)
    assert result.code == 0, result.err
    assert "without saving" not in result.out
    assert first.stat().st_mtime_ns == written
    assert (run / TUNING_JSON).read_bytes() == (whole / TUNING_JSON).read_bytes()
    assert essence(run) == essence(whole)


def test_kills_between_the_last_candidate_and_the_run_change_nothing(
    tmp_path: Path, whole: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    record = tuned(whole)
    recipe = with_values(Run.open(whole).read_recipe(), record.candidates[candidates.OWN])
    shutil.copytree(whole, run)
    for name in ("history.jsonl", "checkpoints", "samples", "generator"):
        path = run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    Run(run).write_recipe(recipe)
    Run(run).make_folders()
    dataclasses.replace(record, chosen=None, why="").write(run)

    for sabotage in (KILLED_WHILE_FILES_ARE_COPIED, KILLED_BEFORE_THE_CHOICE_IS_WRITTEN):
        killed = finish(start(["resume", run], QUICK + sabotage))
        assert killed.code == -signal.SIGKILL, killed.err
        assert tuned(run).chosen is None
    assert ganvas("resume", run).code == 0
    assert (run / TUNING_JSON).read_bytes() == (whole / TUNING_JSON).read_bytes()
    assert essence(run) == essence(whole)


def test_ctrl_c_while_a_value_is_scored_leaves_a_run_that_says_how_to_go_on(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "measure", interrupted)
    run = tmp_path / "run"
    result = ganvas("train", small, images, *TUNE, "--out", run)
    assert result.code == 130
    assert f"saved while tuning; go on with: ganvas resume {run}\n" in result.err
    assert Run.open(candidate_directory(run, 0)).state() == "finished"
    assert "0 of 3 values are tried" in ganvas("diagnose", run).out
    assert ganvas("report", run).code == 0


@pytest.fixture
def only_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends when its value is chosen."""
    monkeypatch.setattr(trainer, "fit_to_the_end", lambda *arguments: None)


@pytest.mark.usefixtures("only_tuning")
def test_a_learning_rate_that_fails_is_dropped(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    rates = [f"--{player}.learning-rate" for player in ("generator", "discriminator")]
    run = tmp_path / "run"
    flags = [word for flag in rates for word in (flag, 0.5)]
    judged = tune(1_200)
    result = ganvas("train", small, images, *judged, *flags, "--out", run)
    assert result.code == 0, result.err
    assert "  x 4 (2.0): failing, so dropped. updates-too-large: " in result.out
    record = tuned(run)
    assert record.chosen in (0, 1)
    last = record.candidates[2].outcome
    assert last is not None
    assert last.score is None


def test_where_every_value_diverges_that_is_one_sentence(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    overflow = ("--objective.penalties.r1.weight", 1e38, "--discriminator.network.norm", "none")
    result = ganvas("train", small, images, *TUNE, *overflow, "--out", run)
    assert result.code == 3
    assert "Traceback" not in result.err
    assert result.err.startswith("ganvas: training fails with every value that was tried: x 1/4")
    assert result.err.count("diverged, so dropped") == 3
    assert f"ganvas diagnose {candidate_directory(run, 1)}" in result.err
    assert Run.open(run).state() == "unhealthy"
    assert ganvas("resume", run).err == result.err, "nothing is trained again"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (
            ("--images", BUDGET - 4),
            f"--images: tune trains 3 values on {FEWEST - 1} steps each, 1 / {PART}",
        ),
        (("--held-out", 0), "0 of 200 images are held out, but a score needs at least"),
        (("--size", 24, "--grow", "12,24"), "--tune or --grow: not both"),
    ],
    ids=["budget", "held out", "growing"],
)
def test_what_cannot_be_tuned_is_refused_before_any_work(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Ganvas,
    flags: tuple[object, ...],
    problem: str,
) -> None:
    run = tmp_path / "run"
    refused(ganvas("train", small, images, *TUNE, *flags, "--out", run), problem)
    assert not run.exists()


def test_a_time_is_no_budget_to_tune_with(tmp_path: Path, images: Path, ganvas: Ganvas) -> None:
    run = tmp_path / "run"
    timed = ganvas("train", "dcgan", images, "--tune", "--time", "1m", "--out", run)
    refused(timed, "--time and --tune: tuning needs a budget in images")
    with pytest.raises(RecipeError, match="tune: needs a budget in images"):
        trainer.train("dcgan", images, run, tune=True, time="1m", quiet=True)
    assert not run.exists()


@pytest.mark.usefixtures("only_tuning")
def test_points_have_no_score_so_the_own_value_stays(tmp_path: Path, ganvas: Ganvas) -> None:
    run = tmp_path / "run"
    result = ganvas("train", "points-modern", "ring", *TUNE, "--out", run)
    assert result.code == 0, result.err
    assert tuned(run).chosen == candidates.OWN
    assert "nothing can be scored here" in result.out


@pytest.mark.usefixtures("only_tuning")
def test_every_value_starts_from_the_weights_of_an_earlier_run(
    tmp_path: Path, small: Path, images: Path, whole: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    result = ganvas("train", small, images, *TUNE, "--from", whole, "--out", run)
    assert result.code == 0, result.err
    given, _ = tensor_file.read(Run.open(whole).checkpoint_paths()[-1])
    for index in range(3):
        start, _ = tensor_file.read(Run(candidate_directory(run, index)).checkpoint_path(0))
        name = next(name for name in given if name.startswith("generator/"))
        assert torch.equal(start[name], given[name])
    own = [candidate.values["generator.learning_rate"] for candidate in tuned(run).candidates]
    assert own[candidates.OWN] == "5e-05", "a quarter, as from any earlier run"


def test_two_processes_choose_together(tmp_path: Path, small: Path, images: Path) -> None:
    """Trains in two processes: that they agree can be seen no cheaper."""
    run = tmp_path / "run"
    train = ["train", small, images, *tune(240), "--out", run]
    results = run_together([train] * 2, f"{QUICK}\ncandidates.fewest_steps = lambda: 10")
    assert [result.code for result in results] == [0, 0], results
    assert Run.open(run).state() == "finished"
    assert tuned(run).chosen is not None
    assert results[1].out == ""


def test_what_was_tried_is_shown(whole: Path, ganvas: Ganvas) -> None:
    record = tuned(whole)
    lines = record.lines()
    shown = ganvas("diagnose", whole).out
    assert all(line in shown for line in lines)
    assert diagnose(whole).tuning == record
    assert json.loads(ganvas("diagnose", whole, "--json").out)["tuning"]["metric"] == "swd"

    assert main(["report", str(whole)]) == 0
    page = (whole / "report.html").read_text(encoding="utf-8")
    section = page.partition('<section id="tuning">')[2].partition("</section>")[0]
    assert section.count("<img") == 3
    for candidate in record.candidates:
        assert str(candidate) in section

    watched = WatchedRun(Inside.of(whole.parent), whole)
    watched.poll(1)
    facts = watched.details()["facts"]
    assert ["tuned", ", ".join(record.fields), record.conclusion] in facts
