"""Features learned on the user's own images, without labels and without borrowed networks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganvas import json_files
from ganvas.checksum import checksum
from ganvas.errors import GanvasError
from ganvas.metrics.features import CHANNELS, RESIZE, FeatureConfig, FeatureNetwork, to_rgb
from ganvas.metrics.small_network import (
    DIMENSION,
    Indices,
    Pixels,
    convolutions,
    finish,
    index_batches,
    input_size,
    prepared,
    read,
    save,
    to_device,
    train_network,
)
from ganvas.progress import Progress, no_progress
from ganvas.randomness import derive_seed, named_generator, seeded_weights

IMAGES_SEEN, MIN_EPOCHS = 60_000, 1
"""Training takes this many images, counting repeats, and at least this many epochs; each image is
seen twice at a time, in two views."""

BATCH = 128
LEARNING_RATE = 2e-3
PROJECTED = 64
"""Dimensions in which views are compared; they are not the features."""

TEMPERATURE = 0.2
SMALLEST_CROP = 0.3
"""Of the area of an image; a view shows a fraction uniform between this and 1."""

COLOUR = 0.1
"""A view's contrast is multiplied by up to 1 -+ this, and its brightness moved by up to as much of
the range [-1, 1]. What views differ in, the features hardly see."""

VERSION = 1  # increases when the same images would give another network


@dataclass(frozen=True)
class Training:
    """How a network was trained.

    size: height and width in pixels of its input.
    trained_on: number of training images.
    """

    size: tuple[int, int]
    seed: int
    trained_on: int


@dataclass(frozen=True, eq=False)
class Contrastive(FeatureNetwork):
    """Gives images that could be views of one image similar features, 128 of them."""

    network: nn.Sequential
    training: Training

    def config(self) -> FeatureConfig:
        """See `FeatureNetwork.config`; also how it was trained."""
        training = self.training
        return {
            "features": self.name,
            "dimension": self.dimension,
            "input": f"{training.size[0]}x{training.size[1]}",
            "resize": RESIZE,
            "preprocessing": f"{CHANNELS}, x / 127.5 - 1",
            "weights": checksum(self.network.state_dict(), {})[:16],
            "code": f"ganvas self {VERSION}",
            "trained_on": training.trained_on,
            "training_seed": training.seed,
        }

    def save(self, path: Path) -> None:
        """See `small_network.save`."""
        save(path, self.network, VERSION, asdict(self.training))

    def _extract(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network(prepared(pixels, self.training.size))
        return features  # (n, 128)


def load_contrastive(path: Path, device: torch.device) -> Contrastive:
    """Read a network that `Contrastive.save` wrote, and verify its checksum.

    Raises:
        GanvasError: the file is missing, damaged, or from another version.
    """
    weights, metadata = read(path, VERSION, "the features self")
    training = json_files.from_plain(Training, metadata)
    network = nn.Sequential(*convolutions(training.size), nn.ReLU())
    network.load_state_dict(weights)
    return _contrastive(network, device, training)


def train_contrastive(
    images: Pixels,
    *,
    seed: int,
    device: torch.device,
    on_progress: Progress = no_progress,
) -> Contrastive:
    """Train features without labels: views of one image shall be similar, of two images not.

    SimCLR (Chen 2020): the loss `nt_xent` of projected features, for two random views of each
    image of a batch. A view is a crop, enlarged to the whole size, of other brightness and
    contrast. It is not mirrored: a mirrored digit is another shape.

    The same images, seed, kind of machine and number of threads give the same weights. The global
    random state does not change.

    Args:
        images: uint8 (N, C, H, W), C 1 to 4, sides of at least 12; at least two; may be
            memory-mapped.
        seed: decides the initial weights, the order of images, and their views.
        on_progress: called with (images done, images in total).

    Raises:
        GanvasError: there are too few or too small images, or training diverged.
    """
    if len(images) < 2:
        raise GanvasError(f"the features self need at least two images; got {len(images)}")
    size = input_size(images.shape[2], images.shape[3], "the network of the features self")
    with seeded_weights(derive_seed(seed, "self")):
        network = nn.Sequential(*convolutions(size), nn.ReLU())
        projection = nn.Linear(DIMENSION, PROJECTED)
    both = nn.Sequential(network, projection)
    to_device(both, device)
    random = named_generator(seed, "views of the features self")

    def loss_of(indices: Indices) -> Tensor:
        pixels = torch.from_numpy(np.array(images[indices])).to(device)
        pixels = prepared(to_rgb(pixels), size)
        views = torch.cat([random_view(pixels, random), random_view(pixels, random)])
        projected: Tensor = both(views)
        return nt_xent(projected, TEMPERATURE)

    train_network(
        both,
        index_batches(len(images), BATCH, random),
        loss_of,
        total=max(IMAGES_SEEN, MIN_EPOCHS * len(images)),
        learning_rate=LEARNING_RATE,
        on_progress=on_progress,
        name="the features self",
    )
    return _contrastive(network, device, Training(size, seed, len(images)))


def nt_xent(projected: Tensor, temperature: float) -> Tensor:
    """The normalised, temperature-scaled cross-entropy of Chen 2020, eq. 1, a scalar.

    The mean over rows i of -log(exp(s_ij / t) / sum over k != i of exp(s_ik / t)), where j is the
    other view of i's image and s the cosine similarity.

    Args:
        projected: (2n, d); rows i and i + n are views of one image.
        temperature: t.
    """
    unit = functional.normalize(projected, dim=1)
    similarity = unit @ unit.T / temperature  # (2n, 2n)
    similarity = similarity.masked_fill(
        torch.eye(len(unit), dtype=torch.bool, device=unit.device), -torch.inf
    )
    partner = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
    loss: Tensor = functional.cross_entropy(similarity, partner)
    return loss


def random_view(images: Tensor, random: torch.Generator) -> Tensor:
    """A random crop of each image, enlarged to its size, with other contrast and brightness.

    Args:
        images: (n, C, H, W) in [-1, 1].
        random: on the CPU, so that all devices see the same views.
    """
    area, across, down, contrast, brightness = torch.rand(5, len(images), generator=random).to(
        images.device
    )
    scale = (SMALLEST_CROP + (1 - SMALLEST_CROP) * area).sqrt()
    matrices = images.new_zeros(len(images), 2, 3)  # from a view's coordinates to its image's
    matrices[:, 0, 0] = matrices[:, 1, 1] = scale
    matrices[:, 0, 2] = (2 * across - 1) * (1 - scale)
    matrices[:, 1, 2] = (2 * down - 1) * (1 - scale)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    crops = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    mean = crops.mean((1, 2, 3), keepdim=True)
    factor, shift = (
        COLOUR * (2 * drawn - 1)[:, None, None, None] for drawn in (contrast, brightness)
    )
    view: Tensor = (crops - mean) * (1 + factor) + mean + shift
    return view.contiguous(memory_format=torch.channels_last)


def _contrastive(network: nn.Sequential, device: torch.device, training: Training) -> Contrastive:
    finish(network, device)
    return Contrastive("self", DIMENSION, device, network, training)
