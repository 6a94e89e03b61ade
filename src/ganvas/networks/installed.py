"""Networks of other installed packages, which name their modules as entry points of ganvas."""

from __future__ import annotations

from functools import lru_cache

from ganvas.errors import first_line

GROUP = "ganvas.networks"
"""The group of entry points; the value of each is a module that defines networks."""


@lru_cache(1)
def import_installed() -> tuple[str, ...]:
    """Import the networks of other packages, which register themselves. Later calls do nothing.

    Returns:
        One sentence for each module that cannot be imported, or whose networks cannot be known.
    """
    from importlib.metadata import entry_points  # finding all packages takes time

    problems = []
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:  # of whatever kind: the package is not ours
            problems.append(
                f"The networks of {entry.value} cannot be imported: {first_line(error)}."
            )
    return tuple(problems)
