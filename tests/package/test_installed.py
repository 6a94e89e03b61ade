"""The wheel in an environment of its own: what a stranger has after `pip install`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ganvas

from .conftest import run


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))


def test_the_environment_holds_what_the_wheel_asks_for_and_nothing_else(environment: Path) -> None:
    run(environment / "python", "-m", "pip", "check")
    listed = json.loads(run(environment / "python", "-m", "pip", "list", "--format", "json"))
    installed = {package["name"] for package in listed}
    assert "ganvas" in installed
    assert not installed & {"pytest", "mypy", "pyarrow", "onnx", "starlette", "tensorboard"}


def test_it_is_the_wheel_that_runs(environment: Path, tmp_path: Path) -> None:
    where = run(environment / "python", "-c", "import ganvas; print(ganvas.__file__)")
    assert Path(where.strip()).is_relative_to(environment.parent)
    for program in ([environment / "ganvas"], [environment / "python", "-m", "ganvas"]):
        assert run(*program, "--version", folder=tmp_path) == f"ganvas {ganvas.__version__}\n"


def test_it_trains_samples_scores_and_reports_in_an_empty_folder(
    environment: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    program = environment / "ganvas"
    run(program, "train", "mlp", "fashion", "--images", "2k", "--out", "first", folder=folder)
    run(program, "sample", "first", "-n", "4", "--out", "grid.png", folder=folder)
    run(program, "evaluate", "first", "--metrics", "swd", "-n", "100", folder=folder)
    run(program, "report", "first", folder=folder)
    assert {path.name for path in folder.iterdir()} == {"first", "grid.png"}
    report = (folder / "first" / "report.html").read_text(encoding="utf-8")
    assert "swd" in report
    assert "<style>" in report
