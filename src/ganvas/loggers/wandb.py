"""Weights & Biases. Where nobody is logged in, the log stays here, for `wandb sync`."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from pathlib import Path

from ganvas.loggers.logger import PROJECT, LoggedRun, Logger, Moment


class Wandb(Logger):
    """Sends points through wandb's own process, which queues them: a slow network delays nothing.

    The project is `WANDB_PROJECT`, else ganvas. Only what ganvas gives is sent: no console, no
    source code, no command line, no statistics of the machine.
    """

    def __init__(self, run: LoggedRun) -> None:
        import wandb

        mode = os.environ.get("WANDB_MODE")
        self._wandb = wandb
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=run.id,
            name=run.name,
            resume="allow",
            dir=run.folder.parent,  # wandb makes the folder wandb in it
            config=run.hyperparameters,
            allow_val_change=True,  # a resumed run may have a larger budget
            mode=None
            if mode or wandb.login(prompt=False, verify=False)
            else "offline",  # never asks for a login
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_code=True,
                disable_git=True,
                disable_job_creation=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )
        # wandb's own step may only grow; a score of an older checkpoint comes later.
        self._run.define_metric("images_seen")
        self._run.define_metric("*", step_metric="images_seen")

    def scalars(self, at: Moment, values: Mapping[str, float]) -> None:
        """One row."""
        self._run.log({"images_seen": at.images_seen, **values})

    def picture(self, at: Moment, path: Path) -> None:
        """The PNG as it is."""
        self._run.log({"images_seen": at.images_seen, "samples": self._wandb.Image(str(path))})

    def text(self, at: Moment, name: str, text: str) -> None:
        """A paragraph: wandb shows no plain text over time."""
        paragraph = self._wandb.Html(f"<p>{html.escape(text)}</p>", inject=False)
        self._run.log({"images_seen": at.images_seen, name: paragraph})

    def flush(self) -> None:
        """Nothing: wandb sends by itself."""

    def close(self) -> None:
        """Wait until everything is sent."""
        self._run.finish()
