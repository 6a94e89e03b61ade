"""The first layer that latents reach in a generator, or styles: what it makes of them is known.

A family builds its first layer as one of these classes. So tools that look for directions in the
latents (`latents/directions.py`) find the weights without knowing the family. Elsewhere the layers
are what they derive from.

Imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ganvas.networks.convolutions import TransposedConvolution


class FirstLayer(ABC):
    """A layer of latents, or of styles, that is linear in them but for a bias.

    Where labels are concatenated, its inputs are latents, then an embedding. Where norms get chunks
    of the latents, its inputs are the latents that remain, which come first.
    """

    @abstractmethod
    def matrix(self) -> Tensor:
        """(O, I): how much of each input is in each output."""


class FirstLinear(FirstLayer, nn.Linear):
    """(N, I) -> (N, O)."""

    def matrix(self) -> Tensor:
        return self.weight


class FirstConvolution(FirstLayer, TransposedConvolution):
    """(N, I, 1, 1) -> (N, C, H, W), as large as its kernel."""

    def __init__(
        self, in_channels: int, out_channels: int, grid: tuple[int, int], bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, grid, stride=1, padding=0, bias=bias)

    def matrix(self) -> Tensor:
        return self.weight.flatten(1).T  # (C * H * W, I)


def first_layers(network: nn.Module) -> list[FirstLayer]:
    """Those of a network: one, or in a style generator one for each layer that takes a style."""
    return [module for module in network.modules() if isinstance(module, FirstLayer)]
