"""Augmentation of everything the discriminator sees (Karras 2020, ADA, appendix B).

Real and fake images get the same random transformations, which delays overfitting of the
discriminator on few images. The generator still learns the images as they are, as long as the
probability is well below 1. Everything is differentiable twice.

Strengths and order are the paper's, with a fixed or scheduled probability (the paper's adapts).
Cutout is not in its standard set. Pixels are interpolated bilinearly, where the paper's code
filters at twice the resolution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_normal, draw_uniform
from ganvas.schedules import Schedule, value_at

SHIFT = 0.125
"""Of the side: the farthest whole-pixel shift, and the standard deviation of one by fractions."""
SCALE = 0.2
"""Standard deviation of the binary logarithm of scale, and of stretch."""
BRIGHTNESS = 0.2
"""Standard deviation of what is added, where black is -1 and white 1."""
CONTRAST = 0.5
"""Standard deviation of its binary logarithm."""
SATURATION = 1.0
"""Standard deviation of its binary logarithm."""
CUTOUT = 0.5
"""Of each side: how long the hole is."""

WITH_ALPHA = (2, 4)
"""Channels of images whose last one says how opaque a pixel is. It is no colour."""


def augment(
    images: Tensor,
    probability: float,
    random: torch.Generator,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Images (N, C, H, W) around [-1, 1] of C in 1 to 4, each transformed at random.

    Args:
        probability: of each transformation, for each image by itself; at 0 nothing is drawn.
        random: on the images' device.
        processes: the processes that the batch is shared among; `images` are one's part.
    """
    if probability == 0:
        return images
    dtype = torch.promote_types(images.dtype, torch.float32)  # half a pixel is too fine for 16 bits
    draws = AugmentRandom(probability, len(images), random, processes, dtype)
    seen = resample(images.to(dtype), geometry(draws, images.shape[2:]))
    seen = colour_jitter(seen, draws)
    return cut_out(seen, draws).to(images.dtype)  # (N, C, H, W)


@dataclass
class Augmentation:
    """Augments real and fake images before the discriminator sees them.

    Its state, the probability, is part of a checkpoint.
    """

    schedule: Schedule
    """The probability as a schedule of images seen."""
    probability: float = 0.0
    """Of each transformation now."""

    @classmethod
    def start(cls, schedule: Schedule) -> Augmentation:
        """The augmentation before the first image."""
        return cls(schedule, value_at(schedule, 0))

    def update(self, images_seen: int) -> None:
        """Follow the schedule; called whenever images were seen."""
        self.probability = value_at(self.schedule, images_seen)

    def __call__(
        self, images: Tensor, random: torch.Generator, processes: ProcessGroup = SINGLE_PROCESS
    ) -> Tensor:
        """`augment` with the probability of now."""
        return augment(images, self.probability, random, processes)

    def state_dict(self) -> dict[str, float]:
        """What a checkpoint holds."""
        return {"probability": self.probability}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Continue from what a checkpoint holds."""
        self.probability = state["probability"]


class AugmentRandom:
    """The random numbers of one batch, drawn at once; every use takes the next one per image."""

    def __init__(
        self,
        probability: float,
        count: int,
        random: torch.Generator,
        processes: ProcessGroup,
        dtype: torch.dtype,
    ) -> None:
        self.probability = probability
        self._uniform = iter(draw_uniform((count, 24), random, processes, dtype).unbind(1))
        self._normal = iter(draw_normal((count, 7), random, processes, dtype).unbind(1))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(N,) in [low, high)."""
        return low + (high - low) * next(self._uniform)

    def normal(self, deviation: float) -> Tensor:
        """(N,) around 0."""
        return deviation * next(self._normal)

    def whole(self, below: int) -> Tensor:
        """(N,) of 0, 1, ... `below` - 1."""
        return self.uniform(0, below).floor()

    def with_probability(
        self, values: Tensor, else_: float, probability: float | None = None
    ) -> Tensor:
        """For each image its value (N, ...), or with the rest of the probability `else_`."""
        happens = self.uniform() < (self.probability if probability is None else probability)
        return torch.where(happens.view(-1, *[1] * (values.dim() - 1)), values, else_)


