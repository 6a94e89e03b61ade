"""Generators that are one linear map, so that what is nearest to a picture is known in advance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE = 8


def drawn(shape: tuple[int, ...], seed: int) -> Tensor:
    """Normal numbers whose columns are about as long as each other."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return 0.4 * matrix / shape[-1] ** 0.5


class LinearGenerator(nn.Module):
    """Images (N, 1, 8, 8) that are linear in the latents (N, Z); of each label another map."""

    def __init__(self, latent_dim: int, labels: int = 1, seed: int = 0) -> None:
        super().__init__()
        weights = drawn((labels, SIDE * SIDE, latent_dim), seed)
        self.weights = nn.Parameter(weights, requires_grad=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        chosen = self.weights[0] if labels is None else self.weights[labels]
        pixels: Tensor = (chosen @ latents[:, :, None]).view(-1, 1, SIDE, SIDE)
        return pixels


class LinearStyleGenerator(nn.Module):
    """Images (N, 1, 8, 8) that are the sum of a linear map of each layer's style (S,)."""

    mean_styles: Tensor

    def __init__(self, latent_dim: int, style_dim: int, layers: int) -> None:
        super().__init__()
        self.style_layers = layers
        self.mapping = nn.Parameter(drawn((style_dim, latent_dim), 1), requires_grad=False)
        weights = drawn((layers, SIDE * SIDE, style_dim), 2)
        self.weights = nn.Parameter(weights, requires_grad=False)
        self.register_buffer("mean_styles", torch.zeros(style_dim))

    def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
        return latents @ self.mapping.T

    def synthesise(self, styles: Tensor) -> Tensor:
        pixels = torch.einsum("lps,nls->np", self.weights, styles)
        return pixels.view(-1, 1, SIDE, SIDE)

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        styles = self.map(latents, *labels)[:, None].expand(-1, self.style_layers, -1)
        return self.synthesise(styles)
