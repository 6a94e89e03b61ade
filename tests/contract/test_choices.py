"""Every row of the table of choices is valid, trains and stands on a study; one is always found."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from ganvas.errors import RecipeError
from ganvas.networks import ImageShape
from ganvas.recipes import Recipe, choices
from ganvas.recipes.catalog import dcgan
from ganvas.recipes.choices import Case, Row, doublings_outside, ranked_rows, read_choices
from ganvas.training.pace import noise
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

DOCS = Path(__file__).parents[2] / "docs"
ROWS = read_choices()
MANY = Case(side=32, images=10_000, channels=1, labels=False, seen=100_000)
"""Grey images that a row was measured for."""


def row_id(row: Row) -> str:
    return f"{row.name} {row.channels} {row.seen[0]}"


def at(row: Row, side: int) -> Recipe:
    recipe = row.build()
    data = replace(recipe.data, size=(side, side))
    return replace(recipe, data=data, images=10_000, batch=2).with_fixed_schedules()


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_row_is_a_recipe_that_trains_at_its_sizes(row: Row) -> None:
    for side in sorted(set(row.sides)):
        recipe = at(row, side)
        shape = ImageShape(1 if row.channels == "grey" else 3, side, side)
        state = TrainState.start(recipe, noise(shape, 4), 0, torch.device("cpu"))
        train_step(state, recipe)
        assert state.images_seen == 2


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_row_stands_on_an_arm_of_a_study_with_a_page(row: Row) -> None:
    page = (DOCS / row.study).read_text(encoding="utf-8")
    assert row.study.startswith("results/")
    assert f"| `{row.arm}` |" in page or f"| {row.arm} |" in page


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_row_covers_about_as_many_images_as_its_study_saw(row: Row) -> None:
    """From half of the least to twice of the most that the page tells."""
    page = (DOCS / row.study).read_text(encoding="utf-8")
    counts = [int(number.replace(",", "")) for number in re.findall(r"\b\d{2,3},000\b", page)]
    if row.recipe == "few":  # its page tells how often each of so many images was seen
        images = [int(text.replace(",", "")) for text in re.findall(r", ([\d,]+) images\n", page)]
        counts = [count * times for count in images for times in (50, 200)]
    assert any(row.seen[0] <= count <= row.seen[1] for count in counts)
    assert row.seen[1] <= 2 * max(counts)


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_the_recipe_of_a_row_takes_labels_where_the_row_says_so(row: Row) -> None:
    assert row.build().takes_labels == (row.labels == "learned")


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_steps_of_all_rows_see_as_many_images(row: Row) -> None:
    """So `train auto --tune` knows before it chooses whether the budget is large enough."""
    assert row.build().images_per_step == dcgan().images_per_step


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_a_row_covers_images_in_its_middle(row: Row) -> None:
    case = middle(row)
    assert ranked_rows(case)[0] == row
    assert row.uncovered(case) == []


def middle(row: Row) -> Case:
    return Case(
        side=row.sides[0],
        images=sum(row.images) // 2,
        channels=1 if row.channels == "grey" else 3,
        labels=row.labels == "learned",
        seen=sum(row.seen) // 2,
    )


def test_no_two_rows_cover_the_same_images() -> None:
    for one, other in itertools.combinations(ROWS, 2):
        overlap = all(
            a[0] <= b[1] and b[0] <= a[1]
            for a, b in (
                (one.sides, other.sides),
                (one.images, other.images),
                (one.seen, other.seen),
            )
        )
        same_kind = (one.channels, one.labels) == (other.channels, other.labels)
        assert not (overlap and same_kind), (row_id(one), row_id(other))


@pytest.mark.parametrize("side", [16, 32, 48, 64, 128, 1024])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_and_number_have_a_nearest_row(side: int, channels: int) -> None:
    for images, labels, seen in itertools.product(
        (1, 100, 5_000, 10**7), (True, False), (1_000, 10**6, 10**9)
    ):
        case = Case(side, images, channels, labels, seen, can_follow=images > 100)
        row, *_ = ranked_rows(case)
        assert row.distance(case) == min(
            other.distance(case) for other in ROWS if other.suits(case)
        )


def test_few_images_matter_more_than_their_size_or_colour() -> None:
    few = replace(MANY, images=500, side=128, labels=True)
    assert ranked_rows(few)[0].recipe == "few"
    assert ranked_rows(replace(few, can_follow=False))[0].recipe != "few"


def test_what_a_row_does_not_cover_is_said() -> None:
    case = Case(side=64, images=500_000, channels=3, labels=False, seen=2_000_000)
    row = ranked_rows(case)[0]
    assert row.channels == "colour"
    assert row.uncovered(case) == ["500,000 images", "images of 64 pixels", "runs of 2M images"]


def test_labels_are_learned_where_they_suit_and_only_there() -> None:
    for channels, recipe in ((1, "resnet-dcgan-conditional"), (3, "dcgan-conditional")):
        case = replace(MANY, channels=channels, labels=True)
        assert ranked_rows(case)[0].recipe == recipe
    assert all(row.labels == "any" for row in ranked_rows(MANY))


@pytest.mark.parametrize("channels", [2, 4])
def test_no_row_suits_channels_that_nothing_was_measured_on(channels: int) -> None:
    assert ranked_rows(replace(MANY, channels=channels)) == []


def test_changes_are_read_as_on_the_command_line() -> None:
    row = replace(
        ROWS[-1],
        recipe="dcgan",
        labels="any",
        changes={
            "generator.network": "resnet",
            "generator.network.width": "16",
            "discriminator.learning_rate": "linear:2e-4:0",
        },
    )
    recipe = row.build()
    assert recipe.generator.network.name == "resnet"
    assert recipe.generator.network.width == 16  # type: ignore[attr-defined]
    assert row.flags == (
        *("--generator.network", "resnet", "--generator.network.width", "16"),
        *("--discriminator.learning-rate", "linear:2e-4:0"),
    )


@pytest.mark.parametrize("changes", [{"generator.widht": "3"}, {"batch": "many"}, {"batch": "1"}])
def test_a_wrong_change_is_an_error_that_names_the_table(changes: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match=r"choices\.toml"):
        replace(ROWS[-1], changes=changes).build()


def test_a_row_has_no_other_fields() -> None:
    table = TypeAdapter(Row).dump_python(ROWS[0], mode="json")
    with pytest.raises(ValidationError, match="coment"):
        TypeAdapter(Row).validate_json(json.dumps({**table, "coment": "none"}))


def test_the_table_is_part_of_the_package() -> None:
    assert choices.TABLE.parent == Path(choices.__file__).parent


@pytest.mark.parametrize(
    ("value", "distance"), [(4, 2.0), (8, 1.0), (16, 0), (40, 0), (64, 0), (256, 2.0)]
)
def test_images_outside_of_a_range_are_as_far_as_from_its_nearer_end(
    value: int, distance: float
) -> None:
    assert doublings_outside(value, (16, 64)) == distance
