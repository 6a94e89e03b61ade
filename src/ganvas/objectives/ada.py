"""The policy `ada`: geometry, colour and cutout (Karras 2020, ADA, appendix B).

Strengths and order are the paper's. Cutout is not in the paper's standard set. Pixels are
interpolated bilinearly; the paper's code filters at twice the resolution.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.objectives.augment_random import Draw, Policy, colour_channels, grid_of

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


def turn(name: str, one_of_two: bool = False) -> tuple[Draw, Draw]:
    """The cosine and the sine of an angle."""
    cosine = Draw(
        name, f"{name}?", -math.pi, 2 * math.pi, one_of_two=one_of_two, function=Tensor.cos_
    )
    return cosine, replace(cosine, function=Tensor.sin_)


def factor(name: str, deviation: float) -> Draw:
    """A factor whose log2 has this standard deviation."""
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
    # Rounded down to whole numbers.
    Draw("mirror", "mirror?", span=2),
    Draw("quarters", "quarters?", span=4),
    Draw("inverted", "inverted?", span=2),
    # Of two rotations, before and after the stretch, at least one has the probability.
    *turn("first_turn", one_of_two=True),
    *turn("second_turn", one_of_two=True),
    *turn("hue"),
    factor("scale", SCALE),
    factor("stretch", SCALE),
    factor("contrast", CONTRAST),
    factor("saturation", SATURATION),
    # Translations, relative to the sides.
    Draw("shift_x", "shift?", -SHIFT, 2 * SHIFT),
    Draw("shift_y", "shift?", -SHIFT, 2 * SHIFT),
    Draw("slide_x", "slide?", span=SHIFT),
    Draw("slide_y", "slide?", span=SHIFT),
    # What is added; the hole's centre and the half of its length, relative to the sides.
    Draw("brightness", "brightness?", span=BRIGHTNESS),
    Draw("hole_x"),
    Draw("hole_y"),
    Draw("hole_x", "hole?", low=CUTOUT / 2, span=0.0),
)


def transform(images: Tensor, quantities: Tensor) -> Tensor:
    """The whole policy on images (N, C, H, W), see `Policy.transform`."""
    whole, turns, factors, translations, rest = torch.split(quantities, [3, 6, 4, 4, 4])
    mirrored, quarters, inverted = whole.floor()
    first_turn, second_turn, hue = turns.view(3, 2, -1, 1)
    scale, stretch, contrast, saturation = factors
    brightness, centre_x, centre_y, radius = rest
    shift, slide = translations.view(2, 2, -1).transpose(1, 2) * grid_of(images).size  # (N, 2)

    affine = integer_geometry(images, mirrored, quarters, shift.round())
    affine = affine.scale(scale, scale).rotate(*first_turn)
    affine = affine.scale(stretch, 1 / stretch).rotate(*second_turn).translate(slide)
    augmented = shift_colours(resample(images, affine), brightness, contrast)
    if colour_channels(images) == 3:
        augmented = turn_colours(augmented, inverted, hue, saturation)
    return cut_out(augmented, centre_x, centre_y, radius)


augment = Policy(transform, DRAWS, UNIFORM, NORMAL)


# -- Geometry -------------------------------------------------------------------------------------


class Affine2d(NamedTuple):
    """Maps a pixel of the result to its source: x and y times the pixel's position, plus a shift.

    Positions are (x, y) in pixels from the centre of the image, so transformations do not depend on
    its shape. Each method composes a transformation after the earlier ones. Factors, cosines and
    sines are (N, 1). Nothing is a matmul, which autocast would round to 16 bits.
    """

    x: Tensor
    """(N, 2), how far the source moves with a pixel to the right."""
    y: Tensor
    """(N, 2), with a pixel down."""
    shift: Tensor
    """(N, 2)"""

    def rotate(self, cosine: Tensor, sine: Tensor) -> Affine2d:
        """Rotate by an angle."""
        x = self.x * cosine + self.y * sine
        return Affine2d(x, self.y * cosine - self.x * sine, self.shift)

    def scale(self, x: Tensor, y: Tensor) -> Affine2d:
        """Scale width and height by factors."""
        return Affine2d(self.x / x, self.y / y, self.shift)

    def translate(self, by: Tensor) -> Affine2d:
        """Translate by pixels (N, 2)."""
        moved = self.x * by[:, :1] + self.y * by[:, 1:]
        return Affine2d(self.x, self.y, self.shift - moved)


def integer_geometry(images: Tensor, mirrored: Tensor, quarters: Tensor, shift: Tensor) -> Affine2d:
    """The transformations that move pixels onto pixels: mirror, quarter turns and translation.

    Args:
        images: (N, C, H, W); a quarter turn swaps the sides, so only squares are turned.
        mirrored: (N, 1), 1 or 0.
        quarters: (N, 1), 0 to 3.
        shift: (N, 2), whole pixels.
    """
    sign = 1 - 2 * mirrored
    if images.shape[2] == images.shape[3]:
        cosine, sine = (quarters - 2).abs() - 1, 1 - (quarters - 1).abs()
    else:
        cosine, sine = torch.ones_like(sign), torch.zeros_like(sign)
    x, y = torch.cat([sign * cosine, sine], 1), torch.cat([-sign * sine, cosine], 1)
    return Affine2d(x, y, torch.zeros_like(shift)).translate(shift)


def resample(images: Tensor, affine: Affine2d) -> Tensor:
    """Apply an affine map to images (N, C, H, W), bilinearly, with reflection beyond the edges.

    Written with `gather`, because torch's grid_sample is not twice differentiable and, on CUDA, not
    deterministic.
    """
    count, channels = images.shape[:2]
    width = images.shape[3]
    grid = grid_of(images)
    size = grid.size[:, None, None]
    x, y, shift = (part[:, :, None, None] for part in affine)  # (N, 2, 1, 1)
    position = (x * grid.x + y * grid.y).add_(shift).add_((size - 1) / 2)  # (N, 2, H, W)
    corner = position.floor()
    right_weight, bottom_weight = position.sub_(corner)[:, :, None].unbind(1)

    (left, top), (right, bottom) = (part.unbind(1) for part in reflected_pair(corner, size))
    pixels = images.flatten(2)

    def pixels_at(columns: Tensor, rows: Tensor) -> Tensor:
        """(N, C, H, W), the pixels there."""
        index = torch.add(columns, rows, alpha=width).long()
        index = index.view(count, 1, -1).expand(-1, channels, -1)
        return pixels.gather(2, index).view_as(images)

    upper = torch.lerp(pixels_at(left, top), pixels_at(right, top), right_weight)
    lower = torch.lerp(pixels_at(left, bottom), pixels_at(right, bottom), right_weight)
    return torch.lerp(upper, lower, bottom_weight)


def reflected_pair(index: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels of `count` at any whole index and at the next one, reflected at the edges.

    From -2 on they are 1, 0, 0, 1, ...; in floating point, which is exact for whole numbers and
    much faster than with integers.
    """
    period = 2 * count
    # In place, because new memory takes as long as the arithmetic.
    up = (index / period).floor_().mul_(-period).add_(index)  # 0 to period - 1
    down = period - 1 - up
    at_index = torch.minimum(up, down)
    # The next one after a whole period is 0 again.
    return at_index, torch.minimum(up.add_(1), down.sub_(1), out=up).clamp_min_(0)


