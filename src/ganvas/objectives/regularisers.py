"""Regularisers of the generator: from one batch of its images to one number per sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ganvas.objectives.batch import Network


@dataclass(frozen=True)
class GeneratorPass:
    """One batch of generated images, with their history."""

    latents: Tensor
    """(N, Z); requires grad."""
    images: Tensor
    """(N, C, H, W), the generator's images for `latents`."""
    generator: Network
    """latents (N, Z) -> images (N, C, H, W), with the labels bound."""


Regulariser = Callable[[GeneratorPass], Tensor]
"""A pass -> (N,), to be added to the generator's loss with a weight."""

LARGEST_PULL = 1e5
"""What `mode_seeking` gives when two images are equal: the published code divides by 1e-5 more."""


def mode_seeking(batch: GeneratorPass) -> Tensor:
    """Mao 2019 (MSGAN), eq. 4: push images of different latents apart, relative to the latents.

    The paper maximises |G(z1) - G(z2)| / |z1 - z2| (mean absolute differences). As its code does,
    we minimise the inverse. Each latent is compared with its neighbour in the batch, under its own
    label.
    """
    others = batch.latents.roll(1, 0)
    images = (batch.images - batch.generator(others)).abs().flatten(1).mean(1)  # (N,)
    latents = (batch.latents - others).abs().mean(1)  # (N,)
    return 1 / (images / latents + 1 / LARGEST_PULL)


REGULARISERS: dict[str, Regulariser] = {"mode_seeking": mode_seeking}
"""Every regulariser by the name that recipes use."""
