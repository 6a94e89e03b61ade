"""A generator with a style space: it maps latents to styles, and makes images of styles."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class StyleBased(Protocol):
    """A network that is called as every generator is, in two steps (Karras 2019, section 2).

    `network(latents, *labels)` is `synthesise` of the styles of `map`, the same for all layers.
    """

    style_layers: int
    """L: how many layers take a style."""

    @property
    def mean_styles(self) -> Tensor:
        """The running mean of the styles of training, (S,), or (K, S), one for each label."""
        ...

    def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
        """Styles (N, S) of latents (N, Z); labels int64 (N,), or mixtures float32 (N, K)."""
        ...

    def synthesise(self, styles: Tensor) -> Tensor:
        """Images (N, C, H, W) of styles (N, L, S), one for each layer."""
        ...


class StyleMixing(NamedTuple):
    """What finer layers take their styles from, for each image of a batch."""

    others: Tensor
    """(N, Z), further latents."""
    crossover: Tensor
    """int64 (N,), the first layer that takes the styles of `others`; L: none does."""


def same_for_all(styles: Tensor, layers: int) -> Tensor:
    """Styles (N, S) for every layer, (N, L, S)."""
    return styles.unsqueeze(1).expand(-1, layers, -1)


def mix_styles(coarse: Tensor, fine: Tensor, crossover: Tensor) -> Tensor:
    """The styles (N, L, S) of one image in coarse layers, of another in finer ones.

    Style mixing (Karras 2019, section 3.1).

    Args:
        coarse, fine: (N, L, S).
        crossover: int64 (N,), the first layer that takes the fine styles.
    """
    layers = torch.arange(coarse.shape[1], device=coarse.device)
    return torch.where((layers < crossover[:, None])[:, :, None], coarse, fine)


def training_styles(
    network: StyleBased, latents: Tensor, labels: tuple[Tensor, ...], mixing: StyleMixing | None
) -> Tensor:
    """The styles (N, L, S) of latents (N, Z), mixed if training mixes them."""
    styles = same_for_all(network.map(latents, *labels), network.style_layers)
    if mixing is None:
        return styles
    others = same_for_all(network.map(mixing.others, *labels), network.style_layers)
    return mix_styles(styles, others, mixing.crossover)
