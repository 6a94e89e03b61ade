"""From latents to images: load a trained generator, and generate samples."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from ganvas.data.settings import TrainingData
from ganvas.errors import GanvasError
from ganvas.formatting import format_count, format_weights
from ganvas.images import from_network
from ganvas.labels import LabelSet
from ganvas.latents.latents import BATCH_SIZE, Latents, generate, generate_batches
from ganvas.latents.walks import walk
from ganvas.networks import ImageShape
from ganvas.randomness import draw_latents, named_generator
from ganvas.sample_pictures import picture_of
from ganvas.torch_state import usual_torch

NOTEBOOK_IMAGES, NOTEBOOK_POINTS = 16, 2_500
"""How many samples a notebook shows of a generator."""


LabelChoice = str | int | Sequence[str | int] | None
"""A label for all samples, or one for each, by name or number; None draws them."""


@dataclass(frozen=True)
class TrainedGenerator:
    """A trained generator; `ganvas.load(RUN)` loads one."""

    network: nn.Module
    shape: ImageShape
    latent_dim: int
    images_seen: int
    extent: float | None = None
    """For points: half the side of the square around 0 in which they are drawn."""
    label_set: LabelSet | None = None
    """The labels that it takes; None if it takes none."""
    data: TrainingData | None = None
    """What it was trained on; None in files of ganvas 0.4 and before."""
    later_doublings: int = 0
    """How often its size was still to double when it was saved, in a run that grows: until then it
    repeats pixels."""

    @property
    def device(self) -> torch.device:
        """Where it generates."""
        tensors = itertools.chain(self.network.parameters(), self.network.buffers())
        return next(tensors).device

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that it takes; empty if it takes none."""
        return self.label_set.names if self.label_set else ()

    @property
    def makes_points(self) -> bool:
        """Whether it generates points in the plane instead of images."""
        return self.shape.is_point

    @usual_torch()
    def sample(self, n: int, seed: int = 0, labels: LabelChoice = None) -> npt.NDArray[Any]:
        """New images: numpy uint8 (n, H, W, C) in [0, 255]; C is 1 grey, 3 colour, 4 with alpha.

        A generator of points gives float32 (n, 2), x and y in the units of its data.

        The same seed gives the same images; the first k of n images have the latents of k images.

        Args:
            labels: the label of all images, or one for each of the n, by name or number; by default
                labels are drawn as often as the training images have them.

        Raises:
            GanvasError: the generator takes no labels, or not these.
        """
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
        return (
            f"TrainedGenerator({self.shape}, {self.latent_dim} latents{labels}, "
            f"{format_weights(weights)} weights, at {self.images_seen:,} images)"
        )

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.grid(NOTEBOOK_POINTS if self.makes_points else NOTEBOOK_IMAGES).save(buffer, "PNG")
        return buffer.getvalue()

    @usual_torch()
    def latents(self, n: int, seed: int = 0) -> Tensor:
        """The latents of `sample`: float32 (n, latent_dim), standard normal."""
        return torch.cat(list(self.latent_batches(n, seed)))  # (n, Z)

    def latent_batches(
        self, n: int, seed: int = 0, indices: range | None = None
    ) -> Iterator[Tensor]:
        """The latents of `sample` in batches (B, latent_dim), so that few are in memory.

        Args:
            indices: only these of the n.
        """
        check_count(n)
        indices = range(n) if indices is None else indices
        random = named_generator(seed, "samples")
        device = self.device
        # Row by row: for a larger tensor torch may draw other values from the same seed.
        rows = (draw_latents(1, self.latent_dim, random) for _ in range(indices.stop))
        for batch in batched(itertools.islice(rows, indices.start, None), BATCH_SIZE):
            yield torch.cat(batch).to(device)

    def label_indices(self, labels: LabelChoice, n: int) -> Tensor | None:
        """The numbers of labels, int64 (n,): of one for all, or of one for each.

        Raises:
            GanvasError: the generator takes no labels, or not these, or there are not n.
        """
        if labels is None:
            return None
        if self.label_set is None:
            raise GanvasError(
                "this generator takes no labels: it was trained without. Train one that does with "
                "--labels on, or with a recipe whose name ends in -conditional"
            )
        names = [labels] * n if isinstance(labels, str | int) else list(labels)
        if len(names) != n:
            raise GanvasError(f"{n} images need {n} labels or one for all, got {len(names)}")
        return torch.tensor([self.label_set.index_of(name) for name in names])

    def draw_labels(self, n: int, seed: int = 0) -> Tensor | None:
        """The labels of `sample`, int64 (n,): drawn as often as the training images have them.

        None if the generator takes no labels. The first k of n are those of k images.
        """
        if self.label_set is None:
            return None
        random = named_generator(seed, "labels of samples")
        places = torch.rand(n, generator=random, dtype=torch.float64)
        counts = torch.tensor(self.label_set.counts, dtype=torch.float64)
        edges = counts.cumsum(0) / counts.sum()
        return torch.searchsorted(edges, places, right=True).clamp_max(len(counts) - 1)

    def input_batches(
        self,
        n: int,
        seed: int = 0,
        indices: range | None = None,
        labels: Tensor | None = None,
    ) -> Iterator[Latents]:
        """Latents of `sample`, with labels if the generator takes them, in batches.

        Args:
            indices: only these of the n.
            labels: int64 (n,); None draws them.
        """
        indices = range(n) if indices is None else indices
        labels = self.draw_labels(n, seed) if labels is None else labels
        position = indices.start
        for latents in self.latent_batches(n, seed, indices):
            end = position + len(latents)
            yield Latents(
                latents, None if labels is None else labels[position:end].to(latents.device)
            )
            position = end

    def batches(
        self,
        n: int,
        seed: int = 0,
        indices: range | None = None,
        labels: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """The samples of `sample` in batches, as network outputs: (B, C, H, W) in [-1, 1].

        Where the network has no `bounded_output`, some lie beyond.

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
        """
        indices = self.label_indices(labels, n)
        return self._walk(self.latents(n, seed), indices, steps, seed, loop)

    @usual_torch()
    def interpolate_labels(
        self, labels: Sequence[str], steps: int, seed: int = 0, loop: bool = False
    ) -> npt.NDArray[Any]:
        """A walk from label to label at one latent, `steps` images per segment.

        Args:
            labels: names, at least two.

        Returns:
            As `interpolate`.
        """
        n = len(labels)
        latents = self.latents(1, seed).expand(n, -1)
        return self._walk(latents, self.label_indices(labels, n), steps, seed, loop)

    def _walk(
        self, latents: Tensor, labels: Tensor | None, steps: int, seed: int, loop: bool
    ) -> npt.NDArray[Any]:
        """The images of `interpolate` for latents (n, Z) and labels (n,)."""
        labels = self.draw_labels(len(latents), seed) if labels is None else labels
        path = walk(Latents(latents, labels), steps, loop, len(self.label_names))
        return generate(self.network, path)


def check_count(n: int) -> None:
    """Raise a `GanvasError` unless there is something to generate."""
    if n < 1:
        raise GanvasError(f"the number of images must be at least 1, got {n}")


def batched(items: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    """The items in lists of at most `size`."""
    while batch := list(itertools.islice(items, size)):
        yield batch
