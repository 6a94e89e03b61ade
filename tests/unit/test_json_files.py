"""JSON is read back as it was written, and what is damaged is named."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from ganvas import json_files
from ganvas.errors import RunError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)
@given(JSON)
def test_json_is_read_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    json_files.write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value


@dataclass(frozen=True)
class Inner:
    """A value inside of another."""

    value: float


@dataclass(frozen=True, kw_only=True)
class Outer:
    """What a file holds."""

    name: str
    pair: tuple[float, float] = (0.0, 1.0)
    inner: tuple[Inner, ...] = ()
    count: int | None = None


class TestDataclasses:
    """Dataclasses as JSON, and back."""

    def test_a_dataclass_is_read_back_from_its_file(self, tmp_path: Path) -> None:
        value = Outer(name="é", pair=(1.5, float("inf")), inner=(Inner(0.25),))
        json_files.write_json(tmp_path / "value.json", json_files.to_plain(value))
        assert json_files.read_dataclass(tmp_path / "value.json", Outer) == value

    def test_plain_values_are_what_json_reads(self) -> None:
        table = json_files.to_plain(Outer(name="a", inner=(Inner(1.0),)))
        assert table == {"name": "a", "pair": [0.0, 1.0], "inner": [{"value": 1.0}], "count": None}
        assert json.loads(json.dumps(table)) == table

    def test_unknown_keys_are_ignored(self) -> None:
        assert json_files.from_plain(Outer, {"name": "a", "later": 1}) == Outer(name="a")

    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            ({}, "name: Field required"),
            ({"name": 3}, "name: Input should be a valid string"),
            ({"name": "a", "inner": [{"value": "x"}]}, "inner.0.value: Input should be"),
            ([], "Input should be a dictionary"),
        ],
    )
    def test_problems_name_the_field(self, table: object, expected: str) -> None:
        with pytest.raises(ValueError, match=expected):
            json_files.from_plain(Outer, table)

    def test_a_damaged_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "value.json").write_text("{}")
        with pytest.raises(RunError, match=r"value.json is damaged: name: Field required"):
            json_files.read_dataclass(tmp_path / "value.json", Outer)


def test_a_name_that_is_no_utf_8_is_read_back_from_json(tmp_path: Path) -> None:
    value = {"location": os.fsdecode(b"caf\xe9"), "name": "café"}
    json_files.write_json(tmp_path / "data.json", value)
    assert json_files.read_json(tmp_path / "data.json") == value
    assert "café" in (tmp_path / "data.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["[" * 51 + "]" * 51, '{"a": ' * 51 + "1" + "}" * 51, "[" * 10**5])
def test_json_that_is_nested_deeply_is_refused_like_any_damage(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="nested more than 50 levels deep"):
        json_files.parse_json(text)
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RunError, match=r"a\.json cannot be read: nested more than 50"):
        json_files.read_json(tmp_path / "a.json")


def test_a_file_that_is_gone_is_a_sentence_without_the_systems_numbers(tmp_path: Path) -> None:
    with pytest.raises(RunError) as gone:
        json_files.read_json(tmp_path / "data.json")
    assert str(gone.value).startswith(f"{tmp_path / 'data.json'} is missing: it was deleted or mov")
    with pytest.raises(RunError) as folder:
        json_files.read_json(tmp_path)
    assert str(folder.value) == f"{tmp_path} cannot be read: is a directory"


def test_json_of_fifty_levels_is_read() -> None:
    text = "[" * 50 + "]" * 50
    assert json.dumps(json_files.parse_json(text)) == text
    assert json_files.parse_json("[[], {}]") == [[], {}]


def test_numbers_that_are_not_finite_are_found_anywhere() -> None:
    json_files.check_finite({"a": [1, 2.5, {"b": None}], "c": "inf"})
    for text in ("NaN", "[1e400]", '{"a": {"b": [-Infinity]}}'):
        with pytest.raises(ValueError, match="a number is"):
            json_files.check_finite(json_files.parse_json(text))


class Sizes(TypedDict):
    height: int
    extent: float | None


def test_a_table_needs_its_fields_and_keeps_others(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"height": 4, "extent": 1, "more": []}')
    assert json_files.read_table(path, Sizes) == {"height": 4, "extent": 1, "more": []}
    path.write_text('{"height": "4"}')
    with pytest.raises(RunError) as caught:
        json_files.read_table(path, Sizes)
    assert str(caught.value).startswith(f"{path} is damaged: height: ")
    assert "; extent: Field required" in str(caught.value), "all problems at once"
