"""Weights as matrices whose rows are filters: orthogonal initialisation, spectral norm.

Imports torch. A layer may hold several matrices, stacked as (M, filters, inputs): a grouped
convolution one for each group, conditional gains and biases one each.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.networks.labels import GainsAndBiases
from ganvas.precision import without_autocast

FilterLayer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear
"""Layers whose outputs are inner products with filters."""


# -- Matrices ------------------------------------------------------------------------------------


def matrix_count(layer: nn.Module) -> int:
    """How many matrices a layer's weight holds."""
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            return layer.groups
        case GainsAndBiases():
            return layer.maps
        case _:
            return 1


def trainable_matrices(network: nn.Module) -> list[Tensor]:
    """The weights that train, (M, filters, inputs) for each convolution and linear layer.

    With history, and as the optimizer sees them: before any spectral norm.
    """
    stacks = []
    for layer in network.modules():
        if not isinstance(layer, FilterLayer):
            continue
        weight = layer.weight
        if parametrize.is_parametrized(layer, "weight"):
            weight = layer.get_parameter("parametrizations.weight.original")
        if weight.requires_grad:
            stack = weight.reshape(matrix_count(layer), -1, *weight.shape[1:])
            if isinstance(layer, nn.ConvTranspose2d):  # (M, inputs, filters, height, width)
                stack = stack.transpose(1, 2)
            stacks.append(stack.flatten(2))
    return stacks


# -- Initial weights -----------------------------------------------------------------------------


def init_orthogonal_(network: nn.Module) -> None:
    """Draw weights orthogonal, embeddings too; set biases to zero (Brock 2019, section 3).

    The shorter side of every matrix is orthonormal (Saxe 2014). For convolutions without groups
    that are not transposed, linear layers and embeddings.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            for matrix in layer.weight.chunk(matrix_count(layer)):
                nn.init.orthogonal_(matrix)
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


# -- Spectral norm -------------------------------------------------------------------------------


class StackedSpectralNorm(nn.Module):
    """Divides each matrix of a weight by its largest singular value (Miyato 2018, algorithm 1).

    One power iteration per forward pass in training mode, in float32. An EMA of the network
    averages the vectors of the iteration too; in evaluation mode another iteration, which moves
    nothing, makes up for that (as in Brock 2019's code). Orthogonal first weights need no
    iterations before the first step: their singular values are alike.

    Args:
        weight: that of a layer, with filters first; not zero.
        count: how many matrices it holds.
    """

    left: Tensor
    """(M, 1, filters), the largest left singular vectors as far as known."""

    def __init__(self, weight: Tensor, count: int) -> None:
        super().__init__()
        start = torch.randn(
            count, 1, len(weight) // count, device=weight.device, dtype=weight.dtype
        )
        self.register_buffer("left", start)

    def forward(self, weight: Tensor) -> Tensor:
        with without_autocast(weight):
            matrices = weight.reshape(*self.left.shape[::2], -1)  # (M, filters, inputs)
            right = F.normalize(self.left @ matrices.detach(), dim=2)  # (M, 1, inputs)
            # The norm of W v is u^T W v; its gradient u v^T is that of eq. 12.
            responses = matrices @ right.mT  # (M, filters, 1)
            largest = responses.norm(dim=1, keepdim=True)  # (M, 1, 1)
            if self.training:
                self.left.copy_((responses / largest).mT.detach())
            by_filter = largest.expand(-1, matrices.shape[1], -1)
            normalised: Tensor = weight / by_filter.reshape(-1, *[1] * (weight.dim() - 1))
        return normalised


def normalise_spectra(network: nn.Module) -> None:
    """Apply `StackedSpectralNorm` to every convolution and linear layer, once, in place.

    Not to embeddings: Brock 2019's code leaves the generator's as it is.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            norm = StackedSpectralNorm(layer.weight, matrix_count(layer))
            parametrize.register_parametrization(layer, "weight", norm)