# -- Where pixels come from ------------------------------------------------------------------------


class Affine2d(NamedTuple):
    """Where each image's pixels come from: `linear` times the pixel's own position plus `shift`.

    Positions are (x, y) in pixels from the middle of the image, so that transformations mean the
    same whatever its shape. Each transformation comes after those applied before it.

    linear: (N, 2, 2)
    shift: (N, 2)
    """

    linear: Tensor
    shift: Tensor

    def rotate(self, cosine: Tensor, sine: Tensor) -> Affine2d:
        """Turned by an angle, each (N,)."""
        rows = [torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)]
        # Not by matmul, which may be told to round to 16 bits.
        turn = torch.stack(rows, 1)[:, None]  # (N, 1, 2, 2)
        return Affine2d((self.linear[:, :, :, None] * turn).sum(2), self.shift)

    def scale(self, across: Tensor, down: Tensor) -> Affine2d:
        """Made so many times as wide and as high, each (N,)."""
        return Affine2d(self.linear / torch.stack([across, down], 1)[:, None], self.shift)

    def translate(self, by: Tensor) -> Affine2d:
        """Moved by pixels (N, 2)."""
        return Affine2d(self.linear, self.shift - (self.linear * by[:, None]).sum(2))


def geometry(draws: AugmentRandom, size: torch.Size) -> Affine2d:
    """All geometric transformations as a single one, for images of this (height, width)."""
    height, width = size
    mirror = draws.with_probability(1 - 2 * draws.whole(2), 1.0)
    unmoved = torch.eye(2, dtype=mirror.dtype, device=mirror.device).expand(len(mirror), 2, 2)
    affine = Affine2d(unmoved, mirror.new_zeros(len(mirror), 2))

    affine = affine.scale(mirror, torch.ones_like(mirror))
    quarters = draws.with_probability(draws.whole(4), 0.0)
    if height == width:  # others would not fit
        odd = quarters % 2
        affine = affine.rotate((1 - odd) * (1 - quarters), odd * (2 - quarters))
    across, down = draws.uniform(-SHIFT, SHIFT) * width, draws.uniform(-SHIFT, SHIFT) * height
    affine = affine.translate(draws.with_probability(torch.stack([across, down], 1).round(), 0.0))

    scale = torch.exp2(draws.with_probability(draws.normal(SCALE), 0.0))
    affine = affine.scale(scale, scale)
    # Two turns, one on either side of the stretch, so that one or both come with the probability.
    either = 1 - math.sqrt(1 - draws.probability)
    angle = draws.with_probability(draws.uniform(-math.pi, math.pi), 0.0, either)
    affine = affine.rotate(angle.cos(), angle.sin())
    stretch = torch.exp2(draws.with_probability(draws.normal(SCALE), 0.0))
    affine = affine.scale(stretch, 1 / stretch)
    angle = draws.with_probability(draws.uniform(-math.pi, math.pi), 0.0, either)
    affine = affine.rotate(angle.cos(), angle.sin())
    across, down = draws.normal(SHIFT) * width, draws.normal(SHIFT) * height
    return affine.translate(draws.with_probability(torch.stack([across, down], 1), 0.0))


def count_like(images: Tensor, count: int) -> Tensor:
    """0, 1, ... as numbers of the images' kind, made where they are: a GPU is not waited for."""
    return torch.arange(count, dtype=images.dtype, device=images.device)


