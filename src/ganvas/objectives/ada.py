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

from ganvas.objectives.augment_random import Draw, Policy, colour_channels, grid_of, with_alpha_of
from ganvas.objectives.resampling import resample

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
DRAWS = (
    Draw("mirror", "mirror?", span=2, function=sign),
    Draw("inverted", "inverted?", span=2, function=sign),
    # Geometry leads from a pixel to its source: factors and translations are the inverse ones.
    *quarters("quarters"),
    # Of two rotations, before and after the stretch, at least one has the probability.
    *turn("first_turn", one_of_two=True),
    *turn("second_turn", one_of_two=True),
    factor("scale", -SCALE),
    factor("stretch", -SCALE),
    factor("stretch", SCALE),
    # Relative to the sides.
    Draw("shift_x", "shift?", SHIFT, -2 * SHIFT),
    Draw("shift_y", "shift?", SHIFT, -2 * SHIFT),
    Draw("slide_x", "slide?", span=-SHIFT),
    Draw("slide_y", "slide?", span=-SHIFT),
    # Colour.
    *turn("hue")[:2],
    factor("contrast", CONTRAST),
    factor("saturation", SATURATION),
    Draw("brightness", "brightness?", span=BRIGHTNESS),
    # The hole's centre and the half of its length, relative to the sides.
    Draw("hole_x"),
    Draw("hole_y"),
    Draw("hole_x", "hole?", low=CUTOUT / 2, span=0.0),
)


def transform(images: Tensor, quantities: Tensor) -> Tensor:
    """The whole policy on images (N, C, H, W), see `Policy.transform`."""
    signs, geometric, colour, hole = torch.split(quantities, [2, 19, 5, 3])
    mirror, luma = signs
    cosine_and_sine, (contrast, saturation, brightness) = colour[:2], colour[2:]
    resampled = resample(images, affine_map(images, mirror, geometric))
    coloured = change_colours(resampled, brightness, contrast, luma, saturation * cosine_and_sine)
    return cut_out(coloured, *hole)


augment = Policy(transform, DRAWS, UNIFORM, NORMAL)


# -- Geometry -------------------------------------------------------------------------------------


def affine_map(images: Tensor, mirror: Tensor, geometric: Tensor) -> Tensor:
    """The map (3, 2, N) from pixels to their sources, see `resample`: all transformations in order.

    Few operations on all numbers, and no matmul, which autocast would round to 16 bits.

    Args:
        images: (N, C, H, W); a quarter turn swaps the sides, so only squares are turned.
        mirror: (N, 1), -1 or 1.
        geometric: (19, N, 1), the draws from "quarters" to "slide_y".
    """
    matrices, factors, translations = torch.split(geometric[..., 0], [12, 3, 4])
    quarter_turn, first_turn, second_turn = matrices.view(3, 2, 2, -1)
    scale, stretch = factors[0], factors[1:]
    moves = translations.view(2, 2, -1) * grid_of(images).size[:, None]
    shift, slide = moves
    turned = product(first_turn * (scale * stretch)[:, None], second_turn)
    moved = (turned * slide[:, None]).sum(0).add_(shift.round())
    affine = torch.cat([turned, moved[None]])
    if images.shape[2] == images.shape[3]:
        affine = product(quarter_turn, affine)
    affine[:, 0].mul_(mirror[:, 0])
    return affine


def product(first: Tensor, second: Tensor) -> Tensor:
    """The product (columns, rows, N) of two matrices for each image, of their columns."""
    return (first * second[:, :, None]).sum(1)


# -- Colour ----------------------------------------------------------------------------------------


def change_colours(
    images: Tensor, brightness: Tensor, contrast: Tensor, luma: Tensor, chroma: Tensor
) -> Tensor:
    """Change the colours of each pixel; alpha keeps its values.

    All of it is one matrix and one offset, so that images are gone through once.

    Args:
        brightness: (N, 1), added first.
        contrast: (N, 1), multiplies.
        luma, chroma: (N, 1) and (2, N, 1), see `colour_matrix`; they change three colours only.
    """
    colours = colour_channels(images)
    offset, matrix = (brightness * contrast)[..., None], contrast[..., None]
    if colours == 3:
        matrix = matrix * colour_matrix(luma, *chroma)
        offset = offset * luma[..., None]  # the brightness is grey
    colour = torch.baddbmm(offset, matrix, images[:, :colours].flatten(2))
    return with_alpha_of(images, colour)


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


def cut_out(images: Tensor, centre_x: Tensor, centre_y: Tensor, radius: Tensor) -> Tensor:
    """Set a rectangle to mid-grey, maybe partly outside.

    Args:
        centre_x, centre_y: (N, 1), relative to the sides.
        radius: (N, 1), half of its sides, relative to those of the image; 0 for no rectangle.
    """
    grid = grid_of(images)
    # Numbers: on CPUs, truth values take ten times as long.
    across = (grid.relative_x - centre_x).abs_().ge_(radius)[:, None, :]  # (N, 1, W)
    down = (grid.relative_y - centre_y[:, :, None]).abs_().ge_(radius[:, :, None])  # (N, H, 1)
    return images * torch.maximum(across, down)[:, None]  # (N, 1, H, W): 0 in the hole, else 1
