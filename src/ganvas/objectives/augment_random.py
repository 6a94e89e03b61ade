"""What policies of augmentation share: how they are called, their random numbers, colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_normal, draw_uniform

WITH_ALPHA = (2, 4)
"""Numbers of channels whose last is alpha, which colour transformations leave unchanged."""


class AugmentRandom:
    """The random numbers of one batch, drawn at once; each call takes the next one per image.

    Args:
        probability: of each transformation.
        count: images of this process.
        random: a generator on the images' device.
        processes: the processes that share the batch.
        dtype: of the numbers.
        uniforms, normals: how many numbers of each kind an image takes.
    """

    def __init__(
        self,
        probability: float,
        count: int,
        random: torch.Generator,
        processes: ProcessGroup,
        dtype: torch.dtype,
        *,
        uniforms: int,
        normals: int = 0,
    ) -> None:
        self.probability = probability
        self._uniform = iter(draw_uniform((count, uniforms), random, processes, dtype).unbind(1))
        self._normal = iter(draw_normal((count, normals), random, processes, dtype).unbind(1))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(N,) in [low, high)."""
        return low + (high - low) * next(self._uniform)

    def normal(self, deviation: float) -> Tensor:
        """(N,) around 0."""
        return deviation * next(self._normal)

    def integer(self, below: int) -> Tensor:
        """(N,) of 0, 1, ... `below` - 1."""
        return self.uniform(0, below).floor()

    def with_probability(
        self, values: Tensor, else_: float, probability: float | None = None
    ) -> Tensor:
        """Per image its value, of (N, ...), with the probability, and `else_` otherwise."""
        chosen = self.happens(probability)
        return torch.where(chosen.view(-1, *[1] * (values.dim() - 1)), values, else_)

    def happens(self, probability: float | None = None) -> Tensor:
        """Per image (N,) whether something happens, with the probability."""
        return self.uniform() < (self.probability if probability is None else probability)


@dataclass(frozen=True)
class Policy:
    """A policy of augmentation: what it does to images, and how many numbers an image takes."""

    transform: Callable[[Tensor, AugmentRandom], Tensor]
    """Images (N, C, H, W) in float32 or float64, transformed by random numbers."""
    uniforms: int
    normals: int = 0

    def __call__(
        self,
        images: Tensor,
        probability: float,
        random: torch.Generator,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> Tensor:
        """Transform each of the images (N, C, H, W) at random; C is 1 to 4, black -1, white 1.

        Args:
            probability: of each transformation, independently for each image; at 0 nothing is
                drawn.
            random: a generator on the images' device.
            processes: the processes that share the batch; `images` are the rows of this one.
        """
        if probability == 0:
            return images
        # 16 bits are too coarse for positions.
        dtype = torch.promote_types(images.dtype, torch.float32)
        draws = AugmentRandom(
            probability,
            len(images),
            random,
            processes,
            dtype,
            uniforms=self.uniforms,
            normals=self.normals,
        )
        return self.transform(images.to(dtype), draws).to(images.dtype)


def colour_channels(images: Tensor) -> int:
    """How many of the first channels of images (N, C, H, W) are colours; a last one is alpha."""
    channels = images.shape[1]
    return channels - 1 if channels in WITH_ALPHA else channels


def arange_like(images: Tensor, count: int) -> Tensor:
    """0, 1, ... in the images' dtype and on their device, without waiting for a GPU."""
    return torch.arange(count, dtype=images.dtype, device=images.device)
