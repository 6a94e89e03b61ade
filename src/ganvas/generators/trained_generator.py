"""From latents to images: load a trained generator, and generate samples."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from ganvas.arguments import as_path, check_count
from ganvas.drawing.samples import picture_of
from ganvas.errors import GanvasError
from ganvas.formatting import format_count, format_weights
from ganvas.images import from_network
from ganvas.latents.editing import Editing
from ganvas.latents.files import read_latents, write_latents
from ganvas.latents.latents import Latents, generate, generate_batches
from ganvas.latents.projecting import Projecting
from ganvas.latents.random_inputs import LabelChoice as LabelChoice
from ganvas.latents.truncation import truncate
from ganvas.latents.walks import walk
from ganvas.torch_state import usual_torch

NOTEBOOK_IMAGES, NOTEBOOK_POINTS = 16, 2_500
"""How many samples a notebook shows of a generator."""


@dataclass(frozen=True)
class TrainedGenerator(Editing, Projecting):
    """A trained generator; `ganvas.load(RUN)` loads one."""

    @usual_torch()
    def sample(
        self,
        n: int,
        seed: int = 0,
        labels: LabelChoice = None,
        truncation: float | None = None,
    ) -> npt.NDArray[Any]:
        """New images: numpy uint8 (n, H, W, C) in [0, 255]; C is 1 grey, 3 colour, 4 with alpha.

        A generator of points gives float32 (n, 2), x and y in the units of its data.

        The same seed gives the same images; the first k of n images have the latents of k images.

        Args:
            labels: the label of all images, or one for each of the n, by name or number; by default
                labels are drawn as often as the training images have them.
            truncation: 0 to 2, as in `truncated` (Karras 2019, appendix B).

        Raises:
            GanvasError: the generator takes no labels, or not these; or cannot be truncated.
        """
        if truncation is not None:
            return self.truncated(truncation).sample(n, seed, labels)
        batches = self.batches(n, seed, labels=self.label_indices(labels, n))
        return np.concatenate([from_network(batch) for batch in batches])

    def grid(self, n: int = 16, seed: int = 0, labels: LabelChoice = None) -> Image.Image:
        """The images of `sample` side by side, small ones enlarged; of points a plot.

        A Pillow image: a notebook shows it, and `save` writes it.

        Raises:
            GanvasError: the generator takes no labels, or not these.
        """
        return picture_of(self.sample(n, seed, labels), self.extent)

    def __repr__(self) -> str:
        """Short, without the layers of the network."""
        weights = sum(weight.numel() for weight in self.network.parameters())
        labels = f", {format_count(len(self.label_names), 'label')}" if self.label_names else ""
        truncation = f", truncation {self.truncation:g}" if self.truncation != 1 else ""
        kept = f", the best {self.kept:g} kept" if self.kept < 1 else ""
        return (
            f"TrainedGenerator({self.shape}, {self.latent_dim} latents{labels}, "
            f"{format_weights(weights)} weights, at {self.images_seen:,} images{truncation}{kept})"
        )

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.grid(NOTEBOOK_POINTS if self.makes_points else NOTEBOOK_IMAGES).save(buffer, "PNG")
        return buffer.getvalue()

    def batches(
        self,
        n: int,
        seed: int = 0,
        indices: range | None = None,
        labels: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """The samples of `sample` in batches, as network outputs: (B, C, H, W) in [-1, 1].

        If the network has no `bounded_output`, some values lie outside.

        Args:
            indices: generate only these of the n. Bit for bit the same as all n if they start
                and end at a multiple of `BATCH_SIZE`, or end at n.
            labels: int64 (n,); None draws them as often as the training images have them.
        """
        for inputs in self.input_batches(n, seed, indices, labels):
            yield from generate_batches(self.network, inputs)

    @usual_torch()
    def interpolate(
        self,
        n: int,
        steps: int,
        seed: int = 0,
        loop: bool = False,
        labels: LabelChoice = None,
    ) -> npt.NDArray[Any]:
        """A walk through n latents by spherical interpolation, `steps` images per segment.

        A generator that takes labels walks through n labels too, by mixtures of two.

        Args:
            labels: the name of the label of all, or one for each latent; by default they are drawn.

        Returns:
            uint8 (T, H, W, C) with T = (n - 1) * steps + 1, or n * steps for a loop, which ends
            before it would repeat its first image.

        Raises:
            GanvasError: n or steps is no count; or the generator takes no labels, or not these.
        """
        indices = self.label_indices(labels, n)
        if indices is None:
            indices = self.draw_labels(n, seed)
        return self.interpolate_latents(Latents(self.latents(n, seed), indices), steps, loop)

    @usual_torch()
    def interpolate_labels(
        self, labels: Sequence[str], steps: int, seed: int = 0, loop: bool = False
    ) -> npt.NDArray[Any]:
        """A walk from label to label at one latent, `steps` images per segment.

        Args:
            labels: names, at least two.

        Returns:
            As `interpolate`.

        Raises:
            GanvasError: no such labels, or steps is no count.
        """
        if isinstance(labels, str) or len(labels) < 2:
            raise GanvasError(f"labels: expected the names of at least two, got {labels!r}")
        n = len(labels)
        latents = self.latents(1, seed).expand(n, -1)
        given = Latents(latents, self.label_indices(labels, n))
        return self.interpolate_latents(given, steps, loop)

    @usual_torch()
    def generate(self, latents: Latents) -> npt.NDArray[Any]:
        """The images of given latents or styles: as `sample`.

        Raises:
            GanvasError: they are not for this generator.
        """
        self.check_latents(latents)
        return generate(self.network, latents.to(self.device))

    @usual_torch()
    def interpolate_latents(
        self, latents: Latents, steps: int, loop: bool = False
    ) -> npt.NDArray[Any]:
        """A walk through given latents or styles (at least two); returns as `interpolate`.

        Raises:
            GanvasError: they are not for this generator, or steps is no count.
        """
        self.check_latents(latents)
        check_count("steps", steps)
        path = walk(latents.to(self.device), steps, loop, len(self.label_names))
        return generate(self.network, truncate(self.network, path, self.truncation))

    def read_latents(self, path: Path | str) -> Latents:
        """The latents in an .npz of `ganvas sample`, `ganvas project` or `write_latents`.

        Raises:
            GanvasError: it cannot be read, holds none, or those of another generator.
        """
        return read_latents(as_path("path", path), self.inputs)

    def write_latents(self, path: Path | str, latents: Latents, names: Sequence[str] = ()) -> None:
        """Write latents of this generator, perhaps with names; `--latents` of commands takes it.

        Raises:
            GanvasError: they are not for this generator.
            RunError: the file cannot be written.
        """
        self.check_latents(latents)
        if latents.labels is not None and latents.labels.is_floating_point():
            raise GanvasError("latents: no file holds mixtures of labels: give each one label")
        write_latents(as_path("path", path), latents, self.inputs, names)
