"""Wrong input: one clear message on stderr, exit code 2, nothing half-written left behind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganvas as library

from .conftest import Ganvas, refused


def test_a_recipe_that_does_not_exist(images: Path, ganvas: Ganvas) -> None:
    result = ganvas("train", "dcgn", images)
    refused(result, "ganvas: ", "'dcgn' is no recipe. Did you mean dcgan?", "ganvas recipes")


def test_a_recipe_file_with_many_faults_has_them_all_reported(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        """
btach = 64
images = -5
[generator.network]
name = "dcgan"
width = "wide"
[discriminator.network]
name = "dcgan"
norm = "batch"
[objective]
loss = "wasserstien"
penalties.gradient_penalty.weight = 10
[data]
size = [31, 31]
"""
    )
    result = ganvas("train", path, images, "--out", tmp_path / "run")
    refused(
        result,
        f"{path}: 6 problems",
        "btach: no such field. Did you mean batch?",
        "images: must be greater than or equal to 1, got -5",
        "generator.network.width: must be a number, got 'wide'",
        "objective.loss: must be 'minimax'",
        "got 'wasserstien'. Did you mean wasserstein?",
        "data.size: size 31x31 does not fit",
        "Nearest: 28x28 or 32x32",
        "objective.penalties.gradient_penalty.weight: under batch normalisation",
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.toml", None, "cannot be read"),
        ("bad.toml", "images = = 3", "not valid TOML"),
        ("bad.json", "{", "not valid JSON"),
        ("list.json", "[]", "expected a table"),
    ],
)
def test_recipe_files_that_cannot_be_read(
    tmp_path: Path, images: Path, ganvas: Ganvas, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    refused(ganvas("train", tmp_path / name, images), name, message)


@pytest.mark.parametrize(
    ("flags", "fragments"),
    [
        (["--objective.real-lable", "0.9"], ["--objective.real-label"]),
        (["--batch", "many"], ["--batch", "64, 200k or 1.5M"]),
        (["--size", "big"], ["32, or HxW"]),
        (["--generator.learning-rate", "fast"], ["linear:START:END"]),
        (["--objective.loss", "gan"], ["non-saturating", "see ganvas train --help"]),
        (["--objective.loss", "hing"], ["Did you mean hinge?"]),
        (["--size", "31"], ["--size: size", "Nearest: 28x28 or 32x32"]),
        (["--objective.real-label", "0.1"], ["--objective.real-label: must be greater"]),
        (
            ["--objective.penalties.r1.weight", "1"],
            ["--objective.penalties.r1.weight: under batch"],
        ),
        (["--objective.penalties.r1.weight", "1"], ["Set --discriminator.network.norm"]),
        (["--network", "dcgn"], ["Did you mean dcgan?"]),
        (["--evaluation.metrics", "fid"], ["--evaluation.metrics: 'fid'", "That is fd-inception"]),
        (["--evaluation.metrics", "fdd"], ["Did you mean fd?"]),
        (["--device", "tpu9"], ["There is: auto, cpu"]),
        (["--device", "cuda:7"], ["There is: auto"]),
        (["--background", "nocolour"], ["--background: "]),
        (["--discriminator.network", "dcgn"], ["--discriminator.network: ", "Did you mean dcgan?"]),
    ],
)
def test_flags_that_cannot_be_right(
    tmp_path: Path, images: Path, ganvas: Ganvas, flags: list[str], fragments: list[str]
) -> None:
    result = ganvas("train", "dcgan", images, "--out", tmp_path / "run", *flags)
    unboxed = " ".join(result.err.replace("│", " ").split())
    assert result.code == 2, result
    assert all(fragment in unboxed for fragment in fragments), unboxed
    assert not (tmp_path / "run").exists()


def test_cuda_where_there_is_none(
    tmp_path: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = ganvas("train", "dcgan", images, "--device", "cuda", "--out", tmp_path / "run")
    refused(result, "device 'cuda' is not on this machine. There is: auto")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["train", "dcgan", "fashion", "--batch", "many"], "train"),
        (["train", "dcgan", "fashion", "--btch", "8"], "train"),
        (["check", "fashion", "--fit", "crp"], "check"),
        (["evaluate", "run", "--sampels", "100"], "evaluate"),
        (["compare", "--workers", "a"], "compare"),
        (["resume"], "resume"),
    ],
)
def test_what_a_verb_does_not_understand_points_to_its_own_help(
    ganvas: Ganvas, words: list[str], verb: str
) -> None:
    refused(ganvas(*words), f"ganvas {verb} --help")


def test_images_to_evaluate_may_be_called_samples_as_elsewhere(
    tmp_path: Path, ganvas: Ganvas
) -> None:
    for flag in ("-n", "--samples"):
        refused(ganvas("evaluate", tmp_path / "none", flag, 100), "is not a run")


def test_a_study_that_was_typed_has_its_flags_named(
    tmp_path: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = "base = 'dcgan'\ndata = 'fashion'\nimages = 1000\nsamples = 5\n"
    (tmp_path / "mine.toml").write_text(study)
    typed = ganvas("compare", "--recipes", "dcgan,wgan", "--seeds", 0)
    refused(typed, "--seeds: must be", "--images or --time: the budget", "--data: what to train on")
    refused(ganvas("compare", "mine.toml", "--seeds", 0), "--seeds: must be", "  samples: must be")


def test_an_unknown_command_is_refused_with_the_nearest(ganvas: Ganvas) -> None:
    refused(ganvas("trian", "dcgan", "fashion"), "no command. Did you mean train?")


def test_images_in_the_place_of_the_recipe(ganvas: Ganvas, tmp_path: Path) -> None:
    first = "is images, and the recipe comes first: ganvas train"
    refused(ganvas("train", "fashion", "wgan"), f"{first} wgan fashion")
    refused(ganvas("train", tmp_path), f"{first} dcgan {tmp_path}")


def test_a_run_in_the_place_of_the_recipe_or_of_images(ganvas: Ganvas, tmp_path: Path) -> None:
    run = tmp_path / "first"
    run.mkdir()
    for name in ("recipe.json", "environment.json"):
        (run / name).write_text("{}")
    again = f"To train its recipe again: ganvas train {run / 'recipe.json'} DATA"
    refused(ganvas("train", run, "fashion"), f"'{run}' is a run, and the recipe comes first", again)
    refused(ganvas("train", "dcgan", run), f"{run} is a run of ganvas, not images")


@pytest.mark.parametrize(
    "words",
    [
        ["--name", "wgan", "dcgn", "fashion"],
        ["dcgn", "fashion", "--name", "wgan"],
        ["dcgn", "fashion", "--out", "mlp"],
    ],
)
def test_a_flags_value_is_never_taken_for_the_recipe(ganvas: Ganvas, words: list[str]) -> None:
    refused(ganvas("train", *words), "'dcgn' is no recipe")


@pytest.mark.parametrize(
    ("flags", "fragment"),
    [
        (["--size", "0"], "Nearest: 12x12"),
        (["--size", "31"], "Nearest: 28x28 or 32x32"),
        (["--background", "nocolour"], "check: --background: "),
        (["--held-out", "2"], "check: --held-out: must be less than 1"),
        (["--max-megapixels", "0"], "check: --max-megapixels: must be greater than 0"),
        (["--batch", "0"], "check: --batch: must be greater than or equal to 2"),
    ],
)
def test_check_refuses_what_train_would_refuse(
    images: Path, ganvas: Ganvas, flags: list[str], fragment: str
) -> None:
    refused(ganvas("check", images, *flags), fragment)


def test_a_run_is_never_made_shorter(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 320, "--out", run).code == 0
    before = (run / "status.json").read_text()
    refused(ganvas("resume", run, "--images", 100), "--images: 100 is less than the budget of 320")
    refused(ganvas("resume", run, "--images", 10**13), "resume: --images: must be less than")
    refused(ganvas("resume", run, "--log", "tensorbord"), "--log: 'tensorbord' is no logger.")
    assert (run / "status.json").read_text() == before


@pytest.mark.parametrize("name", ["", "a/b", "..", "x/"])
def test_a_name_that_is_no_folder_name(images: Path, ganvas: Ganvas, name: str) -> None:
    refused(ganvas("train", "dcgan", images, "--name", name), "name: must be letters")


def test_fewer_images_than_a_batch(tmp_path: Path, ganvas: Ganvas) -> None:
    data = tmp_path / "few.npy"
    np.save(data, np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8))
    trained = ganvas("train", "dcgan", data)
    refused(trained, "9 images to train on are fewer than a batch of 32", "--batch 4")
    checked = ganvas("check", data)
    refused(checked, "will not train as it is")
    assert "at least 36 are needed" in checked.out


def test_data_that_is_not_there(tmp_path: Path, ganvas: Ganvas) -> None:
    refused(ganvas("train", "dcgan", tmp_path / "nothing"), "nothing")
    (tmp_path / "empty").mkdir()
    refused(ganvas("check", tmp_path / "empty"), "empty")
    Image.new("L", (8, 8)).save(tmp_path / "one.png")
    refused(ganvas("check", tmp_path / "one.png"), "give the folder")


def test_from_python_errors_name_what_python_calls_it(tmp_path: Path, images: Path) -> None:
    recipe = dataclasses.replace(library.recipes.mlp(), images=64, latent_dim=0)
    with pytest.raises(library.RecipeError, match=r"recipe: latent_dim: "):
        library.train(recipe, images, quiet=True)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(library.RunError, match=r"is a file. Choose another folder as out "):
        library.train("mlp", images, tmp_path / "file", quiet=True)
    run = library.train(
        dataclasses.replace(recipe, latent_dim=8), images, tmp_path / "run", quiet=True
    )
    with pytest.raises(library.GanvasError, match=r"^images: 32 is less than the budget of 64"):
        library.resume(run.directory, images=32, quiet=True)


def test_divergence_stops_before_the_update_and_exits_with_3(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    widths = ("--generator.network.width", 4, "--discriminator.network.width", 4)
    flags = ("--images", 4000, "--batch", 16, "--size", 16, *widths)
    rates = ("--discriminator.learning-rate", 1e30, "--generator.learning-rate", 1e30)
    result = ganvas("train", "wgan-gp", images, "--out", run, *flags, *rates)
    assert result.code == 3
    assert "training stopped at" in result.err
    assert "loss term" in result.err
    assert json.loads((run / "status.json").read_text())["status"] == "diverged"


@pytest.mark.parametrize("command", [("train", "dcgan"), ("train", "auto"), ("check",)])
def test_a_size_that_cannot_fit_into_memory_is_refused_before_images_are_read(
    images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("ganvas.training.least_memory.total_memory", lambda device: 24 * 10**9)
    monkeypatch.setattr("ganvas.data.reading.parallel_map", lambda *_: pytest.fail("reads images"))
    monkeypatch.setattr("ganvas.data.preparation.parallel_map", lambda *_: pytest.fail("decodes"))
    monkeypatch.setattr("ganvas.data.inspecting.parallel_map", lambda *_: pytest.fail("decodes"))
    result = ganvas(*command, images, "--size", 4096)
    refused(result, "at 4096x4096 needs at least", "cpu has 24 GB", "smaller size (--size)")


@pytest.mark.parametrize("words", [("--images", "\x1b[31m3"), ("two", "--\x1b[31m")])
def test_a_wrong_word_cannot_steer_the_terminal(ganvas: Ganvas, words: tuple[str, ...]) -> None:
    result = ganvas("train", "dcgan", "fashion", *words)
    assert result.code == 2
    assert "\x1b" not in result.out + result.err
    assert "[31m" in result.out + result.err


def test_sample_and_interpolate_refuse_what_they_cannot_make(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    refused(ganvas("sample", run, "--out", tmp_path / "a.bmp"), "expected a .png")
    refused(ganvas("sample", run, "-n", 0), "-n must be at least 1")
    refused(ganvas("sample", run, "--out", run), "is not empty")
    refused(ganvas("interpolate", run, "-n", 1), "-n of at least 2")
    deep = tmp_path / "deep"
    refused(ganvas("interpolate", run, "--out", deep / "a.avi"), "a .png, .gif, .webp or .mp4")
    refused(ganvas("sample", run, "--out", deep / "a.txt"), "expected a .png")
    assert not deep.exists()
    (run / "generator" / "model.safetensors").write_bytes(b"nothing")
    refused(ganvas("sample", run), "model.safetensors cannot be read")
