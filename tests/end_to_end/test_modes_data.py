"""Points and stacked digits from the command line: trained on, drawn, resumed bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas as library
from ganvas.data.synthetic import POINTS

from .conftest import SMALL, Ganvas, essence, refused

POINTS_RECIPE = """
name = "small-points"
images = 2000
batch = 20
latent_dim = 2
ema_half_life = 200
[generator.network]
name = "mlp"
width = 8
[discriminator.network]
name = "mlp"
width = 8
[data]
size = [1, 1]
[objective.penalties.gradient_penalty]
weight = 0.1
[intervals]
history = 100
probes = 500
samples = 1000
checkpoint = 400
"""
"""Penalties draw at random too, so a resumed run shows whether that goes on where it was."""


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """100 grey images of ten classes."""
    path = tmp_path / "digits.npz"
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (100, 12, 12), np.uint8)
    np.savez(path, images=images, labels=np.arange(100) % 10)
    return path


@pytest.fixture
def points_recipe(tmp_path: Path) -> Path:
    path = tmp_path / "points.toml"
    path.write_text(POINTS_RECIPE)
    return path


@pytest.fixture
def points_run(tmp_path: Path, points_recipe: Path, ganvas: Ganvas) -> Path:
    """A generator of points after two steps."""
    run = tmp_path / "run"
    assert ganvas("train", points_recipe, "ring", "--images", 40, "--out", run).code == 0
    return run


@pytest.mark.parametrize("kind", ["grid", "stacked"])
def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(
    tmp_path: Path, points_recipe: Path, digits: Path, ganvas: Ganvas, kind: str
) -> None:
    recipe, data = points_recipe, "grid"
    if kind == "stacked":
        recipe, data = tmp_path / "stacks.toml", f"stacked:{digits}"
        recipe.write_text(SMALL.replace("[16, 16]", "[12, 12]"))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    result = ganvas("train", recipe, data, "--out", whole)
    assert result.code == 0, result.err
    assert ganvas("train", recipe, data, "--images", 1000, "--out", parts).code == 0
    assert json.loads((parts / "data.json").read_text())["location"] == data
    result = ganvas("resume", parts, "--images", 2000)
    assert result.code == 0, result.err
    assert essence(parts) == essence(whole)


def test_plots_while_training_have_one_scale(
    tmp_path: Path, points_recipe: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    result = ganvas("train", points_recipe, "swiss-roll", "--out", run)
    assert result.code == 0, result.err
    assert "swiss-roll: 110,000 points" in result.out
    paths = sorted((run / "samples").iterdir())
    assert [path.name for path in paths] == ["000000000.png", "000001000.png", "000002000.png"]
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (384, 384))
            assert np.asarray(picture).min() < 255
    extent = json.loads((run / "data.json").read_text())["extent"]
    assert 1.95 < extent < 4, "the roll ends at 1.9"
    assert library.load(run).extent == extent


def test_points_are_sampled_as_a_plot_or_an_npz(
    tmp_path: Path, points_run: Path, ganvas: Ganvas
) -> None:
    result = ganvas("sample", points_run)
    assert result.code == 0, result.err
    extent = library.load(points_run).extent
    assert "2,500 points" in result.out
    assert f"from -{extent} to {extent}" in result.out
    assert (points_run / "samples-0.png").is_file()
    assert ganvas("sample", points_run, "-n", 7, "--out", tmp_path / "points.npz").code == 0
    with np.load(tmp_path / "points.npz") as file:
        assert set(file.files) == {"points", "latents", "generator", "images_seen"}
        assert (file["points"].shape, file["points"].dtype) == ((7, 2), np.float32)
        np.testing.assert_array_equal(file["points"], library.load(points_run).sample(7))


def test_commands_that_points_do_not_support(
    tmp_path: Path, points_run: Path, ganvas: Ganvas
) -> None:
    refused(ganvas("sample", points_run, "--out", tmp_path / "folder"), "give a .png or .npz")
    assert not (tmp_path / "folder").exists()
    for command in ("interpolate", "directions"):
        refused(ganvas(command, points_run), "generates points", "ganvas sample")


@pytest.mark.parametrize("data", POINTS)
def test_a_recipe_for_images_refuses_points(tmp_path: Path, ganvas: Ganvas, data: str) -> None:
    result = ganvas("train", "dcgan", data, "--out", tmp_path / "run")
    refused(result, f"{data} holds points", "32x32", f"ganvas train points-modern {data}")
    assert not (tmp_path / "run").exists()


def test_a_recipe_for_points_refuses_images(
    tmp_path: Path, points_recipe: Path, digits: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    refused(ganvas("train", points_recipe, digits, "--out", run), "holds images", "such as dcgan")
    stacked = ganvas("train", points_recipe, f"stacked:{digits}", "--out", run)
    refused(stacked, "holds images", "such as stacked-modern")
    assert not run.exists()


def test_check_describes_points_and_digits(tmp_path: Path, digits: Path, ganvas: Ganvas) -> None:
    found = ganvas("check", "ring")
    assert found.code == 0, found.err
    assert found.out.splitlines()[0] == "ring: 100,000 points to train on"
    assert found.out.splitlines()[-1] == "next: ganvas train points-modern ring"
    found = ganvas("check", f"stacked:{digits}", "--json")
    assert found.code == 0, found.err
    report = json.loads(found.out)
    assert (report["usable"], report["trainable"]) == (100, True)
    assert report["suggested_command"].endswith(f"stacked:{digits}")
    words = ganvas("check", "stacked:fashion").out
    assert "1,000 modes" in words
    assert "128,000 stacks of three to train on, and 26,000 stacks of held-out images" in words


def test_check_refuses_points_like_train(ganvas: Ganvas) -> None:
    refused(ganvas("check", "ring", "--channels", 3), "two coordinates, but the recipe asks for 3")
    refused(ganvas("check", "ring", "--flip"), "check: --flip: ")
    refused(ganvas("check", "stacked:ring"), "ring cannot be stacked")
    refused(ganvas("check", "rign"), "Did you mean ring?")


def test_moved_digits_are_found_by_data(tmp_path: Path, digits: Path, ganvas: Ganvas) -> None:
    recipe, run, moved = tmp_path / "stacks.toml", tmp_path / "run", tmp_path / "moved.npz"
    recipe.write_text(SMALL.replace("[16, 16]", "[12, 12]"))
    data = f"stacked:{digits}"
    assert ganvas("train", recipe, data, "--images", 32, "--out", run).code == 0
    digits.rename(moved)
    refused(ganvas("resume", run, "--images", 64), f"no longer at {data}", "--data")
    refused(ganvas("resume", run, "--images", 64, "--data", moved), "holds other images")
    assert ganvas("resume", run, "--images", 64, "--data", f"stacked:{moved}").code == 0
