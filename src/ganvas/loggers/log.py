"""`log`: give a run to loggers afterwards, from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganvas.errors import ArgumentError, GanvasError
from ganvas.loggers.follower import following
from ganvas.loggers.names import LOGGERS, check_loggers
from ganvas.loggers.thread import reason
from ganvas.runs import Run


def log(run: Run | Path | str, to: Sequence[str] | str) -> None:
    """Log a run, finished or not, to one or more loggers.

    TensorBoard's events are rewritten; the others are sent only what they do not have yet.

    Args:
        run: the run or its directory.
        to: names of loggers: tensorboard, wandb, mlflow, trackio; or a text with commas.

    Raises:
        GanvasError: no such logger, its library is missing, or it failed.
        RunError: there is no such run, or its log is being written.
    """
    names = check_loggers(to, "to")
    if not names:
        raise ArgumentError("to", f"name at least one of {', '.join(LOGGERS)}")
    run = run if isinstance(run, Run) else Run.open(run)
    for name in names:
        try:
            with following(run, name) as follower:
                follower.catch_up()
        except GanvasError:
            raise
        except Exception as error:  # a library may raise anything
            raise GanvasError(f"the log to {name} failed: {reason(error)}") from error
