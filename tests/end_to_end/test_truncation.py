"""Truncation and choosing by the discriminator on a real run: samples, walks, what they cost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.errors import RunError
from ganvas.generators.files import load
from ganvas.latents.latents import Latents, generate
from ganvas.metrics import lite0
from ganvas.runs import Run
from ganvas.tensor_file import read, select_prefix

from ..extras import require_extra
from .conftest import Ganvas, refused, train_small


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with checkpoints at 400 and 480."""
    return train_small(tmp_path_factory.mktemp("trained"), images=480)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, for a test to write into."""
    return shutil.copytree(trained, tmp_path / "run")


def arrays_in(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_samples_are_truncated_and_the_npz_has_the_latents_that_made_them(
    run: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    out = tmp_path / "half.npz"
    assert ganvas("sample", run, "-n", 5, "--truncation", 0.5, "--out", out).code == 0
    arrays = arrays_in(out)
    plain = load(run)
    assert np.array_equal(arrays["latents"], 0.5 * plain.latents(5).numpy())
    assert np.array_equal(arrays["images"], plain.sample(5, truncation=0.5))
    one = tmp_path / "one.npz"
    assert ganvas("sample", run, "-n", 5, "--truncation", 1, "--out", one).code == 0
    assert np.array_equal(arrays_in(one)["images"], plain.sample(5))


def test_samples_are_chosen_by_the_discriminator_of_the_checkpoint(
    run: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    generator = load(run, discriminator=True)
    assert generator.discriminator is not None
    tensors, _ = read(Run.open(run).checkpoint_path(480))
    for name, weight in generator.discriminator.network.state_dict().items():
        assert torch.equal(weight, select_prefix(tensors, "discriminator")[name])
    out, folder = tmp_path / "best.npz", tmp_path / "best"
    assert ganvas("sample", run, "-n", 70, "--keep", "best:0.5", "--out", out).code == 0
    assert ganvas("sample", run, "-n", 6, "--keep", "best:0.5", "--out", folder).code == 0
    arrays = arrays_in(out)
    kept = generator.keeping("best:0.5")
    assert np.array_equal(arrays["images"], kept.sample(70))
    latents = Latents(torch.from_numpy(arrays["latents"]))
    assert np.array_equal(arrays["images"], generate(generator.network, latents))
    pictures = [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]
    assert np.array_equal(np.stack(pictures), arrays["images"][:6])

    def logits(latents: torch.Tensor) -> float:
        assert generator.discriminator is not None
        return float(generator.discriminator.logits(generator.network(latents)).mean())

    assert logits(latents.values) > logits(generator.latents(70))


def test_a_walk_is_truncated(run: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    out = tmp_path / "strip.png"
    walk = ("interpolate", run, "-n", 2, "--steps", 2, "--out", out, "--truncation")
    assert ganvas(*walk, 0).code == 0
    rows = np.asarray(Image.open(out))
    cells = [rows[8:72, start : start + 64] for start in (8, 80, 152)]
    assert all(np.array_equal(cell, cells[0]) for cell in cells), "all are the mean image"


def test_what_it_costs_is_a_table_a_picture_and_numbers(
    run: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes four seconds: ten points, each with features of its samples."""
    require_extra("features")
    monkeypatch.setattr(lite0, "SIDE", 32)  # six times faster (its docstring)
    result = ganvas("truncation", run, "-n", 20, "--truncation", 0.65, "--keep", "best:0.5")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == [
        *("truncation", "keep", "precision", "recall", "density", "coverage", "fd-lite0")
    ]
    assert [line.split()[:2] for line in lines[1:3]] == [["1", "all"], ["0.9", "all"]]
    assert lines[12].split()[:2] == ["real", "images"]
    assert "truncation 0.65 and keep best:0.5: precision-lite0 " in result.out
    assert "no gain is shown" in result.out  # so nothing is recommended
    numbers = json.loads((run / "truncation.json").read_text())
    points = {(point["truncation"], point["keep"]): point["scores"] for point in numbers["points"]}
    assert {(1, 1), (0.7, 1), (1, 0.5), (0.65, 0.5)} < points.keys()
    for scores in points.values():
        assert scores.keys() == numbers["real"].keys()
        assert 0 <= scores["precision-lite0"]["value"] <= 1
    evaluated = ganvas("evaluate", run, "--metrics", "fd-lite0", "-n", 20, "--json")
    (score,) = json.loads(evaluated.out)["scores"]
    assert points[1, 1]["fd-lite0"]["value"] == score["value"], "evaluate measures the same"
    assert numbers["real"]["fd-lite0"] == score["floor"]
    with Image.open(run / "truncation.png") as picture:
        assert picture.size == (1600, 808)


def test_bad_input_is_one_sentence_before_any_work(
    run: Path, tmp_path: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: object, **options: object) -> None:
        raise AssertionError("a generator was loaded before the refusal")

    monkeypatch.setattr("ganvas.generators.files.load", load)
    monkeypatch.setattr("ganvas.evaluation.truncation.load", load)
    monkeypatch.setattr("ganvas.evaluation.evaluate.load", load)
    for command in ("sample", "interpolate", "truncation"):
        refused(ganvas(command, run, "--truncation", -1), "expected 0 to 2, got -1")
        refused(ganvas(command, run, "--truncation", 70), "expected 0 to 2, got 70")
    for command in ("sample", "truncation"):
        for wrong in ("best:0", "best:2", "worst:0.5"):
            refused(ganvas(command, run, "--keep", wrong), "expected best:F", f"got '{wrong}'")
    refused(ganvas("truncation", run, "--truncation", 1), "no cost to tell")
    refused(ganvas("truncation", run, "--out", "a.jpg"), "expected a .png")
    refused(ganvas("truncation", run, "--features", "lite"), "Did you mean lite0?")
    refused(ganvas("truncation", run, "-n", 0), "at least 1, got 0")
    few = ("--features", "self", "-n", 5)  # enough for a Frechet distance, not for precision
    refused(ganvas("truncation", run, *few), "5 samples are too few: prdc-self needs at least 6")
    refused(ganvas("truncation", run / "generator"), "say where they are (--data DATA)")
    few = ("--metrics", "prdc-self", "-n", 5)
    refused(ganvas("evaluate", run, *few), "5 samples are too few: prdc-self needs at least 6")
    refused(ganvas("evaluate", run, "--truncation", 0.7), "ganvas truncation RUN --truncation 0.7")
    assert not (run / "truncation.png").exists()


def test_without_its_discriminator_nothing_can_be_chosen(
    run: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    copied = shutil.copytree(run / "generator", tmp_path / "copied")
    for place in (copied, run / "generator", tmp_path / "model.onnx", "hf:you/model"):
        keep = ("sample", place, "--keep", "best:0.5")
        refused(ganvas(*keep), "without its discriminator", "Name the run")
    with pytest.raises(RunError, match="without its discriminator"):
        load(copied, discriminator=True)
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    refused(ganvas("sample", run, "--keep", "best:0.5"), "keeps no checkpoint at 480 images")


def test_a_discriminator_of_packs_cannot_rank_single_images(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "packed"
    packs = ("--objective.pac", 2, "--images", 32)
    assert ganvas("train", small, images, *packs, "--out", run).code == 0
    refused(ganvas("sample", run, "--keep", "best:0.5"), "sees 2 images at a time (objective.pac)")
