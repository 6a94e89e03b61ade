"""What TensorBoard itself reads from the log of a run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganvas.loggers.follower import scalars_of
from ganvas.runs import Run


def read(folder: Path) -> EventAccumulator:
    """All events, none of them sampled away."""
    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(SIZES, 0)).Reload()


SIZES = ("scalars", "images", "tensors")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every number by its tag: images seen, and the value."""
    events = read(folder)
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def pictures(folder: Path) -> list[tuple[int, npt.NDArray[np.uint8]]]:
    """Every grid of samples."""
    return [
        (event.step, np.asarray(Image.open(io.BytesIO(event.encoded_image_string))))
        for event in read(folder).Images("samples")
    ]


def texts(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Every text by its tag."""
    events = read(folder)
    return {
        tag: [(e.step, e.tensor_proto.string_val[0].decode()) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
        if not tag.startswith("_hparams_")
    }


def expected_scalars(run: Run) -> dict[str, list[tuple[int, float]]]:
    """What the files of a run say, as float32, which TensorBoard keeps."""
    expected: dict[str, list[tuple[int, float]]] = {}

    def add(seen: int, values: dict[str, Any]) -> None:
        for tag, value in values.items():
            expected.setdefault(tag, []).append((seen, float(np.float32(value))))

    for record in run.history.records():
        add(record["images_seen"], scalars_of(record))
    for score in run.scores.records():
        name = f"score/{score['metric']}"
        add(score["images_seen"], {name: score["value"], f"{name}/floor": score["floor"]})
    return expected
