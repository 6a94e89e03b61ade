"""The flag --port of the commands that serve a page."""

from __future__ import annotations

from types import NoneType
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec


def parse_port(text: str) -> int | None:
    """Read a port, 1 to 65535; `None` takes a free one.

    Raises:
        ValueError: the text is no port; the message says what was expected.
    """
    if text == "None":
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65_535:
        return int(text)
    raise ValueError(f"{text!r} is no port: expected 1 to 65535, for example 8150")


Port = Annotated[
    int | None,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="PORT",
        instance_from_str=lambda words: parse_port(words[0]),
        is_instance=lambda value: isinstance(value, int | NoneType),
        str_from_instance=lambda value: [str(value)],
    ),
]
"""A port of this machine, as the commands have it."""
