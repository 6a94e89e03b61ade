"""Flags for the types of our own fields: counts (200k), sizes (32, 64x96), schedules, choices."""

from __future__ import annotations

from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from ganvas.fields import format_field, parse_field, unwrap_optional
from ganvas.growth import Growth
from ganvas.schedules import Adaptive, AdaptiveSchedule, Ramp, Schedule

FLAG_TYPES = ConstructorRegistry()

METAVARS: tuple[tuple[Any, str, tuple[type, ...]], ...] = (
    (int, "N", (int,)),
    (int | None, "N", (int, NoneType)),
    (float | None, "NUMBER", (float, NoneType)),
    (Path | None, "PATH", (Path, NoneType)),
    (str | None, "TEXT", (str, NoneType)),
    (Schedule, "NUMBER|RAMP", (int, float, Ramp)),
    (AdaptiveSchedule, "NUMBER|RAMP|adaptive:TARGET", (int, float, Ramp, Adaptive)),
    (Growth | None, "SIDE,SIDE", (Growth, NoneType)),
    (tuple[int, int], "SIDE|HxW", (tuple,)),
    (tuple[str, ...], "NAME,NAME", (tuple,)),
    (tuple[str, ...] | None, "NAME,NAME", (tuple, NoneType)),
)
"""What help shows for a value of each type, and the Python types of its values."""


@FLAG_TYPES.primitive_rule
def field_flag(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """A flag whose value is one word that `parse_field` reads. Other types are left to tyro."""
    for hint, metavar, types in METAVARS:
        # tyro turns tuple[int, int] into typing.Tuple[int, int], which is not equal to it.
        if info.type == hint or (get_args(hint) and get_args(info.type) == get_args(hint)):
            return _one_word(hint, metavar, types)
    choice = unwrap_optional(info.type)
    if get_origin(choice) is Literal:
        # tyro reads these too, but its message does not name the nearest word.
        return _one_word(choice, f"{{{','.join(get_args(choice))}}}", (str, NoneType))
    return None


def _one_word(hint: Any, metavar: str, types: tuple[type, ...]) -> PrimitiveConstructorSpec[Any]:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: parse_field(hint, words[0]),
        is_instance=lambda value: isinstance(value, types),
        str_from_instance=lambda value: [format_field(value)],
    )
