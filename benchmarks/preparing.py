"""Preparation: from image files to one packed file, and opening that file at a later start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from figure import Effort, Figure, figure
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source

PHOTOGRAPH = (512, 384)
"""Width and height."""
SMALL_SIDE = 16
FILES_PER_FOLDER = 1000
MOST_SECONDS = 2.0
"""The target for a second start on 100,000 files."""
LONG_AGO = 1_600_000_000
"""Modification time of the small files, in seconds: files written just now are read twice."""


def measure(effort: Effort, folder: Path) -> list[Figure]:
    """All sources, each into an empty cache every time."""
    photographs, small = folder / "photographs", folder / "small"
    write_photographs(photographs, effort.photographs)
    write_small_files(small, effort.small_files)
    fashion, grey = DataSettings(size=(32, 32)), "fashion 28x28 to 32x32"
    colour = f"{effort.photographs} JPEG files {PHOTOGRAPH[0]}x{PHOTOGRAPH[1]} to 64x64"
    return [
        *measure_source("fashion", "fashion", grey, fashion, effort, folder),
        *measure_source(
            str(photographs), "jpeg", colour, DataSettings(size=(64, 64)), effort, folder
        ),
        *measure_small_files(small, effort, folder / "small-cache"),
    ]


def measure_source(
    data: str, key: str, title: str, settings: DataSettings, effort: Effort, folder: Path
) -> list[Figure]:
    """Images per second into an empty cache, and the seconds to open what is prepared."""
    rates, reopening = [], []
    for repetition in range(effort.repetitions):
        start = partial(prepare_data, data, settings, cache=folder / f"{key}-cache-{repetition}")
        seconds, prepared = timed(start)
        rates.append(len(prepared.images) / seconds)
        reopening.append(timed(start)[0])
    return [
        figure(f"{key}/preparing", f"preparing {title}", "images/s", rates),
        figure(f"{key}/reopening", f"opening {key} again", "s", reopening),
    ]


def measure_small_files(data: Path, effort: Effort, cache: Path) -> list[Figure]:
    """The first start on many small files, later starts, and later starts with `--verify`."""
    settings = DataSettings(size=(SMALL_SIDE, SMALL_SIDE))
    start = partial(prepare_data, str(data), settings, cache=cache)
    first, _ = timed(start)
    repetitions = range(effort.repetitions)
    title = f"{effort.small_files:,} PNG files of {SMALL_SIDE}x{SMALL_SIDE}"
    return [
        figure("small/first-start", f"first start on {title}", "s", [first]),
        figure(
            "small/second-start",
            f"second start on {title}",
            "s",
            [timed(start)[0] for _ in repetitions],
            at_most=MOST_SECONDS,
        ),
        figure(
            "small/verifying",
            f"second start on {title}, `--verify`",
            "s",
            [timed(partial(start, verify=True))[0] for _ in repetitions],
        ),
    ]


def prepare_data(
    data: str, settings: DataSettings, cache: Path, verify: bool = False
) -> PreparedData:
    """What a start does before it trains: list the files, and open or make the prepared file."""
    return prepare(open_source(data), settings, cache=cache, verify=verify)


def timed(work: Callable[[], PreparedData]) -> tuple[float, PreparedData]:
    """How many seconds the work takes, and what it returns."""
    start = time.perf_counter()
    prepared = work()
    return time.perf_counter() - start, prepared


def write_small_files(folder: Path, count: int) -> None:
    """Tiny PNG files of noise, a thousand in each sub-folder, written long ago."""
    random = np.random.default_rng(0)
    for index in range(count):
        path = folder / f"{index // FILES_PER_FOLDER:03d}" / f"{index:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (SMALL_SIDE, SMALL_SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(path, compress_level=1)
        os.utime(path, (LONG_AGO, LONG_AGO))


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
