"""The errors a user can meet, each with a message and an exit code.

A message says what was wrong, where, what was expected and what to do. The command line prints it
on stderr without a traceback. Python callers catch `GanvasError` or a subclass.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class GanvasError(Exception):
    """An error that the user can correct. The base of every error that ganvas raises on purpose."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show in place of a traceback: the message says it all."""
        return [f"{type(self).__name__}: {self}"]


class ArgumentError(GanvasError):
    """What an argument cannot be. The command line names its flag, where one was typed.

    Args:
        argument: its name in Python.
        problems: a sentence each, without the name.
    """

    def __init__(self, argument: str, *problems: str) -> None:
        super().__init__(argument, *problems)  # as pickle gives them back
        self.argument, self.problems = argument, problems

    def __str__(self) -> str:
        return self.naming(self.argument)

    def naming(self, name: str) -> str:
        """The message with another name for the argument: a line for each problem."""
        return "\n".join(f"{name}: {problem}" for problem in self.problems)


class DataError(GanvasError):
    """Images that cannot be found, read or trained on."""


class RecipeError(GanvasError):
    """An invalid recipe, with every problem found.

    Args:
        problems: one line each, starting with the field's name (`batch: at least 1, got 0`).
        where: what was read, such as the file's name.
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
        """Pickle support: workers send the error to the main process."""
        return type(self), (self.problems, self.where)


class StudyError(RecipeError):
    """An invalid study, with every problem found in any of its arms."""


class UsageError(RecipeError):
    """Flags that a command does not have, each with what to type instead."""


class RunError(GanvasError):
    """A run directory, study directory or checkpoint that cannot be read or written."""


class HubError(GanvasError):
    """A repository of the hub that cannot be found, read or written."""


class Occupied(RunError):
    """A directory that is to be made exists already, and is not empty."""


class Locked(RunError):
    """A directory that is locked by another process."""


class DeviceError(GanvasError):
    """A device that this machine does not have."""


class OutOfMemory(GanvasError):
    """Training needs more memory than there is."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that a CPU, a GPU or one of its libraries had too little memory."""
    words = ("allocate memory", "out of memory", "ALLOC_FAILED")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


class Diverged(GanvasError):
    """A loss or gradient is not finite. Raised before the update, so no weight is affected."""

    exit_code = 3


class Unhealthy(GanvasError):
    """The rules of health found a failure, and the recipe's `on_failure` says to stop."""

    exit_code = 3


class RankLost(GanvasError):
    """Another process of the same training has ended or does not answer."""

    exit_code = 1


class Interrupted(GanvasError):
    """Training was stopped by the user or the system, after it saved a checkpoint."""

    exit_code = 130


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def did_you_mean(name: str, known: Iterable[str], least: float = 0.5) -> str:
    """` Did you mean X?` with a leading space if a known name is similar, else an empty string.

    Args:
        least: how similar it must be, 0 to 1.
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=least)
    return f" Did you mean {near[0]}?" if near else ""
