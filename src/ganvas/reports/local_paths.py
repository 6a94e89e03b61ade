"""Keeps local paths out of pages that are sent: only names of files and folders are left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganvas.command_line import quote
from ganvas.hub_files import is_hub

USUAL_FOLDERS = ("runs", "studies")
"""Where runs and studies lie unless --out says otherwise; these names give nothing away."""

_BEFORE = r"(?<![^\s'\"`(\[{=:,;])"
"""A path begins a text, or follows a blank, a quote, a bracket, or one of = : , ;"""

_PATH = re.compile(
    _BEFORE
    + r"(?:file://)?(?:~\w*[/\\]|[A-Za-z]:[/\\]|\\\\(?=\w)|/(?=[^\s/'\"]))[^\s'\"`<>|)\]},;:]*"
)
"""An absolute path of any system, or one in a home folder."""

_ADDRESS = re.compile(r"\b(?!https?:|file:)(\w+)://[^\s'\"]+")
"""Of another process or computer, such as a cluster's scheduler. Links to papers stay."""


def folder_name(path: Path) -> Path:
    """The name of a run's or a study's folder, for commands that start in the folder around it.

    With `runs` or `studies` in front where it lies in one, as most do: there the reader stands.
    """
    path = path.resolve()
    around = path.parent.name
    return Path(around, path.name) if around in USUAL_FOLDERS else Path(path.name)


def run_name(location: str) -> str:
    """The folder name of a run where it was; the address of a model of the hub."""
    return location if is_hub(location) else str(folder_name(Path(location)))


def shorten_location(location: str) -> str:
    """A location of data without its folders: `stacked:/home/me/photos` -> `stacked:photos`.

    An address of the hub is public, and stays.
    """
    if is_hub(location):
        return location
    prefix, colon, rest = location.partition(":")
    if colon and len(prefix) > 1:  # one letter is a drive
        return f"{prefix}:{shorten_location(rest)}"
    return last_part(location)


def last_part(path: str) -> str:
    """The last name of a path of any system."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def shorten_command(words: Sequence[str]) -> str:
    """A command line whose paths are names, unless they are below the folder it started in.

    Addresses of other machines are left out.
    """
    return quote([_shorten_word(word) for word in words])


def _shorten_word(word: str) -> str:
    flag, equals, value = word.rpartition("=")
    value = _ADDRESS.sub(r"\1://ADDRESS", value)
    if "://" not in value and (_PATH.search(value) or ".." in re.split(r"[/\\]", value)):
        value = shorten_location(value)
    return f"{flag}{equals}{value}"


@dataclass(frozen=True)
class LocalPaths:
    """Replaces the paths in a page's texts by names, and leaves out addresses.

    known: paths that may hold blanks, which no pattern can find.
    """

    known: tuple[str, ...] = ()

    @classmethod
    def of(cls, paths: Iterable[str | Path]) -> LocalPaths:
        """These paths as they are and resolved, those of home and of the current folder too."""
        variants = {
            str(variant)
            for path in [*map(Path, paths), Path.home(), Path.cwd()]
            for variant in (path, path.absolute(), path.resolve())
            if variant.is_absolute() and variant != Path(variant.anchor)
        }
        return cls(tuple(sorted(variants, key=len, reverse=True)))

    def hide(self, text: str) -> str:
        """The text with the last name in place of every absolute path, and without addresses."""
        for path in self.known:
            name = "~" if Path(path) == Path.home() else last_part(path)
            text = re.sub(rf"{re.escape(path)}(?![\w-])", name.replace("\\", r"\\"), text)
        text = _ADDRESS.sub(r"\1://ADDRESS", text)
        return _PATH.sub(lambda match: last_part(match[0]) or "~", text)
