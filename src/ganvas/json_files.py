"""JSON and its files: from dataclasses and tables to text and back, checked against their types."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ganvas import storage
from ganvas.errors import RunError
from ganvas.system_errors import reason_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter, ValidationError

AnyDataclass = TypeVar("AnyDataclass", bound="DataclassInstance")
AnyTable = TypeVar("AnyTable")
"""A `TypedDict`."""

MAX_NESTING = 50
"""Lists and tables inside each other, in a file of JSON or TOML; those of ganvas have five."""
_TOO_DEEP = f"nested more than {MAX_NESTING} levels deep"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON atomically (see `storage.atomic_file`)."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # Bytes of a file's name that are no UTF-8 become \udcff, which JSON reads back as they were.
    storage.write_bytes(path, text.encode(errors="backslashreplace"))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file that ganvas wrote.

    Raises:
        RunError: the file cannot be read, or holds something else.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise storage.missing(path) from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason_of(error)}") from error
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: expected an object, got {type(value).__name__}")
    return value


def read_dataclass(path: Path, kind: type[AnyDataclass]) -> AnyDataclass:
    """Read a dataclass from a JSON file. Unknown keys are ignored.

    Raises:
        RunError: the file cannot be read, or a field is missing or has the wrong type.
    """
    try:
        return from_plain(kind, read_json(path))
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def read_table(path: Path, kind: type[AnyTable]) -> AnyTable:
    """Read a JSON file that must have the fields of a `TypedDict`. Others are kept as they are.

    Raises:
        RunError: the file cannot be read, or a field is missing or has the wrong type.
    """
    table = read_json(path)
    try:
        check_table(kind, table)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    return cast("AnyTable", table)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or nested deeper than what anybody writes (`check_nesting`).
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    check_nesting(value)
    return value


def check_nesting(value: object) -> None:
    """Raise a `ValueError` for lists and tables nested so deeply that recursion over them fails."""
    level = [value]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def check_finite(value: object) -> None:
    """Raise a `ValueError` for a NaN or an infinity anywhere in a JSON value."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a number is {value}")
    for inner in _inside(value):
        check_finite(inner)


def _inside(value: object) -> Collection[object]:
    """The values in a list or a table; nothing for any other value."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def check_table(kind: Any, table: object) -> None:
    """Raise a `ValueError` unless a table has the fields of a `TypedDict`; a clause per problem."""
    from pydantic import ValidationError

    try:
        adapter(kind).validate_python(table, strict=True)
    except ValidationError as error:
        raise ValueError(_problems(error)) from error


def to_plain(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass as JSON types: tuples as lists, dataclasses as dictionaries."""
    table: dict[str, Any] = adapter(type(value)).dump_python(value, mode="json")
    return table


def from_plain(kind: type[AnyDataclass], table: object) -> AnyDataclass:
    """A dataclass from what `to_plain` made of it. Unknown keys are ignored.

    Raises:
        ValueError: a field is missing or has the wrong type; one clause per problem.
    """
    from pydantic import ValidationError

    try:
        value: AnyDataclass = adapter(kind).validate_python(table)
    except ValidationError as error:
        raise ValueError(_problems(error)) from error
    return value


@functools.cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """What reads, checks and writes values of a type. Making it takes longer than all its work."""
    from pydantic import TypeAdapter  # here, because importing it takes a while

    return TypeAdapter(kind)


def _problems(error: ValidationError) -> str:
    """One clause per problem: the field's name with dots, and what is wrong."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}".removeprefix(": ")
        for item in error.errors(include_url=False)
    )
