"""Commands as a message prints them: they can be pasted into a shell as they are."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ganvas.terminal import is_escaped

WINDOWS_SIGNS = frozenset("&|^()%!;,=`'$@#{}")
"""What the shells of Windows take as their own, outside double quotes at least."""


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
    return " ".join(map(_quote_for_windows if windows else _quote_for_posix, words))


def _quote_for_posix(word: str) -> str:
    r"""As `shlex.quote`; a word with what no message prints as `$'a\012b'` (bash, zsh, ksh)."""
    if not any(map(is_escaped, word)):
        return shlex.quote(word)
    return f"$'{''.join(map(_ansi_c, word))}'"


def _ansi_c(character: str) -> str:
    """A character inside `$'...'`; octal digits, as in a hexadecimal escape more could follow."""
    if is_escaped(character):
        return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))
    return f"\\{character}" if character in "\\'" else character


def _quote_for_windows(word: str) -> str:
    quoted = subprocess.list2cmdline([word])
    if quoted == word and WINDOWS_SIGNS.intersection(word):
        backslashes = len(word) - len(word.rstrip("\\"))  # those before a quote count twice
        return f'"{word}{word[len(word) - backslashes :]}"'
    return quoted


def _as_text(argument: str | int | Path) -> str:
    if isinstance(argument, Path) and str(argument).startswith("-"):
        return os.path.join(".", argument)  # noqa: PTH118 - a `Path` drops the leading dot
    return str(argument)
