"""Linear networks whose images are known in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.latents.rejection import TrainedDiscriminator
from ganvas.networks import ImageShape

LATENT_DIM = 4
SHAPE = ImageShape(1, 2, 2)
"""An image has a pixel for each latent."""


class Pixels(nn.Module):
    """Latents (N, 4) -> images (N, 1, 2, 2) with the same numbers; labels change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()), requires_grad=False)

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        return self.scale * latents.reshape(-1, 1, 2, 2)


class Normalising(Pixels):
    """The same on a sphere: the length of latents does nothing."""

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        return super().forward(nn.functional.normalize(latents), *labels)


class ToyStyle(nn.Module):
    """A style generator: w = 3 z + 1, plus 10 times the label; pixels are the mean over layers.

    Args:
        mean_styles: (S,), or (K, S) for K labels; S = 4.
    """

    mean_styles: Tensor

    def __init__(self, mean_styles: Tensor, style_layers: int = 3) -> None:
        super().__init__()
        self.style_layers = style_layers
        self.register_buffer("mean_styles", mean_styles)

    def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
        styles = 3 * latents + 1
        for given in labels:
            if given.is_floating_point():
                given = given @ torch.arange(given.shape[1], dtype=given.dtype)
            styles = styles + 10 * given[:, None]
        return styles

    def synthesise(self, styles: Tensor) -> Tensor:
        return styles.mean(1).reshape(-1, 1, 2, 2)

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        styles = self.map(latents, *labels)
        return self.synthesise(styles[:, None].expand(-1, self.style_layers, -1))


class FirstPixel(nn.Module):
    """Images -> the first pixel as logit, (N,); with labels, as often as asked for."""

    def forward(self, images: Tensor, *labels: Tensor) -> Tensor:
        return images[:, 0, 0, 0]


def toy_generator(
    network: nn.Module | None = None,
    label_set: LabelSet | None = None,
    discriminator: nn.Module | None = None,
) -> TrainedGenerator:
    """A generator of images of four pixels; by default its latents are the pixels."""
    return TrainedGenerator(
        (network or Pixels()).eval(),
        SHAPE,
        LATENT_DIM,
        images_seen=64,
        label_set=label_set,
        discriminator=TrainedDiscriminator(
            (discriminator or FirstPixel()).eval(), takes_labels=label_set is not None
        ),
    )
