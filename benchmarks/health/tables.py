"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def markdown_table(header: str, rows: Iterable[Iterable[object]]) -> str:
    """A table of these cells.

    Args:
        header: the first line, from `|` to `|`.
    """
    columns = header.count("|") - 1
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([header, "|" + "---|" * columns, *lines])
