"""Samples on disk: written batch by batch, so that any number of them fits in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ganvas import storage
from ganvas.drawing.grids import to_pillow
from ganvas.drawing.samples import display_factor, write_samples
from ganvas.errors import GanvasError, RunError
from ganvas.formatting import format_bytes
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.files import ARRAY_OF, LABELS, write_arrays
from ganvas.latents.latents import Latents, generate
from ganvas.progress import Progress

COLUMNS = 10
"""Images of each label, where every label gets a row."""

MOST_PIXELS = 50_000_000
"""The largest picture of many images. Few programs open a larger one."""


@dataclass(frozen=True)
class SampleRequest:
    """Which samples to write."""

    generator: TrainedGenerator
    n: int
    """How many; of several labels, how many of each."""
    seed: int = 0
    labels: tuple[str, ...] = ()
    """One label of all samples, or several, label by label; none: they are drawn as often as the
    data has them."""
    latents: Latents | None = None
    """What the n samples are made from; None draws it."""

    @property
    def columns(self) -> int | None:
        """How many samples each label has, of several; None where rows mean nothing."""
        return self.n if len(self.labels) > 1 else None

    @property
    def count(self) -> int:
        """How many samples there are in all."""
        return self.n * max(1, len(self.labels))

    def inputs(self) -> Iterator[Latents]:
        """Latents and labels, in batches. All labels share the same latents."""
        if self.latents is not None:
            yield from self.latents.to(self.generator.device).batches()
            return
        for label in self.labels or (None,):
            labels = self.generator.label_indices(label, self.n)
            yield from self.generator.input_batches(self.n, self.seed, labels=labels)

    def label_numbers(self) -> Tensor | None:
        """The label of each sample, int64 (count,); None if there are none."""
        if self.latents is not None:
            return self.latents.labels
        if not self.labels:
            return self.generator.draw_labels(self.n, self.seed)
        labels = self.generator.label_indices(self.labels, len(self.labels))
        return None if labels is None else labels.repeat_interleave(self.n)

    def samples(self, on_progress: Progress) -> Iterator[npt.NDArray[Any]]:
        """The samples, batch by batch."""
        done = 0
        for inputs in self.inputs():
            yield generate(self.generator.network, inputs)
            done += len(inputs)
            on_progress(done, self.count)

    def label_names(self) -> npt.NDArray[np.str_] | None:
        """The name of the label of each sample, (count,); None if the generator takes none."""
        labels = self.label_numbers()
        return None if labels is None else np.array(self.generator.label_names)[labels.numpy()]


def most_in_picture(size: tuple[int, int], factor: int) -> int:
    """How many images one picture holds.

    Args:
        size: height and width of an image.
        factor: by which it is enlarged.
    """
    return MOST_PIXELS // ((size[0] * factor) * (size[1] * factor))


def fitting_count(generator: TrainedGenerator, n: int, labels: int = 1) -> int:
    """The usual number of images, or of each of several labels; fewer where the images are so large
    that one picture does not hold them. At least 1."""
    if generator.makes_points:
        return n
    size = (generator.shape.height, generator.shape.width)
    most = most_in_picture(size, display_factor(size))
    return max(1, min(n, most // max(1, labels)))


def check_picture(count: int, size: tuple[int, int], factor: int, advice: str) -> None:
    """Raise a `GanvasError` if so many images are too many for one picture.

    Args:
        size: height and width of an image.
        factor: by which it is enlarged.
        advice: what to do then.
    """
    most = most_in_picture(size, factor)
    if count > most:
        raise GanvasError(
            f"{count:,} images are too many for one picture, which holds {most:,} of this size. "
            f"{advice}"
        )


def write_grid(out: Path, request: SampleRequest, on_progress: Progress) -> None:
    """Write one PNG: a grid of images, or a plot of points. Of several labels each has a row.

    Raises:
        GanvasError: too many images for one picture.
    """
    generator = request.generator
    if not generator.makes_points:
        size = (generator.shape.height, generator.shape.width)
        advice = "Give a folder or an .npz as --out, or fewer images (-n)"
        check_picture(request.count, size, display_factor(size), advice)
    samples = np.concatenate(list(request.samples(on_progress)))
    write_samples(out, samples, generator.extent, request.columns)


def write_folder(out: Path, request: SampleRequest, on_progress: Progress) -> None:
    """Write each image as a PNG, in a folder for each label. All appear when all are written.

    Raises:
        RunError: the place cannot be written, or has too little room.
    """
    with storage.write_errors(out), storage.atomic_directory(out) as draft:
        done = size = 0
        folders = label_folders(draft, request)
        for batch in request.samples(on_progress):
            for image in batch:
                path = next(folders) / f"{done:06d}.png"
                to_pillow(image).save(path)
                size += path.stat().st_size
                done += 1
            check_room(out, draft.parent, size, done, request.count)


def label_folders(draft: Path, request: SampleRequest) -> Iterator[Path]:
    """The folder of each sample: one for each label, if there are labels."""
    names = request.label_names()
    if names is None:
        return repeat(draft)
    labels = request.generator.label_names
    folder_of = dict(zip(labels, storage.plain_names(labels, "label"), strict=True))
    for name in np.unique(names):
        (draft / folder_of[name]).mkdir()
    return (draft / folder_of[name] for name in names)


def write_npz(out: Path, request: SampleRequest, on_progress: Progress) -> None:
    """Write an .npz: `images` uint8 (n, H, W, C) or `points` float32 (n, 2), and their latents.

    These are as `latents/files.py` writes them, with the identity of the generator.

    Raises:
        RunError: the place cannot be written, or has too little room.
    """

    def samples() -> Iterator[npt.NDArray[Any]]:
        done = 0
        for batch in request.samples(on_progress):
            yield batch
            done += len(batch)
            check_room(out, out.absolute().parent, file.tell(), done, request.count)

    generator, n, names = request.generator, request.count, request.label_names()
    batches = request.inputs()
    first = next(batches)
    latents = (inputs.values.cpu().numpy() for inputs in chain([first], batches))
    with (
        storage.atomic_file(out) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        write_array(archive, "points" if generator.makes_points else "images", samples(), n)
        write_array(archive, ARRAY_OF[first.space], latents, n)
        if names is not None:
            write_array(archive, LABELS, iter([names]), n)
        write_arrays(archive, generator.inputs.arrays())


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


def check_room(out: Path, folder: Path, size: int, done: int, n: int) -> None:
    """Raise a `RunError` if the disk has too little room for the samples that are still to come.

    Args:
        folder: on the disk that is written.
        size: bytes of the first `done` of n samples.
    """
    needed = size // done * (n - done)
    free = storage.free_bytes(folder)
    if needed > free:
        raise RunError(
            f"{out}: the other {n - done:,} samples need about {format_bytes(needed)}, and "
            f"{format_bytes(free)} are free there. Nothing was left; free some space, or generate "
            "fewer (-n)"
        )
