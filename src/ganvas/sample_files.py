"""Samples on disk: written batch by batch, so that any number of them fits in memory."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas import storage
from ganvas.data.reading import Progress
from ganvas.errors import GanvasError, RunError
from ganvas.formatting import format_bytes
from ganvas.images import from_network, to_pillow
from ganvas.runs.directories import check_unused
from ganvas.sampling import TrainedGenerator, display_factor, write_samples

MOST_PIXELS = 50_000_000
"""The largest picture of many images. Few programs open a larger one."""


def check_picture(count: int, size: tuple[int, int], factor: int, advice: str) -> None:
    """Raise a `GanvasError` if so many images are too many for one picture.

    Args:
        size: height and width of an image.
        factor: by which it is enlarged.
        advice: what to do then.
    """
    most = MOST_PIXELS // ((size[0] * factor) * (size[1] * factor))
    if count > most:
        raise GanvasError(
            f"{count:,} images are too many for one picture, which holds {most:,} of this size. "
            f"{advice}"
        )


def check_folder(out: Path) -> None:
    """Raise a `RunError` unless a folder of samples can be made there."""
    with storage.write_errors(out):
        check_unused(out)
    storage.check_can_write(out)


def check_file(out: Path) -> None:
    """Raise a `RunError` unless a file can be written there."""
    with storage.write_errors(out):
        if out.is_dir():
            raise RunError(f"{out} is a folder. Give the name of a file in it")
    storage.check_can_write(out)


def write_grid(
    out: Path, generator: TrainedGenerator, n: int, seed: int, on_progress: Progress
) -> None:
    """Write one PNG: a grid of images, or a plot of points.

    Raises:
        GanvasError: too many images for one picture.
    """
    if not generator.makes_points:
        size = (generator.shape.height, generator.shape.width)
        advice = "Give a folder or an .npz as --out, or fewer images (-n)"
        check_picture(n, size, display_factor(size), advice)
    samples = np.concatenate(list(sample_batches(generator, n, seed, on_progress)))
    write_samples(out, samples, generator.extent)


def write_folder(
    out: Path, generator: TrainedGenerator, n: int, seed: int, on_progress: Progress
) -> None:
    """Write each image as a PNG. The folder appears when all are written.

    Raises:
        RunError: the place cannot be written, or has too little room.
    """
    with storage.write_errors(out), storage.atomic_directory(out) as draft:
        done = size = 0
        for batch in sample_batches(generator, n, seed, on_progress):
            for image in batch:
                path = draft / f"{done:06d}.png"
                to_pillow(image).save(path)
                size += path.stat().st_size
                done += 1
            check_room(out, draft.parent, size, done, n)


def write_npz(
    out: Path, generator: TrainedGenerator, n: int, seed: int, on_progress: Progress
) -> None:
    """Write an .npz: `images` uint8 (n, H, W, C) or `points` float32 (n, 2), and `latents`.

    latents: float32 (n, Z), those of the samples.

    Raises:
        RunError: the place cannot be written, or has too little room.
    """

    def samples() -> Iterator[npt.NDArray[Any]]:
        done = 0
        for batch in sample_batches(generator, n, seed, on_progress):
            yield batch
            done += len(batch)
            check_room(out, out.absolute().parent, file.tell(), done, n)

    latents = (batch.cpu().numpy() for batch in generator.latent_batches(n, seed))
    with (
        storage.atomic_file(out) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        write_array(archive, "points" if generator.makes_points else "images", samples(), n)
        write_array(archive, "latents", latents, n)


def write_array(
    archive: zipfile.ZipFile, name: str, batches: Iterator[npt.NDArray[Any]], rows: int
) -> None:
    """Write batches of rows as one array of an .npz."""
    first = next(batches)
    header = {"descr": first.dtype.str, "fortran_order": False, "shape": (rows, *first.shape[1:])}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(first.tobytes())
        for batch in batches:
            member.write(batch.tobytes())


def sample_batches(
    generator: TrainedGenerator, n: int, seed: int, on_progress: Progress
) -> Iterator[npt.NDArray[Any]]:
    """The samples of `generator.sample(n, seed)`, batch by batch."""
    done = 0
    for batch in generator.batches(n, seed):
        yield from_network(batch)
        done += len(batch)
        on_progress(done, n)


def check_room(out: Path, folder: Path, size: int, done: int, n: int) -> None:
    """Raise a `RunError` if the disk has too little room for the samples that are still to come.

    Args:
        folder: on the disk that is written.
        size: bytes of the first `done` of n samples.
    """
    needed = size // done * (n - done)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RunError(
            f"{out}: the other {n - done:,} samples need about {format_bytes(needed)}, and "
            f"{format_bytes(free)} are free there. Nothing was left; free some space, or generate "
            "fewer (-n)"
        )
