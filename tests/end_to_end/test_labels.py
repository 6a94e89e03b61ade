"""Labels from the folders on disk to the pictures, by the commands that a user types."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas as library
from ganvas.runs import Run

from ..builders.commands import finish, start, wait_until
from .conftest import SMALL, Ganvas, essence, refused

NAMES = ("circle", "cross", "square")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Forty noisy images in a folder for each label, told apart by their brightness."""
    random = np.random.default_rng(0)
    for level, name in enumerate(NAMES):
        folder = tmp_path / "shapes" / name
        folder.mkdir(parents=True)
        for index in range(40):
            pixels = random.normal(60 + 70 * level, 20, (16, 16)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "shapes"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_from_folders_to_a_picture_with_a_row_for_each_label(
    recipe: Path, labelled: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    trained = ganvas("train", recipe, labelled, "--labels", "on", "--out", run)
    assert trained.code == 0, trained.err
    assert "labels are learned: 3 labels, " in trained.out
    assert Run.open(run).read_recipe().name == "small-conditional"
    config = json.loads((run / "generator" / "config.json").read_text())
    assert config["labels"]["names"] == list(NAMES)

    drawn = ganvas("sample", run, "--label", "each", "-n", 5)
    assert drawn.code == 0, drawn.err
    assert "15 images" in drawn.out
    assert "rows, from the top: circle, cross, square" in drawn.out
    with Image.open(run / "samples-0.png") as grid:
        assert grid.width / grid.height == pytest.approx(5 / 3, abs=0.1)
    for path in Run.open(run).sample_paths():
        with Image.open(path) as grid:
            assert grid.width / grid.height == pytest.approx(8 / 3, abs=0.1)

    two = ganvas("sample", run, "--label", "square,cross", "-n", 3, "--out", tmp_path / "two.npz")
    assert "6 images" in two.out
    with np.load(tmp_path / "two.npz") as file:
        assert file["labels"].tolist() == ["square"] * 3 + ["cross"] * 3
    refused(ganvas("sample", run, "--label", "squar,cross,cros"), "mean square? 'cros' is no label")

    assert ganvas("sample", run, "--label", "cross", "--out", tmp_path / "folder").code == 0
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["cross"]
    walk = ganvas("interpolate", run, "--label", "each", "--out", tmp_path / "strip.png")
    assert (
        "37 images through 3 labels at one latent" not in walk.out
    )  # 2 segments of 12, and the end
    assert "25 images through 3 labels at one latent" in walk.out
    refused(ganvas("interpolate", run, "--label", "each", "-n", 3), "-n 3", "at one latent")
    assert library.load(run).label_names == NAMES
    copied = library.load(run / "generator")
    assert np.array_equal(
        copied.sample(3, labels="cross"), library.load(run).sample(3, labels="cross")
    )


def test_a_killed_run_resumes_bit_for_bit(recipe: Path, labelled: Path, tmp_path: Path) -> None:
    train = ["train", recipe, labelled, "--labels", "on", "--out"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert finish(start([*train, whole])).code == 0
    process = start([*train, killed])
    wait_until(lambda: killed.exists() and bool(Run.open(killed).checkpoint_paths()), process)
    process.kill()
    finish(process)
    assert finish(start(["resume", killed])).code == 0
    assert essence(killed) == essence(whole)


def test_what_cannot_be_is_said_before_any_work(
    recipe: Path,
    labelled: Path,
    images: Path,
    tmp_path: Path,
    ganvas: Ganvas,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = ("--out", tmp_path / "run")
    with monkeypatch.context() as patch:  # no image is decoded before
        patch.setattr("ganvas.runs.data.prepare", pytest.fail)
        refused(ganvas("train", "dcgan-conditional", images, *out), "these images have none")
        for index in range(1_001):
            folder = tmp_path / "many" / f"label{index}"
            folder.mkdir(parents=True)
            for copy in range(2):
                (folder / f"{copy}.png").write_bytes(b"")
        many = ganvas("train", "dcgan-conditional", tmp_path / "many", *out)
        refused(many, "1,001 labels cannot be learned")
        Image.new("L", (16, 16), 7).save(labelled / "stray.png")
        stray = ganvas("train", recipe, labelled, "--labels", "on", *out)
        refused(stray, "1 of 121 images has none: stray.png. Move them into the folder of their")
        (labelled / "stray.png").unlink()
        flat, rows = tmp_path / "flat", ["file,label"]
        flat.mkdir()
        for index in range(5):
            (flat / f"{index}.png").write_bytes(b"")
            rows.append(f"{index}.png,{'ab'[index % 2]}")
        (flat / "labels.csv").write_text("\n".join(rows[:-1]))
        missing = ganvas("train", recipe, flat, "--labels", "on", *out)
        refused(missing, "1 of 5 images has none: 4.png. Add rows for them to labels.csv, or let")
    (labelled / "alone").mkdir()
    Image.new("L", (16, 16), 7).save(labelled / "alone" / "1.png")
    refused(ganvas("train", recipe, labelled, "--labels", "on", *out), "have fewer: alone")
    auto = ganvas("train", recipe, labelled, "--labels", "auto", *out)
    assert "1 label has fewer: alone (1)" in auto.out
    run = tmp_path / "run"
    for command in ("sample", "interpolate", "directions"):
        refused(ganvas(command, run, "--label", "cross"), "takes no labels")


def test_labels_that_there_are_not_are_named(
    recipe: Path,
    labelled: Path,
    tmp_path: Path,
    ganvas: Ganvas,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    ganvas("train", recipe, labelled, "--labels", "on", "--images", 320, "--out", run)
    for command in ("sample", "interpolate", "directions"):
        refused(ganvas(command, run, "--label", "cros"), "'cros' is no label", "mean cross?")
    (labelled / "cross").rename(labelled / "plus")
    monkeypatch.setattr("ganvas.runs.data.prepare", pytest.fail)  # no image is decoded before
    other = ganvas("train", recipe, labelled, "--labels", "on", "--from", run)
    refused(other, f"the labels differ from those of {run}", "1 is 'cross' there and 'plus' here")


def test_check_recommends_labels_where_they_suit(labelled: Path, ganvas: Ganvas) -> None:
    answer = ganvas("check", labelled)
    assert "ganvas train few" in answer.out
    assert "--labels on learns them too" in answer.out
    for given in ("off", "on"):
        assert "learns them" not in ganvas("check", labelled, "--labels", given).out
