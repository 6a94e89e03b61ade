"""`ganvas check`: what it says of images, and the training that it suggests."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.cli.parsing import parse
from ganvas.cli.train import Train
from ganvas.data.settings import DataSettings
from ganvas.runs.data import prepare_images

from .conftest import Ganvas, refused
from .test_commands import TINY


def test_the_command_that_check_suggests_works(
    tmp_path: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = ganvas("check", images, "--batch", 16, "--size", "16x24", "--flip").out
    assert "200 images at 16x24: 180 to train on, 20 held out" in found
    command = found.splitlines()[-1].removeprefix("next: ganvas ")
    assert command.startswith("train few")
    assert command.endswith("--batch 16 --size 16x24 --flip")
    assert ganvas(*shlex.split(command), "--images", 32).code == 0


def test_check_says_why_and_how_long_and_leaves_nothing_behind(
    tmp_path: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    *_, time, why, second, command = ganvas("check", images).out.splitlines()
    assert time.startswith("time: shapes after about ")
    assert "; done at 200k images (" in time
    assert "tried here for a few seconds" in time
    assert why.startswith("why: few as the discriminator memorises fewer than 2,000 images, ")
    # Beside the index of the images' contents, which `check` and `train` share, there is nothing.
    left = [path.name for path in tmp_path.rglob("*") if path.is_file() and path != images]
    assert all(name.startswith("index-") for name in left)
    report = json.loads(ganvas("check", images, "--json").out)
    assert f"next: {report['suggested_command']}" == command
    assert f"why: {'; '.join(report['why'])}" == why
    assert f"second choice: {report['second_choice']}" == second
    assert report["time"]["images_per_second"] > 0
    assert report["time"]["shapes_at_images"] > 0


def test_check_tries_the_training_that_it_recommends(
    images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr(
        "ganvas.training.pace.measure_pace",
        lambda recipe, channels, quiet: tried.append(recipe) or 100.0,
    )
    flags = ("--batch", 16, "--size", "16x24", "--flip")
    command = ganvas("check", images, *flags).out.splitlines()[-1]
    typed = parse(shlex.split(command.removeprefix("next: ganvas ")))
    assert isinstance(typed, Train)
    assert tried == [typed.recipe]


@pytest.mark.parametrize("flag", [["--size", "32"], ["--size=32"]])
def test_check_keeps_a_size_that_is_also_the_default(
    tmp_path: Path, ganvas: Ganvas, flag: list[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 96, 96, 3), dtype=np.uint8)
    np.save(tmp_path / "large.npy", pixels)
    assert "40 images at 64x64" in ganvas("check", tmp_path / "large.npy").out
    found = ganvas("check", tmp_path / "large.npy", *flag).out
    assert "40 images at 32x32" in found
    assert found.rstrip().endswith("--size 32x32")
    assert ganvas("check", tmp_path / "large.npy", "--chooses-size", "False").code == 2


def test_pictures_of_a_run_are_no_data(tmp_path: Path, ganvas: Ganvas) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(20):
        Image.new("L", (16, 16), 10 * number).save(folder / f"{number}.png")
    flags = ("--batch", 4, "--size", 16, "--images", 16)
    assert ganvas("train", "mlp", folder, "--out", folder / "runs" / "one", *flags).code == 0
    assert json.loads(ganvas("check", folder, "--batch", 4, "--json").out)["total"] == 20


def test_check_speaks_json(images: Path, ganvas: Ganvas) -> None:
    found = json.loads(ganvas("check", images, "--json").out)
    assert found["usable"] == 200
    assert found["unusable"] == []
    assert found["trainable"] is True


def test_bad_images_are_left_out_and_listed_in_the_run(tmp_path: Path, ganvas: Ganvas) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(40):
        pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:400])
    (folder / "empty.jpg").write_bytes(b"")
    checked = json.loads(ganvas("check", folder, "--batch", 16, "--json").out)
    assert {entry["file"] for entry in checked["unusable"]} == {"cut.png", "empty.jpg"}
    assert checked["trainable"]
    result = ganvas("train", "dcgan", folder, "--out", tmp_path / "run", *TINY)
    assert result.code == 0, result.err
    assert "2 unusable left out" in result.out
    assert str(tmp_path / "run" / "data.json") in result.out
    listed = json.loads((tmp_path / "run" / "data.json").read_text())["unusable"]
    assert listed == checked["unusable"]


def test_a_preview_shows_the_images_as_training_sees_them(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    path = tmp_path / "new" / "seen.png"
    flags = ("--batch", 16, "--size", "16x24", "--channels", 1)
    out = ganvas("check", images, *flags, "--preview", path).out
    assert f"preview: 64 images as training sees them: {path}" in out
    with Image.open(path) as picture:
        assert picture.mode == "L"
        seen = np.asarray(picture)
    settings = DataSettings(size=(16, 24), channels="1")
    first = prepare_images(settings, images, quiet=True).images[0, 0]
    enlarged = first.repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(seen[4 : 4 + 32, 4 : 4 + 48], enlarged)


def test_a_preview_that_cannot_be_drawn_is_refused_before_the_images_are_read(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    refused(ganvas("check", images, "--preview", "seen.jpg"), "seen.jpg: expected a .png")
    refused(ganvas("check", images, "--preview", tmp_path), "expected a .png")
    refused(ganvas("check", "ring", "--preview", "seen.png"), "--preview draws images, and ring")
