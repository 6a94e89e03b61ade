"""What other versions of ganvas wrote, and flags that had other names: refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Ganvas, refused


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--architecture", "resnet"],
            "--architecture: is now called --network (of both players), --generator.network or "
            "--discriminator.network",
        ),
        (
            ["--architecture.width", "4"],
            "--architecture.width: is now called --generator.network.width or "
            "--discriminator.network.width",
        ),
        (
            ["--architecture.upsampling=resize"],
            "--architecture.upsampling: is now called --generator.network.upsampling",
        ),
        (
            ["--architecture.discriminator-norm", "none"],
            "--architecture.discriminator-norm: is now called --discriminator.network.norm",
        ),
        (
            ["--objective.label-smoothing", "0.9"],
            "--objective.label-smoothing: is now called --objective.real-label, the target of real "
            "samples (0.9)",
        ),
        (["--ema-ramp-up", "0.1"], "--ema-ramp-up: is now called --ema-rampup"),
        (
            ["--generator.algorithm", "adam"],
            "--generator.algorithm: is now called --generator.optimizer",
        ),
        (
            ["--generator-new-reals", "True"],
            "--generator-new-reals: is now called --fresh-reals-for-generator",
        ),
    ],
)
def test_a_flag_of_ganvas_0_1_is_answered_with_the_new_one(
    tmp_path: Path, images: Path, ganvas: Ganvas, flags: list[str], message: str
) -> None:
    result = ganvas("train", "dcgan", images, "--out", tmp_path / "run", *flags)
    refused(result)
    assert result.err == f"ganvas: train: {message}\n"
    assert not (tmp_path / "run").exists()


def test_all_flags_of_ganvas_0_1_are_reported_together(images: Path, ganvas: Ganvas) -> None:
    flags = ("--architecture", "resnet", "--ema-ramp-up", 0.1)
    refused(
        ganvas("train", "dcgan", images, *flags), "2 problems", "  --architecture: ", "--ema-rampup"
    )


def test_a_variation_of_a_field_of_ganvas_0_1_is_answered_with_the_new_one(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    study = tmp_path / "study"
    common = ("compare", "--base", "dcgan", "--data", images, "--images", 64, "--out", study)
    refused(
        ganvas(*common, "--vary", "architecture=resnet"),
        "--vary architecture: is now called network (of both players), generator.network or "
        "discriminator.network",
    )
    refused(
        ganvas(*common, "--vary", "architecture.discriminator_norm=none"),
        "--vary architecture.discriminator_norm: is now called discriminator.network.norm",
    )
    refused(
        ganvas(*common, "--vary", "batch=8", "--shared", "objective.label_smoothing=0.9"),
        "--shared objective.label_smoothing: is now called objective.real_label",
    )
    assert not study.exists()


def test_a_study_file_with_fields_of_ganvas_0_1(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    path, out = tmp_path / "study.toml", tmp_path / "study"
    path.write_text(
        f"base = 'dcgan'\ndata = '{images}'\nimages = 64\n"
        "[[arms]]\nname = 'a'\narchitecture = 'resnet'\n"
        "[[arms]]\nname = 'b'\nobjective.label_smoothing = 0.9\n"
    )
    refused(
        ganvas("compare", path, "--out", out),
        f"{path}: 2 problems",
        "arm 'a': architecture: is now called network (of both players), generator.network or ",
        "arm 'b': objective.label_smoothing: is now called objective.real_label",
    )
    assert not out.exists()


def test_a_recipe_file_of_ganvas_0_1(tmp_path: Path, images: Path, ganvas: Ganvas) -> None:
    path = tmp_path / "old.toml"
    path.write_text('[architecture]\nname = "dcgan"\nwidth = 8\n')
    result = ganvas("train", path, images, "--out", tmp_path / "run")
    refused(
        result,
        f"ganvas: {path}: architecture: this is a recipe of ganvas 0.1",
        "generator.network, discriminator.network",
        "ganvas recipes NAME",
    )
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("version", [2, 99])
def test_a_run_of_another_version(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, version: int
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    environment = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**environment, "format": version}))
    if version == 2:  # its recipe cannot be read either
        (run / "recipe.json").write_text('{"architecture": {"name": "dcgan", "width": 4}}')
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    commands = ("resume", "sample", "interpolate", "directions", "film", "evaluate", "diagnose")
    for command in (*commands, "report"):
        result = ganvas(command, run)
        refused(result, f"{run} has format {version}, this ganvas reads format 3. ", "train again")
        assert len(result.err.splitlines()) == 1, command
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_generator_of_another_version(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    config = json.loads((run / "generator" / "config.json").read_text())
    (run / "generator" / "config.json").write_text(json.dumps({**config, "format": 1}))
    refused(ganvas("sample", run / "generator"), "has format 1, this ganvas reads format 2")


def test_a_study_of_another_version(tmp_path: Path, ganvas: Ganvas) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").write_text('{"format": 1}')
    for command in ("compare", "report"):
        refused(
            ganvas(command, tmp_path / "study"),
            "was written in format 1, this ganvas reads format 2. ",
            "or start a new study",
        )
