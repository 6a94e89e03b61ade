"""Fields by dotted name, and text as their values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.fields import (
    field_types,
    format_field,
    get_field,
    has_field,
    parse_field,
    parse_size,
    plain_value,
    replace_field,
    unknown_field,
)
from ganvas.recipes import CATALOG
from ganvas.schedules import Ramp, Schedule

RAMP = Ramp(shape="linear", start=2e-4, end=0.0)


@dataclass(frozen=True)
class Inner:
    """Settings inside of others."""

    rate: Schedule = RAMP
    size: tuple[int, int] = (32, 32)


@dataclass(frozen=True)
class Wide(Inner):
    """The same, with a field of its own."""

    width: Annotated[int, Ge(1)] = 8


@dataclass(frozen=True)
class Outer:
    """Settings with others inside."""

    inner: Inner = field(default_factory=Inner)
    count: Annotated[int, Ge(2)] | None = None
    loss: Literal["hinge", "none"] = "hinge"


SETTINGS = Outer(inner=Wide())


class TestNames:
    """Fields are named as files name them."""

    def test_all_values_are_named_with_their_types(self) -> None:
        assert field_types(SETTINGS) == {
            "inner.rate": Schedule,
            "inner.size": tuple[int, int],
            "inner.width": int,
            "count": int | None,
            "loss": Literal["hinge", "none"],
        }
        assert "inner.width" not in field_types(Outer()), "this one has no such field"

    def test_a_field_is_found_by_its_name(self) -> None:
        assert get_field(SETTINGS, "inner.width") == 8
        assert get_field(SETTINGS, "inner") == Wide()
        assert has_field(SETTINGS, "inner.rate")

    @pytest.mark.parametrize(
        "path", ["", "inner.", "inner.wdth", "count.more", "inner.rate.start", "loss.upper"]
    )
    def test_what_is_no_field(self, path: str) -> None:
        assert not has_field(SETTINGS, path)
        with pytest.raises(KeyError):
            get_field(SETTINGS, path)
        with pytest.raises(KeyError):
            replace_field(SETTINGS, path, 1)

    def test_one_field_is_replaced(self) -> None:
        assert replace_field(SETTINGS, "inner.width", 16) == Outer(inner=Wide(width=16))
        assert replace_field(SETTINGS, "count", 3) == Outer(inner=Wide(), count=3)
        assert Outer(inner=Wide()) == SETTINGS

    def test_the_nearest_name_is_given(self) -> None:
        known = field_types(SETTINGS)
        assert unknown_field("inner.widht", known) == "no such field. Did you mean inner.width?"
        assert unknown_field("xyz", known, "this recipe") == "this recipe has no such field."
        assert unknown_field("inner", known) == (
            "a group of fields. It has: inner.rate, inner.size, inner.width"
        )


class TestText:
    """Text becomes a value of the field's type."""

    @pytest.mark.parametrize(
        ("hint", "text", "value"),
        [
            (bool, "True", True),
            (bool, "false", False),
            (int, "1.5k", 1500),
            (int | None, "none", None),
            (int | None, "64", 64),
            (float, "2e-4", 2e-4),
            (float | None, "None", None),
            (str, "none", "none"),
            (str | None, "none", "none"),
            (Path | None, "runs/a", Path("runs/a")),
            (Schedule, "1e-3", 0.001),
            (Schedule, "linear:2e-4:0", RAMP),
            (tuple[int, int], "32x64", (32, 64)),
            (tuple[int, int], "32", (32, 32)),
            (tuple[str, ...], "fd-lite0, swd,", ("fd-lite0", "swd")),
            (Literal["hinge", "none"], "none", "none"),
            (Literal["hinge", "none"] | None, "none", "none"),
        ],
    )
    def test_values(self, hint: Any, text: str, value: Any) -> None:
        parsed = parse_field(hint, text)
        assert parsed == value
        assert type(parsed) is type(value)

    @pytest.mark.parametrize(
        ("hint", "text", "expected"),
        [
            (bool, "yes", "must be true or false, got 'yes'"),
            (int, "many", "'many' is no whole number"),
            (int, "none", "'none' is no whole number"),
            (float, "fast", "must be a number, got 'fast'"),
            (Schedule, "fast", "is no schedule"),
            (tuple[int, int], "large", "is no size: expected 32, or HxW"),
            (Literal["hinge", "none"], "hing", "is none of its values. Did you mean hinge?"),
        ],
    )
    def test_what_is_no_value_says_what_was_expected(
        self, hint: Any, text: str, expected: str
    ) -> None:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message follows
            parse_field(hint, text)
        assert expected in str(caught.value)

    def test_a_type_that_no_text_gives(self) -> None:
        with pytest.raises(TypeError, match="cannot be set from text"):
            parse_field(Inner, "x")

    @pytest.mark.parametrize("name", CATALOG)
    def test_every_field_of_a_recipe_is_read_back_from_its_text(self, name: str) -> None:
        recipe = CATALOG[name]()
        for path, hint in field_types(recipe).items():
            value = get_field(recipe, path)
            assert parse_field(hint, format_field(value)) == value, path

    def test_values_as_files_hold_them(self) -> None:
        values = [plain_value(value) for value in (RAMP, (32, 64), ("swd",), True, None, 0.5)]
        assert values == ["linear:0.0002:0.0", [32, 64], ["swd"], True, None, 0.5]

    @settings(deadline=None)
    @given(st.integers(1, 10**6), st.integers(1, 10**6))
    def test_size_is_read_back_from_its_name(self, height: int, width: int) -> None:
        assert parse_size(f"{height}x{width}") == (height, width)
        assert parse_size(str(height)) == (height, height)
