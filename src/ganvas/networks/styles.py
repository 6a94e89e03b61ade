"""A generator with a style space: it maps latents to styles, and makes images of styles."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class StyleBased(Protocol):
    """A network that is called as every generator is, in two steps (Karras 2019, section 2).

    `network(latents, *labels)` is `synthesise` of the styles of `map`, the same for all layers.
    """

    style_layers: int
    """L: how many layers take a style."""
    mean_styles: Tensor
    """A buffer: the running mean of the styles of training, (S,), or (K, S), one for each label."""

    def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
        """Styles (N, S) of latents (N, Z); labels int64 (N,), or mixtures float32 (N, K)."""
        ...

    def synthesise(self, styles: Tensor) -> Tensor:
        """Images (N, C, H, W) of styles (N, L, S), one for each layer."""
        ...
