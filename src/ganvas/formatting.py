"""Numbers, counts, durations and sizes as text. The only place that decides how they look."""

from __future__ import annotations

from collections.abc import Sequence

MINUTE, HOUR = 60, 3600


def format_number(value: float, digits: int = 4) -> str:
    """A number with this many significant digits: 0.01234, 12.35, 1,234.

    From 1,000 on it is rounded to whole numbers, and from 1e9 on it has an exponent.
    """
    rounds_up_to_1_000 = 1_000 - 0.5 * 10.0 ** (3 - digits)
    if rounds_up_to_1_000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def format_signed(value: float) -> str:
    """A number of three digits that always has a sign: +53, -84.2, +0."""
    return f"{'+' if value >= 0 else ''}{format_number(value, 3)}"


def format_interval(ends: Sequence[float] | None) -> str:
    """The two ends of an interval, three digits each: `[0.1, 0.2]`. Empty for None."""
    if not ends:
        return ""
    low, high = (format_number(end, 3) for end in ends)
    return f"[{low}, {high}]"


def format_short(value: float, digits: int = 3) -> str:
    """A number in few characters: 0, 0.02, 200k, 1.25M, 3G."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.{digits}g}{unit}"
    return f"{value:.{digits}g}"


def format_percent(fraction: float) -> str:
    """A fraction as whole percent: `12 %`, or `under 1 %`."""
    return f"{fraction * 100:.0f} %" if fraction >= 0.01 else "under 1 %"


def format_count(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: `1 seed`, `3 seeds`, `2 processes` (with its plural given)."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def format_progress(done: int, total: int) -> str:
    """How many of how many: `1,200/60,000`."""
    return f"{done:,}/{total:,}"


def format_list(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and c`. `last` stands before the last one."""
    *others, name = names
    return f"{', '.join(others)} {last} {name}" if others else name


def format_first(names: Sequence[str], count: int, others: str = "") -> str:
    """The first few of many names: `a, b`, or `a, b and 3 more (--json lists all)`."""
    more = len(names) - count
    where = f" ({others})" if others else ""
    return ", ".join(names[:count]) + (f" and {more:,} more{where}" if more > 0 else "")


def format_weights(count: int) -> str:
    """How many weights a network has: `0.41 M`, `9,300`."""
    return f"{count / 1e6:.2f} M" if count >= 10_000 else f"{count:,}"


def format_bytes(count: float) -> str:
    """A size in memory or on disk: `512 bytes`, `12 kB`, `1.2 MB`, `340 MB`, `1.1 GB`."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= factor:
            size = count / factor
            digits = ".2g" if size < 9.95 and unit != "kB" else ",.0f"
            return f"{size:{digits}} {unit}"
    return f"{count:.0f} bytes"


def format_image_size(size: tuple[int, int]) -> str:
    """Height and width of an image: `32x32`."""
    return f"{size[0]}x{size[1]}"


def format_duration(seconds: float) -> str:
    """A measured duration: `1.2 s`, `8 s`, `12 min 40 s`, `3 h 5 min`."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def format_estimate(seconds: float) -> str:
    """An estimated duration, no finer than it is known: `40 s`, `12 min`, `2 h 10 min`."""
    if seconds < 1.5 * MINUTE:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / MINUTE), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def format_clock(seconds: float) -> str:
    """A duration as a clock shows it: `1:04`, `2:10:00`."""
    minutes, rest = divmod(round(seconds), MINUTE)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
