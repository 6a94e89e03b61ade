"""How much larger than its file unpacked data may be: a small file must not fill the memory."""

from __future__ import annotations

from ganvas.formatting import format_bytes

ALWAYS_ALLOWED = 100_000_000
"""Bytes that may be unpacked from a file of any size."""
MAX_RATIO = 200
"""Beyond that, how many times its size. Pictures pack to a tenth, masks to a hundredth."""


def unpacking_problem(packed: int, unpacked: int) -> str | None:
    """Why data is not unpacked; None where it may be.

    Args:
        packed: bytes in the file.
        unpacked: bytes that it says it has in memory.
    """
    if unpacked <= max(ALWAYS_ALLOWED, MAX_RATIO * packed):
        return None
    return (
        f"unpacks from {format_bytes(packed)} to {format_bytes(unpacked)}, more than "
        f"{MAX_RATIO} times as much; damaged, or made to fill the memory"
    )
