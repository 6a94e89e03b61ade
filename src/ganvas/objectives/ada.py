"""The policy `ada`: geometry, colour and cutout (Karras 2020, ADA, appendix B).

Strengths and order are the paper's. Cutout is not in the paper's standard set. Pixels are
interpolated bilinearly; the paper's code filters at twice the resolution.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from ganvas.objectives.augment_random import WITH_ALPHA, Draw, Policy, grid_of
from ganvas.objectives.image_transform import ImageTransform, transform_images

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


# -- What is drawn --------------------------------------------------------------------------------


def sign(numbers: Tensor) -> Tensor:
    """Below 1: 1, below 2: -1; in place."""
    return numbers.floor_().mul_(-2).add_(1)


def quarter_cosine(numbers: Tensor) -> Tensor:
    """The cosine of so many whole quarter turns, exactly; in place."""
    return numbers.floor_().remainder_(4).sub_(2).abs_().sub_(1)


def quarters(name: str) -> tuple[Draw, ...]:
    """The matrix of 0 to 3 quarter turns: cosine, sine; minus sine, cosine."""
    happens = f"{name}?"
    cosine = Draw(name, happens, span=4, function=quarter_cosine)
    sine = Draw(name, happens, low=-1, span=4, otherwise=-1, function=quarter_cosine)
    minus_sine = Draw(name, happens, low=-3, span=4, otherwise=-3, function=quarter_cosine)
    return cosine, sine, minus_sine, cosine


def turn(name: str, one_of_two: bool = False) -> tuple[Draw, ...]:
    """The matrix of a rotation: cosine, sine; minus sine, cosine."""
    low, span, more = -math.pi, 2 * math.pi, math.pi / 2
    sine = Draw(name, f"{name}?", low, span, one_of_two=one_of_two, function=Tensor.sin_)
    cosine = replace(sine, low=low + more, otherwise=more)
    return cosine, sine, replace(sine, low=-low, span=-span), cosine


def factor(name: str, deviation: float) -> Draw:
    """A factor whose log2 has this standard deviation; of a negative one, the inverse factor."""
    return Draw(name, f"{name}?", span=deviation, function=Tensor.exp2_)


UNIFORM = (
    "mirror", "mirror?", "quarters", "quarters?", "shift_x", "shift_y", "shift?", "scale?",
    "first_turn", "first_turn?", "stretch?", "second_turn", "second_turn?", "slide?",
    "brightness?", "contrast?", "inverted", "inverted?", "hue", "hue?", "saturation?",
    "hole_x", "hole_y", "hole?",
)  # fmt: skip
NORMAL = ("scale", "stretch", "slide_x", "slide_y", "brightness", "contrast", "saturation")
"""In the order of drawing; a name with ? decides whether the transformation happens."""
# What has the same function stands together.
DRAWS = (
    Draw("mirror", "mirror?", span=2, function=sign),
    Draw("inverted", "inverted?", span=2, function=sign),
    # Geometry leads from a pixel to its source: factors and translations are the inverse ones.
    *quarters("quarters"),
    # Of two rotations, before and after the stretch, at least one has the probability.
    *turn("first_turn", one_of_two=True),
    *turn("second_turn", one_of_two=True),
    *turn("hue")[:2],
    factor("contrast", CONTRAST),
    factor("saturation", SATURATION),
    factor("scale", -SCALE),
    factor("stretch", -SCALE),
    factor("stretch", SCALE),
    Draw("brightness", "brightness?", span=BRIGHTNESS),
    # Relative to the sides.
    Draw("shift_x", "shift?", SHIFT, -2 * SHIFT),
    Draw("shift_y", "shift?", SHIFT, -2 * SHIFT),
    Draw("slide_x", "slide?", span=-SHIFT),
    Draw("slide_y", "slide?", span=-SHIFT),
    # The hole's centre and the half of its length, relative to the sides.
    Draw("hole_x"),
    Draw("hole_y"),
    Draw("hole_x", "hole?", low=CUTOUT / 2, span=0.0),
)


def transform(images: Tensor, quantities: Tensor) -> Tensor:
    """The whole policy on images (N, C, H, W), see `Policy.transform`."""
    signs, turns, colour, factors, brightness, moves, hole = torch.split(
        quantities, [2, 12, 4, 3, 1, 4, 3]
    )
    mirror, luma = signs
    chosen = ImageTransform(
        affine_map(images, mirror, turns, factors, moves),
        *colour_change(images.shape[1], luma, *colour, *brightness),
        outside_of_hole(images, *hole),
    )
    return transform_images(images, chosen)


augment = Policy(transform, DRAWS, UNIFORM, NORMAL)


# -- Geometry -------------------------------------------------------------------------------------


def affine_map(
    images: Tensor, mirror: Tensor, turns: Tensor, factors: Tensor, moves: Tensor
) -> Tensor:
    """The map (3, 2, N, 1) from pixels to their sources, see `resample`: all of it in order.

    Few operations on all numbers, and no matmul, which autocast would round to 16 bits.

    Args:
        images: (N, C, H, W); a quarter turn swaps the sides, so only squares are turned.
        mirror: (N, 1), -1 or 1.
        turns: (12, N, 1), the matrices of the quarter turn and of two rotations.
        factors: (3, N, 1), of scale and stretch.
        moves: (4, N, 1), by whole pixels and by parts of them, relative to the sides.
    """
    quarter_turn, first_turn, second_turn = turns.view(3, 2, 2, -1, 1)
    scale, stretch = factors[0], factors[1:]
    shift, slide = moves.view(2, 2, -1, 1) * grid_of(images).size
    turned = product(first_turn * (scale * stretch)[:, None], second_turn)
    moved = (turned * slide[:, None]).sum(0).add_(shift.round())
    affine = torch.cat([turned, moved[None]])
    if images.shape[2] == images.shape[3]:
        affine = product(quarter_turn, affine)
    affine[:, 0].mul_(mirror)
    return affine


def product(first: Tensor, second: Tensor) -> Tensor:
    """The product (columns, rows, N, 1) of two matrices for each image, of their columns."""
    return (first * second[:, :, None]).sum(1)


# -- Colour and cutout -----------------------------------------------------------------------------


def colour_change(
    channels: int,
    luma: Tensor,
    cosine: Tensor,
    sine: Tensor,
    contrast: Tensor,
    saturation: Tensor,
    brightness: Tensor,
) -> tuple[Tensor, Tensor]:
    """What the channels of a pixel are multiplied by, and what is added: (N, C, C), and (N, C, 1).

    Alpha keeps its values. What is added to all of the channels is (N, 1, 1).

    Args:
        channels: C.
        luma, cosine, sine: (N, 1), see `colour_matrix`; like the saturation, they change three
            colours only.
        contrast: (N, 1), multiplies.
        saturation: (N, 1), multiplies the distance from the axis of greys.
        brightness: (N, 1), added first.
    """
    matrix, offset = contrast[..., None], (brightness * contrast)[..., None]
    if channels >= 3:
        matrix = matrix * colour_matrix(luma, saturation * cosine, saturation * sine)
        offset = offset * luma[..., None]  # the brightness is grey
    if channels in WITH_ALPHA:
        matrix = functional.pad(matrix, (0, 1, 0, 1))
        matrix[:, -1, -1] = 1
        offset = functional.pad(offset.expand(-1, channels - 1, -1), (0, 0, 0, 1))
    return matrix, offset


def colour_matrix(luma: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """The matrix (N, 3, 3) that transforms red, green and blue about the axis of greys.

    Args:
        luma: (N, 1), multiplies the part along the axis.
        cosine, sine: (N, 1), of an angle of rotation about the axis, times a factor of the
            distance from it.
    """
    luma, cosine, sine = luma[..., None], cosine[..., None], sine[..., None]
    identity, grey, cross = colour_basis(luma.dtype, luma.device)
    matrix: Tensor = cosine * identity + (luma - cosine) * grey + sine * cross
    return matrix


@functools.cache
def colour_basis(dtype: torch.dtype, device: torch.device) -> Tensor:
    """(3, 3, 3): identity, projection onto the axis of greys, cross product with the axis."""
    identity = torch.eye(3, dtype=dtype, device=device)
    cross = (identity.roll(1, 0) - identity.roll(1, 1)) / math.sqrt(3)
    return torch.stack([identity, torch.full_like(identity, 1 / 3), cross])


def outside_of_hole(images: Tensor, centre_x: Tensor, centre_y: Tensor, radius: Tensor) -> Tensor:
    """(N, 1, H W): 0 in a rectangle that is set to mid-grey, maybe partly outside; elsewhere 1.

    Args:
        images: (N, C, H, W); only their sizes are used.
        centre_x, centre_y: (N, 1), relative to the sides.
        radius: (N, 1), half of its sides, relative to those of the image; 0 for no rectangle.
    """
    grid = grid_of(images)
    # Numbers: on CPUs, truth values take ten times as long.
    across = (grid.relative_x - centre_x).abs_().ge_(radius)  # (N, W)
    down = (grid.relative_y - centre_y).abs_().ge_(radius)  # (N, H)
    outside = torch.maximum(across[:, None], down[..., None])  # (N, H, W)
    return outside.view(len(outside), 1, -1)
