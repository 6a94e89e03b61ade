"""Errors of the command line name flags, and keep all other words."""

from __future__ import annotations

import pytest

from ganvas.cli.flag_names import errors_with_flag_names, with_flag_names
from ganvas.errors import RecipeError, StudyError

FIELDS = ("data.size", "batch", "images", "time", "generator_batch", "generator.network.width")


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("data.size: size 31x31 does not fit", "--size: size 31x31 does not fit"),
        ("images or time: none is given", "--images or --time: none is given"),
        ("generator_batch: must be 64 like batch", "--generator-batch: must be 64 like batch"),
        ("batch: pairs (generator_batch). More", "--batch: pairs (--generator-batch). More"),
        ("name: set generator.network.width.", "name: set --generator.network.width."),
        ("batch: got 'data.size'", "--batch: got 'data.size'"),
        ("arm 'batch': batch: no", "arm 'batch': batch: no"),
        ("arm 'x': data.sizes: no", "arm 'x': data.sizes: no"),
        ("no colon, batch", "no colon, batch"),
    ],
)
def test_a_field_becomes_its_flag_if_it_can_be_nothing_else(problem: str, expected: str) -> None:
    assert with_flag_names(problem, FIELDS) == expected


def test_an_error_keeps_its_type_its_place_and_all_problems() -> None:
    with pytest.raises(StudyError) as caught, errors_with_flag_names(FIELDS):
        raise StudyError(["batch: at least 2", "name: no"], "mine.toml")
    assert caught.value.problems == ("--batch: at least 2", "name: no")
    assert caught.value.where == "mine.toml"
    with pytest.raises(RecipeError) as other, errors_with_flag_names(FIELDS):
        raise RecipeError(["batch: at least 2"])
    assert type(other.value) is RecipeError
