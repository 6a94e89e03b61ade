"""How flags of our own types are read: counts (200k), sizes (32, 64x96), schedules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from ganvas.errors import parse_choice
from ganvas.networks.sizes import parse_size as parse_size
from ganvas.schedules import Ramp, Schedule, format_schedule, parse_count, parse_schedule

FLAG_TYPES = ConstructorRegistry()


def one_word(
    metavar: str,
    read: Callable[[str], Any],
    write: Callable[[Any], str],
    types: type | tuple[type, ...],
) -> PrimitiveConstructorSpec[Any]:
    """A flag whose value is one word."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: read(words[0]),
        is_instance=lambda value: isinstance(value, types),
        str_from_instance=lambda value: [write(value)],
    )


@FLAG_TYPES.primitive_rule
def count(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Whole numbers that may end in k, M or G."""
    return one_word("N", parse_count, str, int) if info.type is int else None


@FLAG_TYPES.primitive_rule
def optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """Flags that may be left out: shown and read as what they are when given."""
    readers: dict[Any, tuple[str, Callable[[str], Any]]] = {
        int | None: ("N", lambda word: None if word.lower() == "none" else parse_count(word)),
        Path | None: ("PATH", Path),
        str | None: ("TEXT", str),
    }
    for kind, (metavar, read) in readers.items():
        if info.type == kind:
            return one_word(metavar, read, str, (int, Path, str, NoneType))
    return None


@FLAG_TYPES.primitive_rule
def schedule(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """A number, or a ramp such as linear:2e-4:0."""
    if info.type != Schedule:
        return None
    return one_word("NUMBER|RAMP", parse_schedule, format_schedule, (int, float, Ramp))


@FLAG_TYPES.primitive_rule
def choice(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """One of a few words. tyro reads them too, but does not say which one was meant perhaps."""
    kind = info.type
    if NoneType in get_args(kind):  # a flag that may be left out
        kind = get_args(kind)[0]
    if get_origin(kind) is not Literal:
        return None
    words = get_args(kind)
    metavar = f"{{{','.join(words)}}}"
    return one_word(metavar, lambda word: parse_choice(word, words), str, (str, NoneType))


@FLAG_TYPES.primitive_rule
def names(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """A list of names, with commas between."""
    if get_args(info.type) != (str, ...):
        return None
    return one_word("NAME,NAME", parse_names, ",".join, tuple)


def parse_names(text: str) -> tuple[str, ...]:
    """Read `fd-lite0,swd`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


@FLAG_TYPES.primitive_rule
def size(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """An image size: one number for a square, or HxW."""
    if get_args(info.type) != (int, int):
        return None
    return one_word("SIDE|HxW", parse_size, lambda value: f"{value[0]}x{value[1]}", tuple)
