"""Numbers that change while training: functions of the images seen."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """A number that stays at `start`, moves to `end` from `after` to `images` images, and stays."""

    shape: Literal["linear", "cosine"]
    start: float
    end: float
    images: int | None = None
    """Number of images until the end; None is the run's budget, fixed when the run starts."""
    after: int = 0
    """Number of images before it moves."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Files hold ramps as text, in the form that the command line takes."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            _read_ramp,
            serialization=core_schema.plain_serializer_function_ser_schema(_plain),
        )

    def at(self, images_seen: int) -> float:
        """The value after `images_seen` images."""
        if self.images is None:
            raise ValueError("an open ramp has no value: call with_budget first")
        progress = (images_seen - self.after) / (self.images - self.after)
        progress = min(max(progress, 0.0), 1.0)
        if self.shape == "cosine":
            progress = (1 - math.cos(math.pi * progress)) / 2
        return self.start + (self.end - self.start) * progress


Schedule = float | Ramp
"""A constant, or a `Ramp`."""


def value_at(schedule: Schedule, images_seen: int) -> float:
    """The schedule's value after `images_seen` images."""
    return schedule.at(images_seen) if isinstance(schedule, Ramp) else schedule


def with_budget(schedule: Schedule, images: int) -> Schedule:
    """The schedule with an open ramp's end fixed at the budget; later changes do not move it."""
    if isinstance(schedule, Ramp) and schedule.images is None:
        return dataclasses.replace(schedule, images=images)
    return schedule


def extremes(schedule: Schedule) -> tuple[float, float]:
    """The smallest and the largest value that the schedule takes."""
    if isinstance(schedule, Ramp):
        return min(schedule.start, schedule.end), max(schedule.start, schedule.end)
    return schedule, schedule


def parse_schedule(text: str) -> Schedule:
    """Read `0.1`, `20k`, `linear:2e-4:0`, `cosine:1:0.1:2M` or `linear:0:1:60k-120k`.

    A ramp is its shape, start, end, and the images that it ends at, or begins and ends at.

    Raises:
        ValueError: the text is no schedule; the message says what was expected.
    """
    shape, *numbers = text.split(":")
    try:
        if not numbers:
            return _finite(shape)
        if shape in ("linear", "cosine") and len(numbers) in (2, 3):
            after, images = _window(numbers[2]) if len(numbers) == 3 else (0, None)
            start, end = _finite(numbers[0]), _finite(numbers[1])
            return Ramp(shape=shape, start=start, end=end, images=images, after=after)  # type: ignore[arg-type]
    except ValueError:
        pass
    raise ValueError(
        f"{text!r} is no schedule: give a number (2e-4) or linear:START:END or cosine:START:END, "
        "with :IMAGES to end before the budget does (cosine:1:0.1:2M), or :FROM-TO "
        "(linear:0:1:60k-120k)"
    )


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float(parse_count(text))
    if not math.isfinite(value):
        raise ValueError
    return value


def _window(text: str) -> tuple[int, int]:
    """The images at which a ramp begins to move, and ends: of `120k` or `60k-120k`."""
    first, separator, last = text.partition("-")
    after, images = (
        (parse_count(first), parse_count(last)) if separator else (0, parse_count(first))
    )
    if not 0 <= after < images:
        raise ValueError
    return after, images


def _plain(value: Schedule) -> float | str:
    """A ramp as text; pydantic passes whole numbers too, which stay as they are."""
    return format_schedule(value) if isinstance(value, Ramp) else value


def _read_ramp(value: object) -> Ramp:
    ramp = parse_schedule(value) if isinstance(value, str) else value
    if not isinstance(ramp, Ramp):
        raise ValueError("expected a number, or text such as linear:2e-4:0")
    return ramp


def format_schedule(schedule: Schedule) -> str:
    """The text that `parse_schedule` reads back to the same value."""
    if not isinstance(schedule, Ramp):
        return repr(float(schedule))
    parts = [schedule.shape, repr(float(schedule.start)), repr(float(schedule.end))]
    if schedule.images is not None:
        parts.append(
            f"{schedule.after}-{schedule.images}" if schedule.after else f"{schedule.images}"
        )
    return ":".join(parts)


_FACTORS = {"k": 10**3, "m": 10**6, "g": 10**9}


def parse_count(text: str) -> int:
    """Read a whole number that may end in k, M or G: `64`, `200k`, `1.5M`.

    Raises:
        ValueError: the text is no whole number; the message says what was expected.
    """
    cleaned = text.strip().replace("_", "").lower()
    factor = _FACTORS.get(cleaned[-1:], 1)
    try:
        # Decimal, because 1.001 * 1000 is not 1001 in binary.
        value = Decimal(cleaned[:-1] if factor > 1 else cleaned) * factor
        if value == value.to_integral_value():
            return int(value)
    except (ArithmeticError, ValueError):
        pass
    raise ValueError(f"{text!r} is no whole number: expected something like 64, 200k or 1.5M")


def parse_duration(text: str) -> float:
    """Read a time as seconds: `90s`, `10m`, `1.5h`, `1h30m`.

    Raises:
        ValueError: the text is no time; the message says what was expected.
    """
    match = re.fullmatch(
        r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?", text.strip().lower().replace(" ", "")
    )
    try:
        if match is not None and any(match.groups()):
            hours, minutes, seconds = (float(part or 0) for part in match.groups())
            return 3600 * hours + 60 * minutes + seconds
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no time: expected something like 90s, 10m or 1h30m")
