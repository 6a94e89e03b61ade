"""The fields of nested dataclasses by their dotted names, and the one parser from text to a field.

Flags, `--vary FIELD=VALUE` and the changes that health advises all name a field such as
`generator.learning_rate` and give its value as text. Here both get their meaning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ganvas.errors import did_you_mean
from ganvas.formatting import format_image_size
from ganvas.growth import Growth, parse_growth
from ganvas.schedules import (
    AdaptiveSchedule,
    Schedule,
    ScheduledValue,
    format_schedule,
    parse_adaptive_schedule,
    parse_count,
    parse_schedule,
)
from ganvas.storage import given_path

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AnySettings = TypeVar("AnySettings", bound="DataclassInstance")

FieldPath = tuple[str, ...]
"""A field of nested dataclasses, one name per level. With dots between them it is text."""


# ---- fields by their dotted names


def field_types(settings: DataclassInstance) -> dict[str, Any]:
    """The type of every field that holds a value, by its dotted name.

    Nested dataclasses are followed by what the instance holds, so a field that only this network
    has is included. A schedule is a value.
    """
    return {".".join(path): hint for path, hint, _ in _leaves(settings, ())}


def _leaves(settings: Any, prefix: FieldPath) -> Iterator[tuple[FieldPath, Any, Any]]:
    """Every value with its path and type."""
    hints = get_type_hints(type(settings))
    for entry in dataclasses.fields(settings):
        path, value = (*prefix, entry.name), getattr(settings, entry.name)
        if is_settings(value):
            yield from _leaves(value, path)
        else:
            yield path, hints[entry.name], value


def is_settings(value: Any) -> bool:
    """Whether a value is a dataclass with fields of its own to name; a schedule is not."""
    is_instance = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_instance and not isinstance(value, ScheduledValue)


def has_field(settings: DataclassInstance, path: str) -> bool:
    """Whether there is a field, or a group of fields, of this dotted name."""
    value: Any = settings
    for name in path.split("."):
        if not is_settings(value) or name not in _names(value):
            return False
        value = getattr(value, name)
    return True


def get_field(settings: DataclassInstance, path: str) -> Any:
    """The value of a field, or of a group of fields.

    Raises:
        KeyError: no such field.
    """
    if not has_field(settings, path):
        raise KeyError(path)
    value: Any = settings
    for name in path.split("."):
        value = getattr(value, name)
    return value


def replace_field(settings: AnySettings, path: str, value: Any) -> AnySettings:
    """A copy with another value in one field. The value is not checked.

    Raises:
        KeyError: no such field.
    """
    get_field(settings, path)
    name, _, rest = path.partition(".")
    if rest:
        value = replace_field(getattr(settings, name), rest, value)
    return dataclasses.replace(settings, **{name: value})


def unknown_field(path: str, known: Iterable[str], owner: str = "") -> str:
    """Why a dotted name is none of the known fields, with the nearest one.

    Args:
        known: names of fields, with dots.
        owner: what has the fields.
    """
    known = list(known)
    inside = [name for name in known if name.startswith(f"{path}.")]
    if inside:
        return f"a group of fields. It has: {', '.join(inside)}"
    has = f"{owner} has " if owner else ""
    return f"{has}no such field.{did_you_mean(path, known)}"


def _names(settings: DataclassInstance) -> list[str]:
    return [entry.name for entry in dataclasses.fields(settings)]


# ---- values as text


def parse_field(hint: Any, text: str) -> Any:
    """The value that a text gives to a field.

    Args:
        hint: the field's type: bool, int, float, str, Path, Literal, a schedule, a growth, an
            image size (`tuple[int, int]`), names (`tuple[str, ...]`), or one of them or None.

    Raises:
        ValueError: the text is no such value; with what was expected.
        TypeError: no text gives a value of this type.
    """
    inner = unwrap_optional(hint)
    may_be_none = inner != hint and inner not in (str, Path) and get_origin(inner) is not Literal
    if may_be_none and text.lower() == "none":
        return None
    if get_origin(inner) is Literal:
        return parse_choice(text, get_args(inner))
    for kind, parse in _PARSERS:
        if inner == kind:
            return parse(text)
    raise TypeError(f"a field of type {hint} cannot be set from text")


def format_field(value: Any) -> str:
    """The text that `parse_field` reads back to the value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_schedule(value)
    if isinstance(value, ScheduledValue):
        return value.text()
    if isinstance(value, tuple):
        is_size = len(value) == 2 and all(isinstance(side, int) for side in value)
        return format_image_size(value) if is_size else ",".join(value)
    return str(value)


def plain_value(value: Any) -> Any:
    """A field's value as JSON and TOML hold it: scheduled values as text, tuples as lists."""
    if isinstance(value, ScheduledValue):
        return value.text()
    return list(value) if isinstance(value, tuple) else value


def parse_bool(text: str) -> bool:
    """Read `true` or `false`.

    Raises:
        ValueError: it is neither.
    """
    if text.lower() not in ("true", "false"):
        raise ValueError(f"must be true or false, got {text!r}")
    return text.lower() == "true"


def parse_float(text: str) -> float:
    """Read `0.5` or `2e-4`.

    Raises:
        ValueError: it is no number.
    """
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"must be a number, got {text!r}") from None


def parse_size(text: str) -> tuple[int, int]:
    """Read an image size: `32` or `64x96` (height x width).

    Raises:
        ValueError: with what was expected.
    """
    height, cross, width = text.lower().partition("x")
    try:
        return int(height), int(width if cross else height)
    except ValueError:
        raise ValueError(f"{text!r} is no size: expected 32, or HxW such as 64x96") from None


def parse_names(text: str) -> tuple[str, ...]:
    """Read names with commas between them: `fd-lite0,swd`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def parse_choice(text: str, choices: Sequence[str]) -> str:
    """Read one of a few words.

    Raises:
        ValueError: it is none of them; with the nearest one, and all.
    """
    if text not in choices:
        hint = did_you_mean(text, choices)
        raise ValueError(f"{text!r} is none of its values.{hint} All: {', '.join(choices)}")
    return text


def unwrap_optional(hint: Any) -> Any:
    """The type `X` for `X | None`; any other type as it is."""
    members = get_args(hint)
    if NoneType in members and len(members) == 2:
        return next(member for member in members if member is not NoneType)
    return hint


_PARSERS: tuple[tuple[Any, Any], ...] = (
    (bool, parse_bool),
    (int, parse_count),
    (float, parse_float),
    (str, str),
    (Path, given_path),
    (Schedule, parse_schedule),
    (AdaptiveSchedule, parse_adaptive_schedule),
    (Growth, parse_growth),
    (tuple[int, int], parse_size),
    (tuple[str, ...], parse_names),
)
