"""How images become training data: the recipe fields that preparation and the stream use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Lt

Channels = Literal["auto", "1", "2", "3", "4"]


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """How images are prepared and streamed."""

    size: tuple[int, int] = (32, 32)
    """Height and width to train at, in pixels: 32 or HxW."""
    channels: Channels = "auto"
    """1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha; auto: 1 if all are grey, else 3."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """What to do when the aspect ratio differs: cut the edges, add a border, or distort."""
    background: str = "white"
    """Colour behind transparent pixels and of the border: a name or #rrggbb."""
    keep_duplicates: bool = False
    """Keep exact copies of an image; otherwise each counts once."""
    held_out: Annotated[float, Ge(0.0), Lt(1.0)] = 0.1
    """Fraction of the images that is never trained on, but used to score the generator."""
    flip: bool = False
    """Training mirrors half of the images left to right."""
    dequantize: bool = False
    """Training adds uniform noise of one grey level to real images (Gulrajani 2017, CIFAR-10)."""


RECIPE_FOR_IMAGES = "dcgan"
"""The recipe that is recommended for images (`recommendation.py`)."""
