"""Constraints on the discriminator's weights, independent of the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


def clip_weights(discriminator: nn.Module, bound: float) -> None:
    """Clip every trainable parameter into [-bound, bound], in place, after an update.

    Arjovsky 2017, algorithm 1: the discriminator is then K-Lipschitz for some K that depends on the
    bound and the network. It is a poor way to enforce a given K (Gulrajani 2017, section 3).
    """
    with torch.no_grad():
        weights: list[Tensor] = [
            weight for weight in discriminator.parameters() if weight.requires_grad
        ]
        torch._foreach_clamp_min_(weights, -bound)
        torch._foreach_clamp_max_(weights, bound)


def spectral_norm(discriminator: nn.Module) -> None:
    """Divide each trainable weight by its largest singular value: of convolutions, linear layers
    and embeddings.

    Miyato 2018, algorithm 1: one power iteration per forward pass in training mode, on the weight
    reshaped to (out, in * height * width), in float32. Call it once, before the optimizer is built.
    The vectors of the iteration are drawn like weights. A weight that starts at zero (fix-up)
    cannot be normalised, so it is initialised anew.
    """
    for module in list(discriminator.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding) and module.weight.requires_grad:
            if not module.weight.any():
                nn.init.xavier_uniform_(module.weight)
            parametrize.register_parametrization(module, "weight", SpectralNorm(module.weight))


class SpectralNorm(parametrizations._SpectralNorm):
    """torch's spectral norm, in float32 where the network runs in bfloat16."""

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(weight)
