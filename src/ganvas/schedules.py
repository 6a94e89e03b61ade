"""Numbers that change while training: functions of the images seen."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal, Self, overload


class ScheduledValue:
    """A value that changes while training. Files hold it as text, as the command line takes it.

    `Ramp`, `Adaptive`, and the sizes of `growth.Growth`.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(_plain)
        )

    expected: ClassVar[str]
    """What may be given, for messages."""

    @classmethod
    def parse(cls, text: str) -> object:
        """What a text stands for, perhaps a plain number.

        Raises:
            ValueError: it cannot be read; with what was expected.
        """
        raise NotImplementedError

    @classmethod
    def _read(cls, value: object) -> Self:
        """The value as one of this class; text is parsed.

        Raises:
            ValueError: it is none; with what was expected.
        """
        scheduled = cls.parse(value) if isinstance(value, str) else value
        if not isinstance(scheduled, cls):
            raise ValueError(f"expected {cls.expected}")
        return scheduled

    def text(self) -> str:
        """The text that is read back to the same value."""
        raise NotImplementedError

    def with_budget(self, images: int) -> Self:
        """The value with all that the budget decides fixed; later changes do not move it."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Ramp(ScheduledValue):
    """A number that stays at `start`, moves to `end` from `after` to `images` images, and stays."""

    shape: Literal["linear", "cosine"]
    start: float
    end: float
    images: int | None = None
    """Number of images until the end; None is the run's budget, fixed when the run starts."""
    after: int = 0
    """Number of images before it moves."""

    expected: ClassVar[str] = "a number, or text such as linear:2e-4:0"

    @classmethod
    def parse(cls, text: str) -> object:
        return parse_schedule(text)

    def text(self) -> str:
        parts = [self.shape, repr(float(self.start)), repr(float(self.end))]
        if self.images is not None:
            parts.append(f"{self.after}-{self.images}" if self.after else f"{self.images}")
        return ":".join(parts)

    def with_budget(self, images: int) -> Ramp:
        return self if self.images is not None else dataclasses.replace(self, images=images)

    def at(self, images_seen: int) -> float:
        """The value after `images_seen` images."""
        if self.images is None:
            raise ValueError("an open ramp has no value: call with_budget first")
        progress = (images_seen - self.after) / (self.images - self.after)
        progress = min(max(progress, 0.0), 1.0)
        if self.shape == "cosine":
            progress = (1 - math.cos(math.pi * progress)) / 2
        return self.start + (self.end - self.start) * progress


DEFAULT_TARGET = 0.6
"""The fraction that `adaptive` holds; without memorising it is 0.5."""
LONGEST_RAMP = 500_000
"""Images for a change of 1 of an adaptive probability, in long runs (Karras 2020, section 2.2)."""
RAMP_FRACTION = 0.1
"""The same as a fraction of the budget, in shorter runs."""
SHORTEST_RAMP = 50_000
"""At least so many. With 10,000, runs of 10,000 images were a quarter to a third worse than without
augmentation, with 50,000 by 2 to 8 % (docs/results/few-images.md)."""


@dataclass(frozen=True, kw_only=True)
class Adaptive(ScheduledValue):
    """A probability of augmentation that follows how much the discriminator has memorised."""

    target: float = DEFAULT_TARGET
    """The fraction of pairs in which the discriminator may rank a training image above a held-out
    one; above 0.5, where nothing is memorised, and below 1."""
    images: int | None = None
    """Images for a change of 1; None depends on the budget, and is fixed when the run starts."""

    expected: ClassVar[str] = "a number, or text such as linear:0:0.5 or adaptive:0.6"

    @classmethod
    def parse(cls, text: str) -> object:
        return parse_adaptive_schedule(text)

    def text(self) -> str:
        parts = ["adaptive", repr(float(self.target))]
        return ":".join(parts if self.images is None else [*parts, f"{self.images}"])

    def with_budget(self, images: int) -> Adaptive:
        if self.images is not None:
            return self
        ramp = max(SHORTEST_RAMP, min(LONGEST_RAMP, round(RAMP_FRACTION * images)))
        return dataclasses.replace(self, images=ramp)

    @property
    def ramp(self) -> int:
        """Images for a change of 1."""
        if self.images is None:
            raise ValueError("an open ramp has no length: call with_budget first")
        return self.images


Schedule = float | Ramp
"""A constant, or a `Ramp`."""

AdaptiveSchedule = float | Ramp | Adaptive
"""A `Schedule`, or a number that follows a measurement."""


def value_at(schedule: Schedule, images_seen: int) -> float:
    """The schedule's value after `images_seen` images."""
    return schedule.at(images_seen) if isinstance(schedule, Ramp) else schedule


@overload
def with_budget(schedule: Schedule, images: int) -> Schedule: ...


@overload
def with_budget(schedule: AdaptiveSchedule, images: int) -> AdaptiveSchedule: ...


def with_budget(schedule: AdaptiveSchedule, images: int) -> AdaptiveSchedule:
    """The schedule with an open ramp fixed by the budget; later changes do not move it."""
    return schedule.with_budget(images) if isinstance(schedule, ScheduledValue) else schedule


def multiply(schedule: Schedule, factor: float) -> Schedule:
    """The schedule with all its values times a factor."""
    if isinstance(schedule, Ramp):
        start, end = schedule.start * factor, schedule.end * factor
        return dataclasses.replace(schedule, start=start, end=end)
    return schedule * factor


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


def parse_adaptive_schedule(text: str) -> AdaptiveSchedule:
    """Read what `parse_schedule` reads, or `adaptive`, `adaptive:0.6`, `adaptive:0.6:100k`
    (target, images for a change of 1).

    Raises:
        ValueError: the text is neither; the message says what was expected.
    """
    kind, *numbers = text.split(":")
    try:
        if kind != "adaptive":
            return parse_schedule(text)
        if len(numbers) <= 2:
            target = _finite(numbers[0]) if numbers else DEFAULT_TARGET
            images = _positive(parse_count(numbers[1])) if len(numbers) == 2 else None
            return Adaptive(target=target, images=images)
    except ValueError:
        pass
    raise ValueError(
        f"{text!r} is no schedule: give a number (0.3), linear:START:END, cosine:START:END, or "
        "adaptive:TARGET, with :IMAGES for a ramp of that length (linear:0:0.5:100k)"
    )


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float(parse_count(text))
    if not math.isfinite(value):
        raise ValueError
    return value


def _positive(count: int) -> int:
    if count < 1:
        raise ValueError
    return count


def _window(text: str) -> tuple[int, int]:
    """The images at which a ramp begins to move, and ends: of `120k` or `60k-120k`."""
    first, separator, last = text.partition("-")
    after, images = (
        (parse_count(first), parse_count(last)) if separator else (0, parse_count(first))
    )
    if not 0 <= after < images:
        raise ValueError
    return after, images


def _plain(value: float | ScheduledValue) -> float | str:
    """A scheduled value as text; pydantic passes whole numbers too, which stay as they are."""
    return value.text() if isinstance(value, ScheduledValue) else value


def format_schedule(schedule: AdaptiveSchedule) -> str:
    """The text that `parse_adaptive_schedule` reads back to the same value."""
    return schedule.text() if isinstance(schedule, ScheduledValue) else repr(float(schedule))


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
