"""Preparation: from image files to one packed file, and opening that again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PIL import Image

from figure import Effort, Figure, figure
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source

PHOTOGRAPH = (512, 384)
"""Width and height."""


def measure(effort: Effort, folder: Path) -> list[Figure]:
    """Both sources, each into an empty cache every time."""
    photographs = folder / "photographs"
    write_photographs(photographs, effort.photographs)
    fashion, grey = DataSettings(size=(32, 32)), "fashion 28x28 to 32x32"
    colour = f"{effort.photographs} JPEG files {PHOTOGRAPH[0]}x{PHOTOGRAPH[1]} to 64x64"
    return [
        *measure_source("fashion", "fashion", grey, fashion, effort, folder),
        *measure_source(
            str(photographs), "jpeg", colour, DataSettings(size=(64, 64)), effort, folder
        ),
    ]


def measure_source(
    data: str, key: str, title: str, settings: DataSettings, effort: Effort, folder: Path
) -> list[Figure]:
    """Images a second into an empty cache, and the seconds to open what is prepared."""
    rates, reopening = [], []
    for repetition in range(effort.repetitions):
        cache = folder / f"{key}-cache-{repetition}"
        start = time.perf_counter()
        prepared = prepare(open_source(data), settings, cache=cache)
        middle = time.perf_counter()
        prepare(open_source(data), settings, cache=cache)
        end = time.perf_counter()
        rates.append(len(prepared.images) / (middle - start))
        reopening.append(end - middle)
    return [
        figure(f"{key}/preparing", f"preparing {title}", "images/s", rates),
        figure(f"{key}/reopening", f"opening {key} again", "s", reopening),
    ]


def write_photographs(folder: Path, count: int) -> None:
    """JPEG files about as hard to decode as photographs: soft shapes under a little noise."""
    folder.mkdir()
    random = np.random.default_rng(0)
    width, height = PHOTOGRAPH
    for index in range(count):
        shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8))
        soft = np.asarray(shapes.resize(PHOTOGRAPH, Image.Resampling.BICUBIC), np.int16)
        noisy = soft + random.integers(-8, 9, (height, width, 1), np.int16)
        picture = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        picture.save(folder / f"{index:04d}.jpg", quality=90)
