"""The names of all loggers. Imports no torch: the command line's help reads it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganvas.command_line import quote
from ganvas.errors import ArgumentError, did_you_mean
from ganvas.fields import parse_names

if TYPE_CHECKING:
    from ganvas.loggers.logger import Logger


@dataclass(frozen=True)
class LoggerKind:
    """One kind of logger.

    class_name: in the module of `ganvas.loggers` that has the logger's name.
    install: what `pip install` needs, quoted for the shell.
    view: the command that shows logs; FOLDER stands for the logger's folder in the run.
    """

    name: str
    class_name: str
    install: str
    view: tuple[str, ...]

    def is_installed(self) -> bool:
        """Whether its library can be imported; a folder of that name is no library."""
        spec = importlib.util.find_spec(self.name)
        return spec is not None and spec.origin is not None

    def load(self) -> type[Logger]:
        """The class of the logger."""
        module = importlib.import_module(f"ganvas.loggers.{self.name}")
        kind: type[Logger] = getattr(module, self.class_name)
        return kind

    def view_command(self, run_directory: Path) -> str:
        """The command that shows the log of a run."""
        folder = str(run_directory / self.name)
        return quote([self.name, *(folder if word == "FOLDER" else word for word in self.view)])


LOGGERS = {
    kind.name: kind
    for kind in (
        LoggerKind("tensorboard", "TensorBoard", "'ganvas[log]'", ("--logdir", "FOLDER")),
        LoggerKind("wandb", "Wandb", "'wandb>=0.31'", ("sync", "FOLDER")),
        LoggerKind("mlflow", "MLflow", "mlflow", ("ui",)),
        LoggerKind("trackio", "Trackio", "trackio", ("show", "--project", "ganvas")),
    )
}
"""All loggers. The library and the command of each have its name."""

LOGGERS_HELP = f"any of {', '.join(LOGGERS)}, separated by commas."
"""For the help of commands."""


OFF = "off"
"""Stands for no logger, where leaving the names out has another meaning."""


def check_loggers(names: Sequence[str] | str, argument: str = "log") -> tuple[str, ...]:
    """The names of loggers, each once, if they can be used here.

    Args:
        names: several, or a text with commas between them; `off` is none.
        argument: which gives them.

    Raises:
        ArgumentError: with every name that is none, and every library that is missing.
    """
    names = parse_names(names) if isinstance(names, str) else names
    names = tuple(dict.fromkeys(names))
    if names == (OFF,):
        return ()
    problems = []
    for name in names:
        if name not in LOGGERS:
            known = ", ".join(LOGGERS)
            problems.append(f"{name!r} is no logger.{did_you_mean(name, LOGGERS)} All: {known}")
        elif not LOGGERS[name].is_installed():
            problems.append(f"{name} is not installed: pip install {LOGGERS[name].install}")
    if problems:
        raise ArgumentError(argument, *problems)
    return names
