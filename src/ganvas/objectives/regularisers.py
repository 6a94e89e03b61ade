"""Regularisers of the generator: from one batch of its images, or from its weights, to a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.objectives.batch import BoundNetwork
from ganvas.processes import ProcessGroup
from ganvas.randomness import draw_normal


class StyleSteps(NamedTuple):
    """The two steps of a generator with a style space, with the labels bound."""

    styles: BoundNetwork
    """latents (N, Z) -> styles (N, L, S), mixed if training mixes them."""
    synthesise: BoundNetwork
    """styles (N, L, S) -> images (N, C, H, W)."""


@dataclass
class GeneratorPass:
    """What regularisers see of the generator at one step."""

    latents: Tensor
    """(N, Z); requires grad."""
    generator: BoundNetwork
    """latents (N, Z) -> images (N, C, H, W), with the labels bound."""
    matrices: Sequence[Tensor]
    """The weights that train, (M, filters, inputs) for each convolution and linear layer."""
    steps: StyleSteps | None = None
    """Of the generator; None without a style space."""
    noise: Tensor = field(default_factory=lambda: torch.empty(0))
    """(N, C, H, W), of `path_noise`; empty unless `path_length` is due."""
    path_average: Tensor = field(default_factory=lambda: torch.empty(0))
    """(1,), the moving average of path lengths; empty if nothing uses it."""

    # Not functools.cached_property: torch.compile cannot trace their lock.
    _path_lengths: Tensor | None = field(default=None, init=False, repr=False)

    @property
    def path_lengths(self) -> Tensor:
        """(N,), by `path_lengths`, computed once; only of a generator with a style space."""
        if self._path_lengths is None:
            assert self.steps is not None
            styles = self.steps.styles(self.latents)
            self._path_lengths = path_lengths(self.steps.synthesise(styles), styles, self.noise)
        return self._path_lengths


Regulariser = Callable[[GeneratorPass], Tensor]
"""A pass -> (N,), or () of weights alone; the mean is added to the generator's loss, weighted."""

LARGEST_PULL = 1e5
"""What `mode_seeking` gives when two images are equal: the published code divides by 1e-5 more."""

PATH_DECAY = 0.99
"""Of the moving average of path lengths, per regularised batch (Karras 2020, appendix B)."""


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


def path_length(batch: GeneratorPass) -> Tensor:
    """Karras 2020, eq. 4: (|J^T y| - a)^2, with a the moving average of |J^T y|.

    It makes a step in the style space change images by the same amount everywhere. The average
    is that before this batch, so that it is the same for all processes; the published code has
    already moved it by a hundredth. That code takes half of the batch to save memory; this takes
    all of it.
    """
    return (batch.path_lengths - batch.path_average).square()  # (N,)


def path_lengths(images: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
    """|J^T y| of each image, (N,): how fast it changes with its styles; differentiable again.

    J is the derivative of the image by its styles. Of several layers it is the root of the mean of
    |J^T y|^2 over layers, as in the published code.

    Args:
        images: (N, C, H, W), made of these styles.
        styles: (N, L, S), with a history or requiring grad.
        noise: y, of `path_noise`.
    """
    (gradient,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def path_noise(images: Tensor, random: torch.Generator, processes: ProcessGroup) -> Tensor:
    """y: normal pixels over sqrt(H W), so that lengths do not depend on the size (the code's)."""
    pixels = images.shape[2] * images.shape[3]
    return draw_normal(tuple(images.shape), random, processes, images.dtype) / math.sqrt(pixels)


def update_path_average(average: Tensor, length: Tensor) -> None:
    """Move the average (1,) towards the mean length (1,) of a batch, in place."""
    with torch.no_grad():
        average.lerp_(length, 1 - PATH_DECAY)


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


REGULARISERS: dict[str, Regulariser] = {
    "mode_seeking": mode_seeking,
    "orthogonal": orthogonal,
    "path_length": path_length,
}
"""Every regulariser by the name that recipes use."""
