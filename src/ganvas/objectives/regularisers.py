"""Regularisers of the generator: from one batch of its images, or from its weights, to a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.objectives.batch import Network


@dataclass(frozen=True)
class GeneratorPass:
    """What regularisers see of the generator at one step."""

    latents: Tensor
    """(N, Z); requires grad."""
    generator: Network
    """latents (N, Z) -> images (N, C, H, W), with the labels bound."""
    matrices: Sequence[Tensor]
    """The weights that train, (M, filters, inputs) for each convolution and linear layer."""


Regulariser = Callable[[GeneratorPass], Tensor]
"""A pass -> (N,), or () of weights alone; the mean is added to the generator's loss, weighted."""

LARGEST_PULL = 1e5
"""What `mode_seeking` gives when two images are equal: the published code divides by 1e-5 more."""


def mode_seeking(batch: GeneratorPass) -> Tensor:
    """Mao 2019 (MSGAN), eq. 4: push images of different latents apart, relative to the latents.

    The paper maximises |G(z1) - G(z2)| / |z1 - z2| (mean absolute differences). As its code does,
    we minimise the inverse. Each latent is compared with its neighbour in the batch, under its own
    label.
    """
    others = batch.latents.roll(1, 0)
    images = batch.generator(batch.latents) - batch.generator(others)
    latents = (batch.latents - others).abs().mean(1)  # (N,)
    return 1 / (images.abs().flatten(1).mean(1) / latents + 1 / LARGEST_PULL)


def orthogonal(batch: GeneratorPass) -> Tensor:
    """Brock 2019, eq. 3: the squared inner products of a layer's filters with each other, summed.

    ||W W^T * (1 - I)||_F^2, with filters as rows of W, for all matrices together: (). Filters may
    have any length. Embeddings are left out, as in Brock 2019's code, which adds half of this
    term's gradient.
    """
    total = torch.zeros((), device=batch.latents.device)
    for matrices in batch.matrices:
        _, filters, inputs = matrices.shape
        # W W^T and W^T W have the same norm; without the diagonal of the first it is eq. 3.
        products = matrices @ matrices.mT if filters <= inputs else matrices.mT @ matrices
        own = matrices.square().sum(2)  # (M, filters)
        total = total + products.square().sum() - own.square().sum()
    return total


REGULARISERS: dict[str, Regulariser] = {"mode_seeking": mode_seeking, "orthogonal": orthogonal}
"""Every regulariser by the name that recipes use."""
