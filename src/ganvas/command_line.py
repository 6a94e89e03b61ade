"""Commands as a message prints them: they can be pasted into a shell as they are."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path


def ganvas_command(*arguments: str | int | Path) -> str:
    """The line that runs `ganvas` with these arguments, quoted where the shell needs it.

    In a message nothing may follow on the same line, not even a full stop.

    Args:
        arguments: the command, then flags and values as text. A path is given as a `Path`, so that
            one with a dash in front is not read as a flag.
    """
    return quote(["ganvas", *map(_as_text, arguments)])


def quote(words: Sequence[str], *, windows: bool = os.name == "nt") -> str:
    """The words as one line, which the shell of the system takes apart into the same words."""
    return subprocess.list2cmdline(words) if windows else shlex.join(words)


def _as_text(argument: str | int | Path) -> str:
    if isinstance(argument, Path) and str(argument).startswith("-"):
        return os.path.join(".", argument)  # noqa: PTH118 - a `Path` drops the leading dot
    return str(argument)
