"""From latents to images: load a trained generator, and generate samples."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from PIL import Image
from torch import Tensor, nn

from ganvas import storage
from ganvas.data.settings import TrainingData
from ganvas.errors import GanvasError
from ganvas.formatting import format_count, format_weights
from ganvas.images import draw_points, enlarge, from_network, make_grid, to_pillow
from ganvas.labels import LabelSet
from ganvas.networks import ImageShape
from ganvas.randomness import draw_latents, named_generator
from ganvas.torch_state import usual_torch

BATCH_SIZE = 256
"""Images generated at a time: large enough to be fast, small enough for any memory."""

NOTEBOOK_IMAGES, NOTEBOOK_POINTS = 16, 2_500
"""How many samples a notebook shows of a generator."""

MIN_DISPLAY_SIZE = 64
"""Smaller images are enlarged in grids, so that a person can see them."""


LabelChoice = str | int | Sequence[str | int] | None
"""A label for all samples, or one for each, by name or number; None draws them."""


class GeneratorInputs(NamedTuple):
    """What a generator makes images from.

    latents: (N, Z), standard normal.
    labels: int64 (N,), or mixtures of labels float32 (N, K); None if it takes none.
    """

    latents: Tensor
    labels: Tensor | None


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
    ) -> Iterator[GeneratorInputs]:
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
            yield GeneratorInputs(
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
            yield from generate_batches(self.network, *inputs)

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
        n = len(latents)
        labels = self.draw_labels(n, seed) if labels is None else labels
        alpha = torch.linspace(0, 1, steps + 1)[:-1].to(latents.device)
        pairs = [(index, (index + 1) % n) for index in range(n if loop else n - 1)]
        walk = [slerp(latents[start], latents[end], alpha) for start, end in pairs]
        mixtures = None
        if labels is not None:
            corners = F.one_hot(labels, len(self.label_names)).float().to(latents.device)
            mixed = [
                torch.lerp(corners[start], corners[end], alpha[:, None]) for start, end in pairs
            ]
            mixtures = torch.cat(mixed if loop else [*mixed, corners[-1:]])
        return generate(self.network, torch.cat(walk if loop else [*walk, latents[-1:]]), mixtures)


def check_count(n: int) -> None:
    """Raise a `GanvasError` unless there is something to generate."""
    if n < 1:
        raise GanvasError(f"the number of images must be at least 1, got {n}")


def batched(items: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    """The items in lists of at most `size`."""
    while batch := list(itertools.islice(items, size)):
        yield batch


def slerp(start: Tensor, end: Tensor, alpha: Tensor) -> Tensor:
    """Spherical interpolation (White 2016) between two latents (Z,); alpha (T,) -> (T, Z).

    Linear interpolation would pass through latents much shorter than those of training.
    """
    cosine = torch.dot(start, end) / (start.norm() * end.norm())
    angle = torch.acos(cosine.clamp(-1, 1))
    alpha = alpha.to(start.device)[:, None]  # (T, 1)
    if torch.sin(angle) < 1e-4:  # equal or opposite directions define no arc
        return torch.lerp(start, end, alpha)
    weights = torch.sin((1 - alpha) * angle), torch.sin(alpha * angle)
    return (weights[0] * start + weights[1] * end) / torch.sin(angle)


def generate(network: nn.Module, latents: Tensor, labels: Tensor | None = None) -> npt.NDArray[Any]:
    """Images for latents (N, Z): uint8 (N, H, W, C), or points float32 (N, 2)."""
    batches = generate_batches(network, latents, labels)
    return np.concatenate([from_network(batch) for batch in batches])


def generate_batches(
    network: nn.Module, latents: Tensor, labels: Tensor | None = None
) -> Iterator[Tensor]:
    """The network's outputs for latents (N, Z), in batches (B, C, H, W) of at most `BATCH_SIZE`.

    Args:
        labels: int64 (N,) or mixtures (N, K), for a network that takes labels.
    """
    for start in range(0, len(latents), BATCH_SIZE):
        batch = slice(start, start + BATCH_SIZE)
        bound = () if labels is None else (labels[batch],)
        with torch.inference_mode():  # ends before each yield: it must not leak to the caller
            outputs: Tensor = network(latents[batch], *bound)
        yield outputs


def write_samples(
    path: Path, samples: npt.NDArray[Any], extent: float | None, columns: int | None = None
) -> None:
    """Write samples of `generate` as a PNG: a grid of images, small ones enlarged, or points.

    Args:
        path: the PNG.
        samples: images (N, H, W, C) or points (N, 2).
        extent: for points, half the side of the square around 0 that is drawn.
        columns: of the grid; None makes it about square.
    """
    buffer = io.BytesIO()
    picture_of(samples, extent, columns).save(buffer, format="PNG")
    storage.write_bytes(path, buffer.getvalue())


def picture_of(
    samples: npt.NDArray[Any], extent: float | None, columns: int | None = None
) -> Image.Image:
    """Samples as `write_samples` draws them."""
    if extent is not None:
        return to_pillow(draw_points(samples, extent))
    return enlarge(to_pillow(make_grid(samples, columns)), display_factor(samples.shape[1:3]))


def display_factor(size: tuple[int, int]) -> int:
    """The factor that enlarges images of this height and width for display."""
    return max(1, MIN_DISPLAY_SIZE // max(size))
