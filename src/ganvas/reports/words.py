"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.health.columns import COLUMNS

MINUTE, HOUR = 60, 3600

Ends = tuple[float, float]
"""Of an interval."""


def number(value: float) -> str:
    """Four digits: 0.01234, 12.35, 1,234."""
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e9 else f"{value:.4g}"


def interval(ends: Sequence[float] | None) -> str:
    """`[0.1, 0.2]` of three digits; nothing where there is none."""
    if not ends:
        return ""
    low, high = (f"{end:,.0f}" if abs(end) >= 100 else f"{end:.3g}" for end in ends)
    return f"[{low}, {high}]"


def duration(seconds: float) -> str:
    """`8 s`, `12 min 40 s`, `3 h 5 min`."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def weights(count: int) -> str:
    """`0.41 M`, `9,300`."""
    return f"{count / 1e6:.2f} M" if count >= 10_000 else f"{count:,}"


def symptom(name: str) -> str:
    """`updates-too-large` -> `updates too large`; `not-lipschitz` keeps its mathematician."""
    return name.replace("-", " ").replace("lipschitz", "Lipschitz")


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def counted(count: int, what: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def column(name: str) -> str:
    """What a column of the history means."""
    if name in COLUMNS:
        return COLUMNS[name]
    player, _, rest = name.partition("/")
    known = {
        "loss/adversarial": f"the {player}'s adversarial loss",
        "logits/real": f"mean logit of training images, as the {player} was trained",
        "logits/fake": f"mean logit of generated images, as the {player} was trained",
        "gradient_norm": f"norm of the gradient of the {player}'s loss, as it was trained",
        "seconds": "seconds of training",
        "images_per_second": "training images a second",
        "memory_mb": "memory at most so far, in MB",
        "data_wait": "share of the time in which training waited for its images",
    }
    if rest.startswith("loss/") and rest not in known:
        return f"the term {rest.removeprefix('loss/')} of the {player}'s loss"
    return known.get(rest or name, "")
