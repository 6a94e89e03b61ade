"""Trackio, in its database on this machine or where `TRACKIO_SPACE_ID` says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ganvas.loggers.logger import PROJECT, LoggedRun, Logger, Moment


class Trackio(Logger):
    """Gives points to trackio, which stores them from a thread of its own.

    It tells runs of a project apart by name, so the name has the run's id.
    """

    def __init__(self, run: LoggedRun) -> None:
        import trackio

        self._trackio = trackio
        self._run = trackio.init(
            project=PROJECT,
            name=f"{run.name}-{run.id}",
            resume="allow",
            config=run.hyperparameters,
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def scalars(self, at: Moment, values: Mapping[str, float]) -> None:
        """One row."""
        self._run.log(dict(values), step=at.images_seen)

    def picture(self, at: Moment, path: Path) -> None:
        """The PNG as it is."""
        self._run.log({"samples": self._trackio.Image(path)}, step=at.images_seen)

    def text(self, at: Moment, name: str, text: str) -> None:
        """A text in Markdown."""
        self._run.log({name: self._trackio.Markdown(text)}, step=at.images_seen)

    def flush(self) -> None:
        """Nothing: trackio stores by itself."""

    def close(self) -> None:
        """Wait until everything is stored."""
        self._run.finish()
