"""How images become training data: the recipe fields that preparation and the stream use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

Channels = Literal["auto", "1", "2", "3", "4"]
Labels = Literal["scores", "auto", "on", "off", "folders", "1", "2", "3", "4"]

OWN_LABELS = ("scores", "auto", "on")
"""Choices that take labels as they are: those in the file, or the first folders that differ."""


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """How images are prepared and streamed."""

    size: tuple[int, int] = (32, 32)
    """Height and width to train at, in pixels: 32 or HxW."""
    channels: Channels = "auto"
    """1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha; auto: 1 if all are grey, else 3."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """What to do when the aspect ratio differs: cut the edges, add a border, or distort."""
    pixel_range: str = "full"
    """Values that become black and white. full: all that 8 or 16 bits hold, 0 to 1 for floats;
    measured: the lowest and highest of all images; or LOW:HIGH, such as 0:4095."""
    background: str = "white"
    """Colour behind transparent pixels and of the border: a name or #rrggbb."""
    max_megapixels: Annotated[int, Gt(0)] = 90
    """Leave out images of more million pixels. A JPEG counts as it is decoded: reduced, where that
    is enough for the size."""
    labels: Labels = "scores"
    """scores: labels serve scores alone; on: the networks take them too; auto: on where each of 2
    to 1000 labels has 20 images; off: none are read. folders: as scores, and folders named train,
    val, ... are labels too; 1, 2, ...: as scores, from folders of this level."""
    frames: Literal["first", "all"] = "first"
    """Of files with several frames or pages (GIF, WebP, AVIF, APNG, TIFF): the first, or all."""
    keep_duplicates: bool = False
    """Keep exact copies of an image; otherwise each counts once."""
    held_out: Annotated[float, Ge(0.0), Lt(1.0)] = 0.1
    """Fraction of the images that is never trained on, but used to score the generator."""
    split: Literal["labels", "content"] = "labels"
    """Held out are the images with the lowest hashes. labels: but every label with two images or
    more keeps one to train on; content: of any label, as in runs of ganvas 0.2."""
    flip: bool = False
    """Training mirrors half of the images left to right."""
    dequantize: bool = False
    """Training adds uniform noise of one grey level to real images (Gulrajani 2017, CIFAR-10)."""


@dataclass(frozen=True)
class TrainingData:
    """On which images a generator was trained: what it takes to prepare such images again."""

    name: str
    """Short name for people, without the folders it lies in."""
    settings: DataSettings
    """How they were prepared, with the measured range of pixel values."""


RECIPE_FOR_IMAGES = "dcgan"
"""The recipe for images where nothing else is known (`recipes/recommendation.py`)."""
