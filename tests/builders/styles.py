"""A style generator of a few weights, whose styles and images are known in closed form."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.networks import ImageShape
from ganvas.networks.first_layers import FirstLinear

LATENT_DIM, STYLE_DIM, LAYERS, SIDE = 4, 4, 4, 16
STRETCH = torch.tensor([3.0, 1.0, 2.0, 0.5])
"""Styles are latents, each stretched by one of these."""
LABELS = LabelSet(("cat", "dog", "bird"), (50, 30, 20))


class ToyStyles(nn.Module):
    """Styles are stretched latents, plus a vector of the label. Layer i draws rows 4i to 4i + 3."""

    mean_styles: Tensor

    def __init__(self, num_labels: int = 0) -> None:
        super().__init__()
        self.style_layers = LAYERS
        self.num_labels = num_labels
        self.layers = nn.ModuleList(
            FirstLinear(STYLE_DIM, SIDE * SIDE // LAYERS) for _ in range(LAYERS)
        )
        centres = torch.arange(num_labels * STYLE_DIM).float().view(num_labels, STYLE_DIM)
        self.register_buffer("mean_styles", centres if num_labels else torch.zeros(STYLE_DIM))

    def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
        styles = latents * STRETCH
        for each in labels:
            mixtures = each if each.is_floating_point() else F.one_hot(each, self.num_labels)
            styles = styles + mixtures.float() @ self.mean_styles
        return styles

    def synthesise(self, styles: Tensor) -> Tensor:
        bands = [layer(styles[:, index]) for index, layer in enumerate(self.layers)]
        return torch.stack(bands, 1).view(-1, 1, SIDE, SIDE).tanh()

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        return self.synthesise(self.map(latents, *labels).unsqueeze(1).expand(-1, LAYERS, -1))


def toy_generator(*, labelled: bool = False) -> TrainedGenerator:
    """A `TrainedGenerator` of `ToyStyles`, grey, 16x16."""
    torch.manual_seed(0)
    network = ToyStyles(len(LABELS.names) if labelled else 0)
    return TrainedGenerator(
        network.eval().requires_grad_(False),
        ImageShape(1, SIDE, SIDE),
        LATENT_DIM,
        images_seen=64,
        label_set=LABELS if labelled else None,
    )
