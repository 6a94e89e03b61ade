"""Ways to damage a file: each takes bytes and a seeded generator, and gives other bytes."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers at which lengths and sizes go wrong."""
DEPTH = 100_000
"""Brackets in brackets: deeper than any parser's stack."""


def flip(content: bytes, choose: random.Random) -> bytes:
    """One to eight bytes changed, anywhere."""
    changed = bytearray(content)
    for _ in range(choose.randint(1, 8)):
        changed[choose.randrange(len(changed))] ^= choose.randint(1, 255)
    return bytes(changed)


def flip_start(content: bytes, choose: random.Random) -> bytes:
    """One to four bytes changed within the first 64, where headers are."""
    end = min(64, len(content))
    return flip_some(content[:end], choose, 4) + content[end:]


def flip_end(content: bytes, choose: random.Random) -> bytes:
    """One to four bytes changed within the last 256, where tables of contents are."""
    start = max(0, len(content) - 256)
    return content[:start] + flip_some(content[start:], choose, 4)


def flip_some(content: bytes, choose: random.Random, most: int) -> bytes:
    """Up to `most` bytes changed."""
    changed = bytearray(content)
    for _ in range(choose.randint(1, most)):
        changed[choose.randrange(len(changed))] = choose.randrange(256)
    return bytes(changed)


def cut(content: bytes, choose: random.Random) -> bytes:
    """The end is missing."""
    return content[: choose.randrange(len(content))]


def behead(content: bytes, choose: random.Random) -> bytes:
    """The start is missing."""
    return content[choose.randint(1, max(1, len(content) // 2)) :]


def remove(content: bytes, choose: random.Random) -> bytes:
    """A piece inside is missing."""
    start = choose.randrange(len(content))
    return content[:start] + content[start + choose.randint(1, 64) :]


def repeat(content: bytes, choose: random.Random) -> bytes:
    """A piece inside is there several times."""
    start = choose.randrange(len(content))
    piece = content[start : start + choose.randint(1, 256)]
    return content[:start] + piece * choose.randint(2, 20) + content[start:]


def insert(content: bytes, choose: random.Random) -> bytes:
    """Random bytes inside."""
    start = choose.randrange(len(content))
    return content[:start] + choose.randbytes(choose.randint(1, 64)) + content[start:]


def append(content: bytes, choose: random.Random) -> bytes:
    """Random bytes after the end."""
    return content + choose.randbytes(choose.randint(1, 512))


def extreme_number(content: bytes, choose: random.Random) -> bytes:
    """One to three numbers of 2, 4 or 8 bytes replaced by extremes: lengths, sizes, offsets."""
    changed = bytearray(content)
    for _ in range(choose.randint(1, 3)):
        kind, width = choose.choice((("H", 2), ("I", 4), ("Q", 8)))
        within = len(changed) if choose.random() < 0.3 else min(512, len(changed))
        start = choose.randrange(max(1, within - width))
        limit = (1 << 8 * width) - 1
        number = struct.pack(choose.choice("<>") + kind, choose.choice(EXTREMES) & limit)
        changed[start : start + width] = number
    return bytes(changed)


def blank(content: bytes, choose: random.Random) -> bytes:
    """A block of zeros, as a failing disk gives."""
    start = choose.randrange(len(content))
    length = min(len(content) - start, choose.randint(1, 4096))
    return content[:start] + bytes(length) + content[start + length :]


def noise(content: bytes, choose: random.Random) -> bytes:
    """Random bytes only; sometimes none at all."""
    return choose.randbytes(choose.choice((0, 1, 4, 64, 4096)))


BYTES: tuple[Mutation, ...] = (
    *(flip, flip, flip_start, flip_end, cut, cut, behead, remove, repeat, insert, append),
    *(extreme_number, extreme_number, extreme_number, blank, noise),
)
"""Mutations of any file; some count twice."""


def nested(content: bytes, choose: random.Random) -> bytes:
    """A value replaced by brackets in brackets, in JSON or TOML."""
    depth = choose.choice((50, 500, 2_000, DEPTH))
    opening, closing = choose.choice((("[", "]"), ('{"a":', "}")))
    inner = "1" if opening != "[" else ""
    return replace_value(content, opening * depth + inner + closing * depth, choose)


def odd_value(content: bytes, choose: random.Random) -> bytes:
    """A value replaced by one of another kind or size, in JSON or TOML."""
    odd = (
        *("null", "true", "-1", "0", "1e400", "NaN", "-Infinity", "99999999999999999999", "1.5"),
        *('"text"', '""', '"\\u0000"', '"\\ud800"', "[]", "{}", "[null]", '{"a": 1}', "1" * 5_000),
    )
    return replace_value(content, choose.choice(odd), choose)


def replace_value(content: bytes, value: str, choose: random.Random) -> bytes:
    """The text with the value of one of its lines replaced."""
    lines = content.decode(errors="replace").splitlines()
    with_value = [number for number, line in enumerate(lines) if ": " in line or " = " in line]
    if not with_value:
        return value.encode()
    number = choose.choice(with_value)
    separator = ": " if ": " in lines[number] else " = "
    name, _, old = lines[number].partition(separator)
    comma = "," if separator == ": " and old.endswith(",") else ""
    lines[number] = name + separator + value + comma
    return "\n".join(lines).encode() + b"\n"


def drop_line(content: bytes, choose: random.Random) -> bytes:
    """A line is missing."""
    lines = content.splitlines(keepends=True)
    del lines[choose.randrange(len(lines))]
    return b"".join(lines)


TEXT: tuple[Mutation, ...] = (
    *(odd_value, odd_value, nested, drop_line, drop_line, flip, cut, remove, repeat, insert, noise),
)
"""Mutations of TOML and of JSON as ganvas writes it."""


def other_json(content: bytes, choose: random.Random) -> bytes:
    """JSON that stays JSON, with one value anywhere replaced, dropped, or nested deeply."""
    value = json.loads(content)
    places = list(walk_json(value))
    if not places:
        return b"[]"
    container, key = choose.choice(places)
    if choose.random() < 0.3:
        del container[key]
    else:
        container[key] = choose.choice(
            (None, True, -1, 0, 1.5, 10**20, float("nan"), float("inf"), "", "text", [], {}, [[1]])
        )
    return json.dumps(value, indent=choose.choice((None, 2))).encode() + b"\n"


def walk_json(value: Any) -> Any:
    """Every place inside a JSON value, as its container and its key there."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(entries):
        yield value, key
        if isinstance(inner, dict | list):
            yield from walk_json(inner)


JSON: tuple[Mutation, ...] = (*TEXT, *[other_json] * len(TEXT))
"""Mutations of a JSON file."""


def other_line(content: bytes, choose: random.Random) -> bytes:
    """One line of a JSONL file changed, as `JSON` does."""
    lines = content.splitlines()
    number = choose.randrange(len(lines))
    lines[number] = choose.choice(JSON)(lines[number] + b"\n", choose).rstrip(b"\n")
    return b"\n".join(lines) + b"\n"


LINES: tuple[Mutation, ...] = (other_line, other_line, other_line, drop_line, flip, cut, repeat)
"""Mutations of a JSONL file."""
