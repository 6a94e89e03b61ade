"""What is projected, and the page about it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import projecting
from tests.builders.generators import small_generator
from tests.builders.tiny import tiny_data


def test_groups_are_training_images_held_out_ones_and_samples() -> None:
    data = tiny_data(14, held_out=4)
    training, held_out, samples = projecting.images_of_groups(small_generator(), data, 4).values()
    pixels = data.images.transpose(0, 2, 3, 1)

    def among(images: np.ndarray, indices: np.ndarray) -> bool:
        return all(
            any(np.array_equal(image, pixels[index]) for index in indices) for image in images
        )

    assert (len(training), len(held_out), len(samples)) == (4, 4, projecting.SAMPLES)
    assert among(training, data.training)
    assert among(held_out, data.held_out)


def test_pairs_are_counted_with_an_interval() -> None:
    ours, others = np.arange(40.0), np.arange(40.0) + 20
    value, low, high = projecting.nearer(ours, others)
    assert value == pytest.approx(sum(x < y for x in ours for y in others) / 1_600)
    assert low < value < high
    assert projecting.nearer(ours, ours + 100) == (1, 1, 1)


def test_the_page_is_that_of_its_numbers() -> None:
    results = json.loads((ROOT / "docs" / "results" / "projection.json").read_text())
    page = (ROOT / "docs" / "results" / "projection.md").read_text(encoding="utf-8")
    assert projecting.page(results) == page
    held_out = results["dcgan"]["arms"]["pixels"]["groups"]["held-out images"]
    assert f"| {np.median(held_out['rmse']):.1f} | {np.median(held_out['ssim']):.3f} |" in page
