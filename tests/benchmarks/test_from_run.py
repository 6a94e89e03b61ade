"""Time to the same score from an earlier run: the classes, and the page."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import from_run
from ganvas.data.prepared import PreparedData
from tests.builders.tiny import tiny_data


def labelled(per_class: int) -> PreparedData:
    """Ten classes, each image filled with its label."""
    labels = np.repeat(np.arange(10), per_class)
    pixels = np.broadcast_to(labels[:, None, None, None], (len(labels), 1, 16, 16))
    names = tuple(f"class {label}" for label in range(10))
    return dataclasses.replace(
        tiny_data(), images=pixels.astype(np.uint8), labels=labels, label_names=names
    )


def test_the_tenth_class_is_in_no_image_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_run, "TRAINED_ON", 3)
    monkeypatch.setattr(from_run, "COMPARED_WITH", 4)
    assert from_run.write_classes(labelled(9), 3, tmp_path) == "class 3"
    nine, tenth = (np.load(tmp_path / f"{name}.npy") for name in ("nine", "tenth"))
    assert nine.shape == (81, 16, 16, 1)
    assert tenth.shape == (7, 16, 16, 1)
    assert 3 not in nine
    assert (tenth == 3).all()


def test_runs_of_other_budgets_lie_elsewhere() -> None:
    """A run that exists is kept, so runs of two budgets would stand in one table."""
    budgets = from_run.Budgets(first=30_000, tenth=8_000, every=2_000)
    for field in dataclasses.fields(budgets):
        other = dataclasses.replace(budgets, **{field.name: 16_000})
        assert other.folder != budgets.folder


def results() -> dict[str, Any]:
    """Two seeds: --from is as good after 2,000 images as the run from scratch after 8,000."""
    slow = [[2_000, 400.0], [4_000, 300.0], [6_000, 250.0], [8_000, 200.0]]
    fast = [[2_000, 200.0], [4_000, 150.0], [6_000, 140.0], [8_000, 130.0]]
    never = [[2_000, 500.0], [4_000, 500.0], [6_000, 500.0], [8_000, 201.0]]
    arms = list(from_run.arms())
    curves = {arm: [fast, fast] for arm in arms} | {arms[0]: [slow, slow], arms[-1]: [fast, never]}
    result = {
        "classes": ["bag", "coat"],
        "budgets": {"first": 30_000, "tenth": 8_000, "every": 2_000},
        "floors": [90.0, 110.0],
        "curves": curves,
    }
    return {"fashion": result}


def test_the_page_says_how_much_sooner_the_score_from_scratch_is_reached() -> None:
    page = from_run.page(results())
    assert "Real images score 100 on average" in page
    assert "| fd-lite0 after | 2k | 4k | 8k |" in page
    assert "| `from scratch` | 400 | 300 | 200 |" in page
    assert "| `from scratch` | 2 of 2 | 8k" in page
    assert "| `--from` | 2 of 2 | 2k" in page
    assert "| 4.0, target of 2 met |" in page
    assert "| 1 of 2 | 2k [2k, never] | not every seed got there |" in page
