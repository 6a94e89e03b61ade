"""When shapes can be seen is read from measured runs, and never made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.first_shapes import (
    SHAPES,
    MeasuredRun,
    ShapesForecast,
    measured_run,
    read_table,
    too_short,
    write_table,
)


def run_with(*curve: tuple[int, float], recipe: str = "dcgan", side: int = 32) -> MeasuredRun:
    return MeasuredRun(
        recipe=recipe,
        data="Fashion-MNIST",
        training_images=9_000,
        channels=1,
        size=(side, side),
        augmentation=0.0,
        seed=0,
        curve=curve,
    )


def at_size(recipe: Recipe, side: int) -> Recipe:
    return replace(recipe, data=replace(recipe.data, size=(side, side)))


# ---- the measured table


def test_the_table_has_the_recommended_recipe_in_grey_and_colour() -> None:
    channels = {run.channels for run in read_table() if run.recipe == "dcgan"}
    assert channels == {1, 3}
    for run in read_table():
        assert run.recipe in CATALOG
        counts = [images for images, _ in run.curve]
        assert counts == sorted(set(counts))
        # A run ends where shapes are seen, or where its images are used up.
        assert all(distance > SHAPES for _, distance in run.curve[:-1])


def test_a_table_that_is_written_is_read_back(tmp_path: Path) -> None:
    runs = [run_with((7_000, 9.0), (10_000, 3.0)), run_with((7_000, 9.0), side=64)]
    write_table(runs, tmp_path / "table.json")
    assert read_table(tmp_path / "table.json") == runs


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([(10_000, 8.0), (40_000, 2.0)], 20_000),  # halfway in both logarithms
        ([(28_000, 4.16), (40_000, 2.76)], 29_000),
        ([(10_000, 8.0), (20_000, 4.0)], 20_000),
        ([(10_000, 3.0)], 10_000),
        ([(10_000, 8.0), (20_000, 5.0)], None),
    ],
)
def test_shapes_are_seen_where_the_curve_crosses_the_stated_distance(
    curve: list[tuple[int, float]], expected: int | None
) -> None:
    assert run_with(*curve).images == expected


# ---- the run that is most like a recipe


def test_the_nearest_run_has_the_colours_and_the_size() -> None:
    dcgan = CATALOG["dcgan"]()
    grey, colour = measured_run(dcgan, 1), measured_run(dcgan, 3)
    assert grey is not None
    assert colour is not None
    assert (grey.channels, grey.size) == (1, (32, 32))
    assert colour.channels == 3


def test_budget_name_and_what_is_written_do_not_matter() -> None:
    dcgan = CATALOG["dcgan"]()
    changed = replace(
        dcgan,
        name="mine",
        images=5,
        intervals=replace(dcgan.intervals, samples=7),
        evaluation=replace(dcgan.evaluation, every=100),
    )
    assert measured_run(changed, 1) == measured_run(dcgan, 1)
    assert measured_run(changed.with_fixed_schedules(), 1) == measured_run(dcgan, 1)


def test_nothing_is_known_of_other_settings_or_sizes() -> None:
    dcgan = CATALOG["dcgan"]()
    assert measured_run(replace(dcgan, batch=16), 1) is None
    faster = replace(dcgan, generator=replace(dcgan.generator, learning_rate=1e-3))
    assert measured_run(faster, 1) is None
    assert measured_run(at_size(dcgan, 8), 1) is None
    assert measured_run(at_size(dcgan, 256), 1) is None
    assert measured_run(CATALOG["points-modern"](), 2) is None


# ---- what is said


def test_a_run_with_augmentation_says_so() -> None:
    augmented = replace(run_with((7_000, 3.0)), augmentation=0.3)
    assert str(augmented) == "Fashion-MNIST at 32x32 with augmentation 0.3"


def test_a_forecast_gives_images_and_minutes() -> None:
    run = run_with((10_000, 8.0), (40_000, 2.0))
    forecast = ShapesForecast(images_per_second=100, budget=200_000, run=run)
    assert str(forecast) == (
        "shapes after about 20k images (3 min), as with Fashion-MNIST at 32x32; "
        "done at 200k images (33 min)"
    )
    assert forecast.to_json() == {
        "images_per_second": 100,
        "images": 200_000,
        "seconds": 2_000,
        "shapes_at_images": 20_000,
        "shapes_at_seconds": 200,
        "shapes_measured_with": "Fashion-MNIST at 32x32",
    }


def test_what_comes_first_is_said_first() -> None:
    run = run_with((10_000, 8.0), (40_000, 2.0))
    assert str(ShapesForecast(100, 9_000, run)) == (
        "done at 9k images (2 min); shapes after about 20k images (3 min), as with Fashion-MNIST "
        "at 32x32"
    )


def test_what_was_not_measured_is_said_to_be_so() -> None:
    unknown = ShapesForecast(100, 200_000, None)
    assert "has not been measured for these settings" in str(unknown)
    assert unknown.to_json()["shapes_at_images"] is None
    never = ShapesForecast(100, 200_000, run_with((10_000, 8.0), (110_000, 5.0)))
    assert "Fashion-MNIST at 32x32 showed no shapes within 110k images" in str(never)
    assert str(ShapesForecast(100, 200_000, None, "points")) == "done at 200k points (33 min)"


def test_a_budget_that_ends_before_shapes_is_warned_about() -> None:
    dcgan = CATALOG["dcgan"]()
    run = measured_run(dcgan, 1)
    assert run is not None
    assert run.images is not None
    warning = too_short(replace(dcgan, images=run.images - 1), 1, 200_000)
    assert warning is not None
    assert "too few to see shapes" in warning
    assert warning.endswith("Train on 200k")
    assert too_short(replace(dcgan, images=run.images), 1, 200_000) is None
    assert too_short(replace(dcgan, images=5, batch=16), 1, 200_000) is None
