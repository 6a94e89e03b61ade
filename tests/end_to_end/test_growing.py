"""A run that grows: `train --grow 12,24`, what it says and leaves, and how it resumes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import ganvas as library
from ganvas.diagnosis import diagnose
from ganvas.reports.attempts import read_attempts
from ganvas.reports.status import facts, status_of
from ganvas.runs import Run
from ganvas.web.watch.inside import Inside
from ganvas.web.watch.run import WatchedRun

from ..builders.commands import Result, finish, start
from .conftest import Ganvas, essence, refused, write_images, write_small

GROW = ["--size", 24, "--grow", "12:200,24", "--images", 400, "--intervals.checkpoint", 100]
CHECKPOINTS = (112, 208, 304)
"""Before the change, at it, and after it; the step of 16 images that reaches 200 ends at 208."""


COPYING = """
import shutil
from ganvas.training.run_files import RunFiles
checkpoint = RunFiles.checkpoint
def copying(files, state, last):
    checkpoint(files, state, last)
    run = files._run.directory
    if not last:
        shutil.copytree(run, run.with_name(f"at-{state.images_seen}"))
RunFiles.checkpoint = copying
"""


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A whole run and what it printed; beside it, as a kill would leave it, at each checkpoint."""
    folder = tmp_path_factory.mktemp("grown")
    train = ["train", write_small(folder), write_images(folder), *GROW, "--out", folder / "run"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        result = finish(start(train, COPYING))
    assert result.code == 0, result.err
    return folder, result


def test_a_run_killed_before_at_or_after_the_change_ends_like_one_that_was_not(
    tmp_path: Path, grown: tuple[Path, Result], ganvas: Ganvas
) -> None:
    folder, result = grown
    assert "growing: 12 until 200 images seen, then 24" in result.out
    assert "at 208 images the networks grow to 24x24, and keep: generator 12 of 19" in result.out
    assert "new, so random: generator double2 and image" in result.out
    assert re.search(r"images at 24x24 ", result.out)
    for seen in CHECKPOINTS:
        killed = shutil.copytree(folder / f"at-{seen}", tmp_path / f"at-{seen}")
        resumed = ganvas("resume", killed)
        assert resumed.code == 0, resumed.err
        assert ("grow to 24x24" in resumed.out) == (seen <= 208)
        assert essence(killed) == essence(folder / "run")


def test_a_small_generator_makes_pictures_of_the_full_size(
    tmp_path: Path, grown: tuple[Path, Result], ganvas: Ganvas
) -> None:
    folder, _ = grown
    for run, checkpoint in (("at-112", "last"), ("at-208", "112")):
        samples = library.load(folder / run, checkpoint=checkpoint).sample(3)
        assert samples.shape == (3, 24, 24, 3)
        pixels = samples[:, ::2, ::2]
        np.testing.assert_array_equal(samples, pixels.repeat(2, 1).repeat(2, 2))
    config = json.loads((folder / "at-112" / "generator" / "config.json").read_text())
    assert config["later_doublings"] == 1
    assert "later_doublings" not in (folder / "run" / "generator" / "config.json").read_text()
    exported = ganvas("export", folder / "at-112", "--to", "folder", "--out", tmp_path / "plain")
    assert exported.code == 0, exported.err
    np.testing.assert_array_equal(
        library.load(tmp_path / "plain").sample(3), library.load(folder / "at-112").sample(3)
    )


def test_status_and_watch_say_at_which_size_training_is(grown: tuple[Path, Result]) -> None:
    folder, _ = grown
    watched = {}
    for name in ("at-112", "run"):
        run = Run.open(folder / name)
        status = status_of(run, diagnose(run))
        rows = {row[0]: row[1:] for row in facts(run, status, read_attempts(run))}
        size = "12x12" if name == "at-112" else "24x24"
        assert rows["Size"] == (size, "grows: 12 until 200 images seen, then 24")
        assert ("at 12x12" in status.headline) == (name == "at-112")
        page = WatchedRun(Inside(folder), folder / name)
        page.poll(0)
        watched[name] = {row[0]: row[1:] for row in page.details()["facts"]}
        assert watched[name]["size"] == list(rows["Size"])


def test_a_run_starts_from_the_weights_of_one_that_is_still_small(
    tmp_path: Path, grown: tuple[Path, Result], small: Path, images: Path, ganvas: Ganvas
) -> None:
    folder, _ = grown
    full = ["--size", 24, "--images", 32, "--from", folder / "at-112"]
    result = ganvas("train", small, images, *full, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "generator 12 of 19 tensors" in result.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--size", 28, "--grow", "14,28"], "--grow: the first size 14x14 does not fit"),
        (["--size", 32, "--grow", "16,64"], "each twice the one before"),
        (["--size", 32, "--grow", "32,16"], "each twice the one before"),
        (["--size", 32, "--grow", "16,32,64"], "it ends at a height of 64, and --size is 32x32"),
        (["--size", "24x25", "--grow", "12,24"], "the width of 24x25 cannot be halved"),
        (["--size", 24, "--grow", "12,24", "--images", 20], "at least one step of 16 images"),
        (["--size", 24, "--grow", "12:5k,24", "--images", "5k"], "leaves one of them less"),
        (["--size", 32, "--grow", "16,32", "--network", "mlp"], "mlp cannot grow"),
        (["--grow-freeze"], "--grow-freeze: without grow no stages are added"),
        (["--size", 24, "--grow", "12,24", "--freeze-discriminator", 1], "--freeze-discriminator"),
    ],
)
def test_what_cannot_grow_is_refused_before_any_work(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, flags: list[object], message: str
) -> None:
    result = ganvas("train", small, images, *flags, "--out", tmp_path / "run")
    refused(result)
    assert message in " ".join(result.err.replace("│", " ").split())
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()
