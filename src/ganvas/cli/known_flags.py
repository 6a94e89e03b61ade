"""The flags that a command has, read from its dataclass as tyro reads it."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from ganvas.fields import is_settings, parse_field

HELP = frozenset({"-h", "--help"})

Parser = Callable[[str], object]
"""Reads a value, or raises a `ValueError` that says what was expected."""

_ArgConfig = type(tyro.conf.arg())


def flags_of(command: Any, default: Any = None) -> frozenset[str]:
    """Every flag of a command, with its aliases and those of help.

    Args:
        command: the command's dataclass.
        default: the defaults, where they decide which flags there are: the networks of a recipe.
    """
    return frozenset(flag_parsers(command, default))


def flag_parsers(command: Any, default: Any = None) -> dict[str, Parser | None]:
    """What reads the value of every flag, as `flags_of` names them; None where any will do."""
    return _flags(command, default, "") | dict.fromkeys(HELP)


def positionals(command: Any) -> list[str]:
    """What a command takes beside its flags, as its help calls it: `RECIPE`, `DATA`."""
    hints = typing.get_type_hints(command, include_extras=True)
    marks = [getattr(hint, "__metadata__", ()) for hint in hints.values()]
    return [
        config.metavar or ""  # type: ignore[attr-defined]
        for metadata in marks
        if tyro.conf.Positional in metadata
        for config in metadata
        if isinstance(config, _ArgConfig)
    ]


def _flags(kind: Any, default: Any, prefix: str) -> dict[str, Parser | None]:
    hints = typing.get_type_hints(kind, include_extras=True)
    types = typing.get_type_hints(kind)
    flags: dict[str, Parser | None] = {}
    for entry in dataclasses.fields(kind):
        marks = getattr(hints[entry.name], "__metadata__", ())
        if tyro.conf.Positional in marks or tyro.conf.Suppress in marks:
            continue
        config = next((mark for mark in marks if isinstance(mark, _ArgConfig)), tyro.conf.arg())
        name = entry.name if config.name is None else config.name  # type: ignore[attr-defined]
        path = f"{prefix}{name.replace('_', '-')}"
        value = _default_of(entry) if default is None else getattr(default, entry.name)
        if is_settings(value):
            flags |= _flags(type(value), value, f"{path}." if name else prefix)
            continue
        if value is True:  # such a flag turns off what is on
            group, _, own = path.rpartition(".")
            path = f"{group}.no-{own}" if group else f"no-{own}"
        names = [f"--{path}", *(config.aliases or ())]  # type: ignore[attr-defined]
        flags |= dict.fromkeys(names, _parser(types[entry.name], marks))
    return flags


def _parser(kind: Any, marks: Sequence[Any]) -> Parser | None:
    """What reads a value of a type: as the marks say, or as a field of a recipe."""
    for mark in marks:
        if isinstance(mark, PrimitiveConstructorSpec):
            return lambda text: mark.instance_from_str([text])
    return None if kind in (bool, list[str]) else partial(parse_field, kind)


def _default_of(entry: dataclasses.Field[Any]) -> Any:
    if entry.default_factory is not dataclasses.MISSING:
        return entry.default_factory()
    return entry.default