# -- Colour ----------------------------------------------------------------------------------------


def shift_colours(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Add to the colours and multiply them, by (N, 1) each; alpha keeps its values."""
    colours = colour_channels(images)
    brightness, contrast = brightness[:, :, None, None], contrast[:, :, None, None]
    colour = (images[:, :colours] + brightness) * contrast
    return with_alpha_of(images, colour)


def turn_colours(images: Tensor, inverted: Tensor, hue: Tensor, saturation: Tensor) -> Tensor:
    """Multiply the three colours of each pixel by `colour_matrix`; alpha keeps its values.

    Args:
        inverted, saturation: (N, 1)
        hue: (2, N, 1), cosine and sine of the angle.
    """
    colour = images[:, :3]
    cosine, sine = hue
    mixed = colour_matrix(inverted, cosine, sine, saturation) @ colour.flatten(2)
    return with_alpha_of(images, mixed.reshape(colour.shape))


def with_alpha_of(images: Tensor, colour: Tensor) -> Tensor:
    """The colours with the alpha of images, if these have some."""
    alpha = images[:, colour.shape[1] :]
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


def colour_matrix(inverted: Tensor, cosine: Tensor, sine: Tensor, saturation: Tensor) -> Tensor:
    """The matrix (N, 3, 3) that transforms red, green and blue about the axis of greys.

    Args:
        inverted: (N, 1), 1 to invert luma and keep hues, else 0.
        cosine, sine: (N, 1), of the hue's angle of rotation about the axis.
        saturation: (N, 1), factor of the distance from the axis.
    """
    inverted, cosine, sine, saturation = (
        value[:, :, None] for value in (inverted, cosine, sine, saturation)
    )
    identity = torch.eye(3, dtype=cosine.dtype, device=cosine.device)
    grey = torch.full_like(identity, 1 / 3)  # projects onto the axis
    cross = (identity.roll(1, 0) - identity.roll(1, 1)) / math.sqrt(3)  # axis cross product
    flip = identity - 2 * inverted * grey
    rotation = cosine * identity + sine * cross + (1 - cosine) * grey
    return (saturation * identity + (1 - saturation) * grey) @ rotation @ flip


def cut_out(images: Tensor, centre_x: Tensor, centre_y: Tensor, radius: Tensor) -> Tensor:
    """Set a rectangle to mid-grey, maybe partly outside.

    Args:
        centre_x, centre_y: (N, 1), relative to the sides.
        radius: (N, 1), half of its sides, relative to those of the image; 0 for no rectangle.
    """
    grid = grid_of(images)
    across = (grid.relative_x - centre_x).abs()[:, None, :]  # (N, 1, W)
    down = (grid.relative_y - centre_y[:, :, None]).abs()  # (N, H, 1)
    hole = torch.maximum(across, down) < radius[:, :, None]  # (N, H, W)
    return torch.where(hole[:, None], 0.0, images)
