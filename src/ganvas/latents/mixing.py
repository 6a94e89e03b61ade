"""Style mixing: coarse layers of one image, fine layers of another (Karras 2019, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganvas.errors import GanvasError
from ganvas.latents.directions import layer_mask
from ganvas.latents.latents import Latents, styles_of
from ganvas.networks.styles import StyleBased


def with_styles(network: nn.Module) -> nn.Module:
    """The network.

    Raises:
        GanvasError: it has no style space.
    """
    if not isinstance(network, StyleBased):
        raise GanvasError(
            "this generator has no styles that could be mixed. To go from one of its images to "
            "another, use ganvas interpolate; to mix, train a style generator"
        )
    return network


def coarse_layers(network: nn.Module) -> Sequence[int]:
    """The first half of the layers that take a style."""
    assert isinstance(network, StyleBased)
    return range(network.style_layers // 2)


def mix(network: nn.Module, rows: Latents, columns: Latents, layers: Sequence[int]) -> Latents:
    """Styles of every pair: chosen layers of the row, all others of the column.

    Args:
        network: with a style space.
        rows, columns: R and C of them.
        layers: those that the row decides, from 0, the coarsest.

    Returns:
        R * C styles, row after row.

    Raises:
        GanvasError: no such layer.
        TypeError: the network has no style space.
    """
    coarse = styles_of(network, rows).values[:, None]  # (R, 1, L, S)
    fine = styles_of(network, columns).values[None]  # (1, C, L, S)
    chosen = layer_mask(coarse.shape[2], layers).bool().to(coarse.device)  # (L, 1)
    return Latents(torch.where(chosen, coarse, fine).flatten(0, 1), None, "w")
