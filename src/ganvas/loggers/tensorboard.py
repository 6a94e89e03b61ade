"""TensorBoard: one file of events in RUN/tensorboard, written anew by each logger.

TensorBoard's own writer appends to a folder, so a run that resumes would have points twice.
Here the files of the run are the truth, and the events a copy of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from ganvas.loggers.logger import LoggedRun, Logger, Moment

PREFIX = "events.out.tfevents."
"""With this TensorBoard knows a file of events by its name."""


class TensorBoard(Logger):
    """Writes events. Every one is on the disk when the call returns, and full disks are noticed."""

    rebuilds: ClassVar[bool] = True

    def __init__(self, run: LoggedRun) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        for old in run.folder.glob(f"{PREFIX}*"):
            old.unlink()
        self._begin: float | None = None
        name = f"{PREFIX}{int(time.time())}.ganvas"
        self._file = RecordWriter((run.folder / name).open("wb", buffering=0))
        try:
            self._write_head(run)
        except BaseException:
            self._file.close()
            raise

    def _write_head(self, run: LoggedRun) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        now = time.time()
        self._write(wall_time=now, file_version="brain.Event:2")
        # A TensorBoard that is open now drops what it has read from the file before.
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(wall_time=now, step=0, session_log=start)
        self._write(wall_time=now, summary=hparams_pb(run.hyperparameters, trial_id=run.name))

    def scalars(self, at: Moment, values: Mapping[str, float]) -> None:
        """One event with all numbers, as float32."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        numbers = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._add(at, Summary(value=numbers))

    def picture(self, at: Moment, path: Path) -> None:
        """The PNG as it is."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        with Image.open(path) as image:
            width, height, channels = *image.size, len(image.getbands())
        content = Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=path.read_bytes(),
        )
        self._add(at, Summary(value=[Summary.Value(tag="samples", image=content)]))

    def text(self, at: Moment, name: str, text: str) -> None:
        """A text, which TensorBoard reads as Markdown."""
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        value = Summary.Value(
            tag=name,
            metadata=create_summary_metadata(display_name="", description=""),
            tensor=make_tensor_proto(text.encode(), shape=()),
        )
        self._add(at, Summary(value=[value]))

    def flush(self) -> None:
        """Nothing: see the class."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, at: Moment, summary: Any) -> None:
        # Its time is that of training: as if the run had begun when the log was made, less what
        # it has trained. Then relative times are right, whatever pauses there were.
        if self._begin is None:
            self._begin = time.time() - at.seconds
        self._write(wall_time=self._begin + at.seconds, step=at.images_seen, summary=summary)

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._file.write(Event(**fields).SerializeToString())
