"""The errors a user can cause or meet, each with the message they read and the exit code it means.

A message says what was wrong, where, what was expected and what to do. The command line prints it
on stderr without a traceback; Python callers catch `GanvasError` or one of its kinds.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class GanvasError(Exception):
    """Something the user can put right. Everything ganvas raises on purpose is one of these."""

    exit_code = 2


class DataError(GanvasError):
    """Images that cannot be found, read or trained on."""


class RecipeError(GanvasError):
    """A recipe that cannot be right. Carries every problem found, not the first.

    Args:
        problems: one line each, starting with the field's name (`batch: at least 1, got 0`).
        where: what was read, e.g. the file's name.
    """

    def __init__(self, problems: Sequence[str], where: str = "recipe") -> None:
        self.problems = tuple(problems)
        self.where = where
        if len(self.problems) == 1:
            super().__init__(f"{where}: {self.problems[0]}")
        else:
            lines = "".join(f"\n  {problem}" for problem in self.problems)
            super().__init__(f"{where}: {len(self.problems)} problems{lines}")

    def __reduce__(self) -> tuple[type[RecipeError], tuple[tuple[str, ...], str]]:
        """Workers hand it over to the process that shows it."""
        return type(self), (self.problems, self.where)


class StudyError(RecipeError):
    """A study that cannot be right. Carries every problem found in any of its arms."""


class RunError(GanvasError):
    """A run or study directory or checkpoint that cannot be used, or cannot be written."""


class Locked(RunError):
    """A directory that another process is writing."""


class DeviceError(GanvasError):
    """A device that this machine does not have."""


class OutOfMemory(GanvasError):
    """Training needs more memory than there is."""


def tells_of_no_memory(error: BaseException) -> bool:
    """Whether an error of any kind says what a CPU, a GPU or its libraries say without memory."""
    words = ("allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, MemoryError) or any(said in str(error) for said in words)


class Diverged(GanvasError):
    """A loss or gradient stopped being finite; raised before the update, no weight was spoiled."""

    exit_code = 3


class Unhealthy(GanvasError):
    """Training fails by the rules of health, and the recipe's `on_failure` says not to go on."""

    exit_code = 3


class RankLost(GanvasError):
    """Another process that trained with this one is gone, or does not answer."""

    exit_code = 1


class Interrupted(GanvasError):
    """The user or the system asked training to stop; a checkpoint was written first."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean X?` with a leading space where a known name is near, else an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else ""
