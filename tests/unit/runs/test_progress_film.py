"""The film of a run shows its grids in order, and says what is missing for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ganvas.errors import RunError
from ganvas.runs import Run
from ganvas.runs.progress_film import usual_fps, write_progress_film
from tests.builders import run_files
from tests.builders.tiny import tiny_recipe

SEEN = {500: 40, 1_000: 90, 2_500: 200}
"""The grey level of the grid at each count of images."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with three grids, each of one grey level, written in another order."""
    run = Run.create(tmp_path / "run", tiny_recipe(), run_files.environment(), run_files.data())
    for images in (1_000, 2_500, 500):
        Image.new("L", (120, 60), SEEN[images]).save(run.sample_path(images))
    return run


def frames_of(path: Path) -> list[Image.Image]:
    with Image.open(path) as film:
        return [frame.convert("L") for frame in ImageSequence.Iterator(film)]


def test_grids_follow_in_order_and_the_last_one_stays(run: Run, tmp_path: Path) -> None:
    assert write_progress_film(tmp_path / "film.webp", run, fps=10) == (3, 2.2)
    levels = [np.asarray(frame)[30, 60] for frame in frames_of(tmp_path / "film.webp")]
    assert sorted(set(levels)) == sorted(SEEN.values())
    assert levels == sorted(levels)
    with Image.open(tmp_path / "film.webp") as film:
        durations = []
        for index in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(index)
            film.load()
            durations.append(film.info["duration"])
    assert durations[:2] == [100, 100]
    assert sum(durations[2:]) == 2_000


@pytest.mark.parametrize(
    ("grids", "fps"), [(2, 2), (5, 2), (20, 2), (51, 5), (100, 10), (1_000, 10)]
)
def test_few_grids_are_shown_longer(grids: int, fps: int) -> None:
    assert usual_fps(grids) == fps


def test_a_film_of_few_grids_can_be_followed(run: Run, tmp_path: Path) -> None:
    assert write_progress_film(tmp_path / "film.gif", run) == (3, 3.0)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["duration"] == 500


def test_captions_stand_below_the_grids(run: Run, tmp_path: Path) -> None:
    write_progress_film(tmp_path / "film.gif", run, captions=True)
    first, *_, last = frames_of(tmp_path / "film.gif")
    assert first.width == 120
    assert first.height > 60
    assert np.asarray(first)[:60].tolist() == np.full((60, 120), SEEN[500]).tolist()
    below = np.asarray(first)[60:], np.asarray(last)[60:]
    assert below[0].min() < 100
    assert not np.array_equal(*below), "another count"


def test_a_run_without_two_grids_has_no_film(run: Run, tmp_path: Path) -> None:
    for path in run.sample_paths()[1:]:
        path.unlink()
    with pytest.raises(RunError, match=r"has 1 grid in samples/.*--intervals.samples"):
        write_progress_film(tmp_path / "film.gif", run)
    run.sample_paths()[0].unlink()
    with pytest.raises(RunError, match=r"has no grids in samples/"):
        write_progress_film(tmp_path / "film.gif", run)


def test_a_damaged_grid_is_named_and_no_film_is_left(run: Run, tmp_path: Path) -> None:
    content = run.sample_path(1_000).read_bytes()
    run.sample_path(1_000).write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match=r"000001000.png cannot be read"):
        write_progress_film(tmp_path / "film.gif", run)
    assert not (tmp_path / "film.gif").exists()
