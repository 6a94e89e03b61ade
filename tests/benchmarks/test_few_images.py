"""What the benchmark of few images trains, on which images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import few_images
from ganvas.recipes import CATALOG


def test_images_are_of_the_size_that_is_asked_for_and_never_scored_with(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.uint8)[:, None, None, None]
    np.save(tmp_path / "data.npy", np.broadcast_to(numbers, (12, 16, 16, 1)))
    few_images.write_images("name", str(tmp_path / "data.npy"), [5], 1, tmp_path, side=64)
    trained, others = (
        np.load(tmp_path / "name" / "images" / f"{stem}.npy") for stem in ("5-0", "others-5-0")
    )
    assert trained.shape == (5, 64, 64, 1)
    assert sorted({*trained.flat, *others.flat}) == list(range(12))
    assert len(trained) + len(others) == 12


def test_runs_are_of_that_size_and_otherwise_the_same() -> None:
    usual, larger = (list(few_images.jobs_of("name", [200], 1, True, side)) for side in (32, 64))
    assert usual == list(few_images.jobs_of("name", [200], 1, lecam=True))
    assert [job.key for job in usual] == [job.key for job in larger]
    assert all(job.recipe().data.size == (64, 64) for job in larger)
    assert usual[0].recipe().data == CATALOG["dcgan"]().data


def test_the_page_shows_the_pictures_that_there_are(tmp_path: Path) -> None:
    scores = {**dict.fromkeys((*few_images.SCORES, "floor/fd-lite0"), 100.0), "memory": 0.5}
    results = {f"noise/{count}/200/none/0": scores for count in (200, 1_000)}
    (tmp_path / few_images.picture_of("noise", 1_000)).touch()
    page = few_images.page(results, tmp_path)
    assert "few-images-noise-1000.png" in page
    assert "few-images-noise-200.png" not in page
