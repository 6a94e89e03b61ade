"""The policy `ada`: geometry, colour and cutout (Karras 2020, ADA, appendix B).

Strengths and order are the paper's. Cutout is not in the paper's standard set. Pixels are
interpolated bilinearly; the paper's code filters at twice the resolution.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.objectives.augment_random import AugmentRandom, Policy, arange_like, colour_channels

SHIFT = 0.125
"""Largest integer translation, and standard deviation of fractional ones, relative to the side."""
SCALE = 0.2
"""Standard deviation of log2 of isotropic and of anisotropic scaling."""
BRIGHTNESS = 0.2
"""Standard deviation of the added brightness, where black is -1 and white is 1."""
CONTRAST = 0.5
"""Standard deviation of log2 of the contrast factor."""
SATURATION = 1.0
"""Standard deviation of log2 of the saturation factor."""
CUTOUT = 0.5
"""Length of the hole, relative to each side."""


def transform(images: Tensor, draws: AugmentRandom) -> Tensor:
    """The whole policy on images (N, C, H, W), see `Policy.transform`."""
    resampled = resample(images, geometry(draws, images.shape[2:]))
    return cut_out(colour_jitter(resampled, draws), draws)


augment = Policy(transform, uniforms=24, normals=7)


# -- Geometry -------------------------------------------------------------------------------------


class Affine2d(NamedTuple):
    """Maps a pixel of the result to its source: `linear` times the pixel's position plus `shift`.

    Positions are (x, y) in pixels from the centre of the image, so transformations do not depend on
    its shape. Each method composes a transformation after the earlier ones.

    linear: (N, 2, 2)
    shift: (N, 2)
    """

    linear: Tensor
    shift: Tensor

    def rotate(self, cosine: Tensor, sine: Tensor) -> Affine2d:
        """Rotate by an angle, given as cosine and sine (N,)."""
        rows = [torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)]
        # Not by matmul, which autocast would round to 16 bits.
        turn = torch.stack(rows, 1)[:, None]  # (N, 1, 2, 2)
        return Affine2d((self.linear[:, :, :, None] * turn).sum(2), self.shift)

    def scale(self, x: Tensor, y: Tensor) -> Affine2d:
        """Scale width and height by factors (N,)."""
        return Affine2d(self.linear / torch.stack([x, y], 1)[:, None], self.shift)

    def translate(self, by: Tensor) -> Affine2d:
        """Translate by pixels (N, 2)."""
        return Affine2d(self.linear, self.shift - (self.linear * by[:, None]).sum(2))


def geometry(draws: AugmentRandom, size: torch.Size) -> Affine2d:
    """All geometric transformations as one affine map, for images of this (height, width)."""
    height, width = size
    mirror = draws.with_probability(1 - 2 * draws.integer(2), 1.0)
    identity = torch.eye(2, dtype=mirror.dtype, device=mirror.device).expand(len(mirror), 2, 2)
    affine = Affine2d(identity, mirror.new_zeros(len(mirror), 2))

    affine = affine.scale(mirror, torch.ones_like(mirror))
    quarters = draws.with_probability(draws.integer(4), 0.0)
    if height == width:  # a quarter turn swaps width and height
        odd = quarters % 2
        affine = affine.rotate((1 - odd) * (1 - quarters), odd * (2 - quarters))
    x, y = draws.uniform(-SHIFT, SHIFT) * width, draws.uniform(-SHIFT, SHIFT) * height
    affine = affine.translate(draws.with_probability(torch.stack([x, y], 1).round(), 0.0))

    scale = torch.exp2(draws.with_probability(draws.normal(SCALE), 0.0))
    affine = affine.scale(scale, scale)
    # Two rotations, before and after the stretch: at least one of them has the probability p.
    each_rotation = 1 - math.sqrt(1 - draws.probability)
    angle = draws.with_probability(draws.uniform(-math.pi, math.pi), 0.0, each_rotation)
    affine = affine.rotate(angle.cos(), angle.sin())
    stretch = torch.exp2(draws.with_probability(draws.normal(SCALE), 0.0))
    affine = affine.scale(stretch, 1 / stretch)
    angle = draws.with_probability(draws.uniform(-math.pi, math.pi), 0.0, each_rotation)
    affine = affine.rotate(angle.cos(), angle.sin())
    x, y = draws.normal(SHIFT) * width, draws.normal(SHIFT) * height
    return affine.translate(draws.with_probability(torch.stack([x, y], 1), 0.0))


def resample(images: Tensor, affine: Affine2d) -> Tensor:
    """Apply an affine map to images (N, C, H, W), bilinearly, with reflection beyond the edges.

    Written with `gather`, because torch's grid_sample is not twice differentiable and, on CUDA, not
    deterministic.
    """
    channels, height, width = images.shape[1:]
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    across = arange_like(images, width) - centre_x  # (W,)
    down = (arange_like(images, height) - centre_y)[:, None]  # (H, 1)
    linear, shift = affine.linear[:, :, :, None, None], affine.shift[:, :, None, None]
    x = linear[:, 0, 0] * across + linear[:, 0, 1] * down + shift[:, 0] + centre_x
    y = linear[:, 1, 0] * across + linear[:, 1, 1] * down + shift[:, 1] + centre_y  # (N, H, W)

    pixels = images.flatten(2)  # (N, C, H*W)
    left, top = x.floor(), y.floor()
    columns, next_columns = reflect(left, width), reflect(left + 1, width)
    rows, next_rows = reflect(top, height) * width, reflect(top + 1, height) * width

    def pixels_at(index: Tensor) -> Tensor:
        """(N, C, H, W), the pixels with these numbers (N, H, W)."""
        index = index.long().flatten(1)[:, None].expand(-1, channels, -1)
        return pixels.gather(2, index).view_as(images)

    right_weight, bottom_weight = (x - left)[:, None], (y - top)[:, None]
    upper = torch.lerp(pixels_at(rows + columns), pixels_at(rows + next_columns), right_weight)
    lower = torch.lerp(
        pixels_at(next_rows + columns), pixels_at(next_rows + next_columns), right_weight
    )
    return torch.lerp(upper, lower, bottom_weight)


def reflect(index: Tensor, count: int) -> Tensor:
    """The pixel of `count` at any whole index, reflected at the edges: 1, 0, 0, 1, ... from -2 on.

    In floating point, which is exact for whole numbers and much faster than with integers.
    """
    index = index - 2 * count * (index / (2 * count)).floor()
    return torch.minimum(index, 2 * count - 1 - index)


# -- Colour ----------------------------------------------------------------------------------------


def colour_jitter(images: Tensor, draws: AugmentRandom) -> Tensor:
    """Change brightness and contrast; with three colours also luma, hue and saturation."""
    colours = colour_channels(images)
    brightness = draws.with_probability(draws.normal(BRIGHTNESS), 0.0)
    contrast = torch.exp2(draws.with_probability(draws.normal(CONTRAST), 0.0))
    inverted = draws.with_probability(draws.integer(2), 0.0)
    hue = draws.with_probability(draws.uniform(-math.pi, math.pi), 0.0)
    saturation = torch.exp2(draws.with_probability(draws.normal(SATURATION), 0.0))

    colour, alpha = images[:, :colours], images[:, colours:]
    colour = (colour + brightness.view(-1, 1, 1, 1)) * contrast.view(-1, 1, 1, 1)
    if colours == 3:
        mixed = colour_matrix(inverted, hue, saturation) @ colour.flatten(2)
        colour = mixed.reshape(colour.shape)
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


def colour_matrix(inverted: Tensor, hue: Tensor, saturation: Tensor) -> Tensor:
    """The matrix (N, 3, 3) that transforms red, green and blue about the axis of greys.

    Args:
        inverted: (N,) 1 to invert luma and keep hues, else 0.
        hue: (N,) angle of rotation about the axis.
        saturation: (N,) factor of the distance from the axis.
    """
    inverted, hue, saturation = (value[:, None, None] for value in (inverted, hue, saturation))
    identity = torch.eye(3, dtype=hue.dtype, device=hue.device)
    grey = torch.full_like(identity, 1 / 3)  # projects onto the axis
    cross = (identity.roll(1, 0) - identity.roll(1, 1)) / math.sqrt(3)  # axis cross product
    flip = identity - 2 * inverted * grey
    turn = hue.cos() * identity + hue.sin() * cross + (1 - hue.cos()) * grey
    return (saturation * identity + (1 - saturation) * grey) @ turn @ flip


def cut_out(images: Tensor, draws: AugmentRandom) -> Tensor:
    """Set a rectangle to mid-grey, half as wide and high as the image, maybe partly outside."""
    height, width = images.shape[2:]
    x, y = ((arange_like(images, side) + 0.5) / side for side in (width, height))
    centre_x, centre_y = draws.uniform()[:, None], draws.uniform()[:, None]
    column = (x - centre_x).abs() < CUTOUT / 2  # (N, W)
    row = (y - centre_y).abs() < CUTOUT / 2  # (N, H)
    hole = row[:, None, :, None] & (column & draws.happens()[:, None])[:, None, None, :]
    return images.masked_fill(hole, 0.0)
