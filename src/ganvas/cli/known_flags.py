"""The flags that a command has, read from its dataclass as tyro reads it."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import tyro

from ganvas.fields import is_settings

HELP = frozenset({"-h", "--help"})

_ArgConfig = type(tyro.conf.arg())


def flags_of(command: Any, default: Any = None) -> frozenset[str]:
    """Every flag of a command, with its aliases and those of help.

    Args:
        command: the command's dataclass.
        default: the defaults, where they decide which flags there are: the networks of a recipe.
    """
    return frozenset(_flags(command, default, "")) | HELP


def _flags(kind: Any, default: Any, prefix: str) -> list[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    flags: list[str] = []
    for entry in dataclasses.fields(kind):
        marks = getattr(hints[entry.name], "__metadata__", ())
        if tyro.conf.Positional in marks:
            continue
        config = next((mark for mark in marks if isinstance(mark, _ArgConfig)), tyro.conf.arg())
        name = entry.name if config.name is None else config.name  # type: ignore[attr-defined]
        path = f"{prefix}{name.replace('_', '-')}"
        value = _default_of(entry) if default is None else getattr(default, entry.name)
        if is_settings(value):
            flags += _flags(type(value), value, f"{path}." if name else prefix)
            continue
        if value is True:  # such a flag turns off what is on
            group, _, own = path.rpartition(".")
            path = f"{group}.no-{own}" if group else f"no-{own}"
        flags += [f"--{path}", *(config.aliases or ())]  # type: ignore[attr-defined]
    return flags


def _default_of(entry: dataclasses.Field[Any]) -> Any:
    if entry.default_factory is not dataclasses.MISSING:
        return entry.default_factory()
    return entry.default