def resample(images: Tensor, affine: Affine2d) -> Tensor:
    """The images (N, C, H, W) with their pixels from those places; bilinear between pixels.

    Beyond its edges an image goes on as its mirror image. Written with `gather`, because torch's
    grid_sample cannot be differentiated twice, nor on CUDA repeats itself bit for bit.
    """
    channels, height, width = images.shape[1:]
    middle_across, middle_down = (width - 1) / 2, (height - 1) / 2
    across = count_like(images, width) - middle_across  # (W,)
    down = (count_like(images, height) - middle_down)[:, None]  # (H, 1)
    linear, shift = affine.linear[:, :, :, None, None], affine.shift[:, :, None, None]
    x = linear[:, 0, 0] * across + linear[:, 0, 1] * down + shift[:, 0] + middle_across
    y = linear[:, 1, 0] * across + linear[:, 1, 1] * down + shift[:, 1] + middle_down  # (N, H, W)

    pixels = images.flatten(2)  # (N, C, H*W)
    left, top = x.floor(), y.floor()
    right_weight, bottom_weight = x - left, y - top
    seen = torch.zeros_like(pixels)
    for row, row_weight in ((top, 1 - bottom_weight), (top + 1, bottom_weight)):
        for column, column_weight in ((left, 1 - right_weight), (left + 1, right_weight)):
            index = reflect_index(row, height) * width + reflect_index(column, width)
            corner = pixels.gather(2, index.flatten(1)[:, None].expand(-1, channels, -1))
            seen = seen + (row_weight * column_weight).flatten(1)[:, None] * corner
    return seen.reshape(images.shape)


def reflect_index(index: Tensor, count: int) -> Tensor:
    """Which of `count` pixels is seen at any index: 1, 0, 0, 1, ... from -2 on."""
    index = index.long() % (2 * count)
    return torch.where(index < count, index, 2 * count - 1 - index)


# -- What pixels become ----------------------------------------------------------------------------


def colour_jitter(images: Tensor, draws: AugmentRandom) -> Tensor:
    """Brightness and contrast; of three colours also inverted luma, hue and saturation."""
    channels = images.shape[1]
    colours = channels - 1 if channels in WITH_ALPHA else channels
    brightness = draws.with_probability(draws.normal(BRIGHTNESS), 0.0)
    contrast = torch.exp2(draws.with_probability(draws.normal(CONTRAST), 0.0))
    inverted = draws.with_probability(draws.whole(2), 0.0)
    hue = draws.with_probability(draws.uniform(-math.pi, math.pi), 0.0)
    saturation = torch.exp2(draws.with_probability(draws.normal(SATURATION), 0.0))

    colour, alpha = images[:, :colours], images[:, colours:]
    colour = (colour + brightness.view(-1, 1, 1, 1)) * contrast.view(-1, 1, 1, 1)
    if colours == 3:
        mixed = mixing(inverted, hue, saturation) @ colour.flatten(2)
        colour = mixed.reshape(colour.shape)
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


def mixing(inverted: Tensor, hue: Tensor, saturation: Tensor) -> Tensor:
    """What red, green and blue are made of, (N, 3, 3): around the axis of greys, in their space.

    Args:
        inverted: (N,) 1 where light and dark change places and hues stay.
        hue: (N,) angle about the axis.
        saturation: (N,) factor of the distance from the axis.
    """
    inverted, hue, saturation = (v[:, None, None] for v in (inverted, hue, saturation))
    same = torch.eye(3, dtype=hue.dtype, device=hue.device)
    grey = torch.full_like(same, 1 / 3)  # projects onto the axis
    around = (same.roll(1, 0) - same.roll(1, 1)) / math.sqrt(3)  # the cross product with the axis
    flip = same - 2 * inverted * grey
    turn = hue.cos() * same + hue.sin() * around + (1 - hue.cos()) * grey
    return (saturation * same + (1 - saturation) * grey) @ turn @ flip


def cut_out(images: Tensor, draws: AugmentRandom) -> Tensor:
    """A hole of mid-grey, half as wide and high as the image, part of which may lie outside."""
    height, width = images.shape[2:]
    across, down = ((count_like(images, n) + 0.5) / n for n in (width, height))
    middle_across, middle_down = draws.uniform()[:, None], draws.uniform()[:, None]
    column = (across - middle_across).abs() < CUTOUT / 2  # (N, W)
    row = (down - middle_down).abs() < CUTOUT / 2  # (N, H)
    kept = 1 - (row[:, None, :, None] & column[:, None, None, :]).to(images)
    return images * draws.with_probability(kept, 1.0)
