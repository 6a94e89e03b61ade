"""Notebooks: how to know that one runs us, a line that is updated in place, and pieces of HTML.

Nothing here needs IPython unless a notebook has imported it already.
"""

from __future__ import annotations

import base64
import html
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

SECONDS_BETWEEN_UPDATES = 0.5
"""Shortest time between two updates of a line: each is a message to the browser."""


def in_notebook() -> bool:
    """Whether a cell of a notebook runs us: Jupyter, Colab, an editor. A terminal is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)


class NotebookLine:
    """A line below a cell that is updated in place. It needs no widgets, and is saved as it is."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._last_update = 0.0

    def update(self, text: str, *, at_once: bool = False) -> None:
        """Show a text in place of the one before; unless `at_once`, not more often than is seen."""
        now = time.monotonic()
        if not at_once and now - self._last_update < SECONDS_BETWEEN_UPDATES:
            return
        self._last_update = now
        content = {"text/plain": text}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(content, raw=True)


# -- HTML for what a cell shows --------------------------------------------------------------------


def paragraph(text: str) -> str:
    """A text as a paragraph, escaped."""
    return f"<p>{html.escape(text)}</p>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a row of headings, escaped."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(png: bytes, alt: str) -> str:
    """A PNG as part of the page."""
    content = base64.b64encode(png).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{content}">'
