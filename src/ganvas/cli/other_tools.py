"""What other tools call their flags, and what to type here instead: the table other_tools.toml."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass

from ganvas.package_files import package_text

VALUE = "{}"
"""In a hint, the value that the user gave; three dots without one."""
COMMAND = "{command}"
"""In a hint, the name of the command."""
EVERY = "every"
"""The key of the hint for all commands without their own."""


@dataclass(frozen=True)
class Habit:
    """Names of one thing in other tools, and what to type here.

    names: without leading dashes, in kebab-case.
    hints: per command, a sentence that follows the flag and a colon. `every` holds for commands
        without their own; without it, they say what the hint of train is.
    """

    names: tuple[str, ...]
    hints: dict[str, str]


@dataclass(frozen=True)
class OtherTools:
    """The table.

    habits: its rows.
    counts: names of budgets in epochs, steps and thousands of images, by these words.
    """

    habits: tuple[Habit, ...]
    counts: dict[str, frozenset[str]]

    @functools.cached_property
    def by_name(self) -> dict[str, Habit]:
        """The row of each name."""
        return {name: row for row in self.habits for name in row.names}

    def unit_of(self, name: str) -> str | None:
        """What a flag of this name counts; None for another flag."""
        return next((unit for unit, names in self.counts.items() if name in names), None)


@functools.cache
def other_tools() -> OtherTools:
    """The table, read once, and only where a flag is wrong."""
    table = tomllib.loads(package_text("cli/other_tools.toml"))
    counts = {unit: frozenset(names.split()) for unit, names in table["counts"].items()}
    return OtherTools(tuple(map(_habit, table["flag"])), counts)


def _habit(row: dict[str, str]) -> Habit:
    """A row as it stands in the file: a text may be for several commands, with blanks between."""
    names = tuple(row.pop("names").split())
    hints = {command: text for commands, text in row.items() for command in commands.split()}
    return Habit(names, hints)
