"""What Python callers give: a wrong type or number is one sentence that names the argument."""

from __future__ import annotations

import os
from pathlib import Path
from typing import SupportsIndex

from ganvas.errors import ArgumentError


def check_type(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> None:
    """Raise an `ArgumentError` unless a value is of a type.

    Args:
        name: of the argument.
        expected: what it should be, for the message.
    """
    if not isinstance(value, kind):
        raise ArgumentError(name, f"expected {expected}, got {in_words(value)}")


def check_count(name: str, value: object) -> None:
    """Raise an `ArgumentError` unless a value is a whole number of at least 1.

    Args:
        name: of the argument.
    """
    if not is_count(value):
        raise ArgumentError(name, f"expected a whole number of at least 1, got {in_words(value)}")


def is_count(value: object) -> bool:
    """Whether a value is a whole number of at least 1, also one of numpy."""
    return isinstance(value, SupportsIndex) and value.__index__() >= 1


def as_seed(seed: object) -> int:
    """The seed that an argument gives, as Python's own whole number, which JSON can hold.

    Raises:
        ArgumentError: it is no whole number. Text would be another seed than the number it shows.
    """
    if not isinstance(seed, SupportsIndex):
        raise ArgumentError("seed", f"expected a whole number, got {in_words(seed)}")
    return seed.__index__()


def as_path(name: str, value: Path | str) -> Path:
    """The path that an argument gives.

    Raises:
        ArgumentError: it is neither a path nor a text.
    """
    check_type(name, value, (str, os.PathLike), "a path")
    return Path(value)


def in_words(value: object) -> str:
    """A number or a text as it is typed; anything else by its type."""
    if isinstance(value, str | Path):
        return repr(str(value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value is None or isinstance(value, int) else f"a {type(value).__name__}"
