"""Where images come from: points of a generator's latent space, or of its style space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.images import from_network
from ganvas.networks.styles import StyleBased, same_for_all
from ganvas.progress import Progress, no_progress

BATCH_SIZE = 256
"""Images generated at a time: large enough to be fast, small enough for any memory."""

Space = Literal["z", "w"]
"""Latents that a generator takes, or styles that a style generator maps them to."""


@dataclass(frozen=True)
class Latents:
    """The inputs of a generator.

    values: in the space z latents (N, Z), standard normal when they are drawn; in the space w
        styles (N, L, S), one for each layer of a style generator.
    labels: int64 (N,), or mixtures of labels float32 (N, K); None if the generator takes none, and
        in the space w, where styles have taken them in.
    """

    values: Tensor
    labels: Tensor | None = None
    space: Space = "z"

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | Tensor) -> Latents:
        """Some of them: a slice, or those at indices (n,)."""
        labels = None if self.labels is None else self.labels[rows]
        return Latents(self.values[rows], labels, self.space)

    def batches(self) -> Iterator[Latents]:
        """All of them, at most `BATCH_SIZE` at a time."""
        for start in range(0, len(self), BATCH_SIZE):
            yield self[start : start + BATCH_SIZE]

    def to(self, device: torch.device) -> Latents:
        """The same on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        return Latents(self.values.to(device), labels, self.space)


def mixtures(labels: Tensor, num_labels: int) -> Tensor:
    """Labels int64 (N,) as mixtures float32 (N, K); mixtures as they are."""
    return labels if labels.is_floating_point() else F.one_hot(labels, num_labels).float()


def images_of(network: nn.Module, latents: Latents) -> Tensor:
    """The network's outputs (N, C, H, W) in one batch; gradients reach the latents.

    Raises:
        TypeError: styles for a network without a style space.
    """
    if latents.space == "w":
        if not isinstance(network, StyleBased):
            raise TypeError("styles are for a generator with a style space")
        return network.synthesise(latents.values)
    labels = () if latents.labels is None else (latents.labels,)
    images: Tensor = network(latents.values, *labels)
    return images


def styles_of(network: nn.Module, latents: Latents) -> Latents:
    """The same images in the space w: a style for each layer. Gradients reach the latents.

    Raises:
        TypeError: the network has no style space.
    """
    if latents.space == "w":
        return latents
    if not isinstance(network, StyleBased):
        raise TypeError("only a generator with a style space makes styles of latents")
    labels = () if latents.labels is None else (latents.labels,)
    styles = network.map(latents.values, *labels)  # (N, S)
    return Latents(same_for_all(styles, network.style_layers), None, "w")


def generate_batches(network: nn.Module, latents: Latents) -> Iterator[Tensor]:
    """The network's outputs in batches (B, C, H, W) of at most `BATCH_SIZE`."""
    for batch in latents.batches():
        with torch.inference_mode():  # ends before each yield: it must not leak to the caller
            outputs = images_of(network, batch)
        yield outputs


def generate(
    network: nn.Module, latents: Latents, on_progress: Progress | None = None
) -> npt.NDArray[Any]:
    """Images uint8 (N, H, W, C), or points in the plane float32 (N, 2).

    Args:
        on_progress: called with (done, total) after every batch.
    """
    report = on_progress or no_progress
    images, done = [], 0
    for batch in generate_batches(network, latents):
        images.append(from_network(batch))
        done += len(batch)
        report(done, len(latents))
    return np.concatenate(images)
