"""Runs that train in threads at once are those that train alone, each in its own directory."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import ganvas
from ganvas.data.prepared import PreparedData
from ganvas.errors import Occupied
from ganvas.runs.data import describe_data
from ganvas.training import run_files

from .conftest import SMALL, essence

NORMALISED = SMALL.replace("images = 2000", "images = 320").replace(
    "ema_half_life = 200", 'ema_half_life = 200\nprecision = "bf16"'
) + ("[objective]\nspectral_norm = true\n")
"""Short, and with spectral norms in bfloat16, whose weights torch can cache for all threads."""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ganvas.Recipe:
    monkeypatch.setattr("ganvas.precision.lacks_bfloat16", lambda device: None)
    path = tmp_path / "normalised.toml"
    path.write_text(NORMALISED)
    return ganvas.recipes.load_recipe(str(path))


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs want their directories, and begin to train, at the same time."""
    turns = threading.Barrier(2, timeout=300)  # an error, not a test that never ends

    def describe_together(data: PreparedData) -> dict[str, object]:
        turns.wait()
        return describe_data(data)

    monkeypatch.setattr(run_files, "describe_data", describe_together)


def test_two_runs_in_threads_are_bit_for_bit_the_one_that_trains_alone(
    tmp_path: Path,
    images: Path,
    recipe: ganvas.Recipe,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    def train(seed: int) -> Path:
        return ganvas.train(recipe, images, seed=seed, device="cpu", quiet=True).directory

    monkeypatch.chdir(tmp_path)
    alone = train(0)
    request.getfixturevalue("together")
    before = torch.default_generator.get_state()
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(train, (0, 0)))
    names = {path.name for path in Path("runs").iterdir()}
    assert names == {f"{recipe.name}-images-{number}" for number in (1, 2, 3)}
    assert [essence(run) for run in runs] == [essence(alone)] * 2
    assert torch.equal(torch.default_generator.get_state(), before)


@pytest.mark.usefixtures("together")
def test_of_two_runs_that_want_one_directory_one_trains(
    tmp_path: Path, images: Path, recipe: ganvas.Recipe
) -> None:
    out = tmp_path / "run"

    def train(seed: int) -> str:
        try:
            ganvas.train(recipe, images, out, seed=seed, device="cpu", quiet=True)
        except Occupied as error:
            return str(error)
        return "trained"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(train, (0, 1)))
    assert said[1] == "trained"
    refusals = ("already holds a run", "is not empty", "meanwhile")  # by who was quicker
    assert any(refusal in said[0] for refusal in refusals)
    assert ganvas.Run.open(out).read_status().status == "finished"
    assert [path.name for path in tmp_path.glob("*run*")] == ["run"]
