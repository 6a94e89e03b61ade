"""`ganvas log RUN`: give a run to TensorBoard and other loggers, from its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.loggers.names import LOGGERS, LOGGERS_HELP
from ganvas.terminal import print_lines


@dataclass(frozen=True)
class Log:
    """Give a run, finished or not, to TensorBoard and other loggers, from its files.

    TensorBoard's events are written anew; the others get what they were not sent before.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    to: Annotated[tuple[str, ...], tyro.conf.arg(help=f"To {LOGGERS_HELP}")] = ("tensorboard",)

    def run(self) -> None:
        """Log, and print where it can be seen."""
        from ganvas.loggers.log import log

        log(self.run_directory, self.to)
        for name in self.to:
            command = LOGGERS[name].view_command(self.run_directory)
            print_lines(f"logged to {name}; see it with: {command}")
