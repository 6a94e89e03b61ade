"""Penalties on the discriminator: from one pass of a batch to one number per sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.objectives.batch import DiscriminatorBatch
from ganvas.processes import ProcessGroup
from ganvas.randomness import draw_uniform

Penalty = Callable[[DiscriminatorBatch], Tensor]
"""A batch -> (N,), to be added to the discriminator's loss with a weight."""


def r1(batch: DiscriminatorBatch) -> Tensor:
    """Mescheder 2018, eq. 9, without its weight: |grad D(x)|^2 / 2 on real images."""
    return input_gradient(batch.real_logits, batch.real).square().sum(1) / 2  # (N,)


def r2(batch: DiscriminatorBatch) -> Tensor:
    """Mescheder 2018, eq. 10, without its weight: |grad D(G(z))|^2 / 2 on fakes."""
    return input_gradient(batch.fake_logits, batch.fake).square().sum(1) / 2  # (N,)


def gradient_penalty(batch: DiscriminatorBatch) -> Tensor:
    """Gulrajani 2017, eq. 3: (|grad D(y)| - 1)^2 at y on the lines between real and fake."""
    return (interpolate_gradient_norm(batch) - 1).square()  # (N,)


def one_sided_gradient_penalty(batch: DiscriminatorBatch) -> Tensor:
    """Gulrajani 2017, section 5: max(0, |grad D(y)| - 1)^2, so only steep places are punished."""
    return (interpolate_gradient_norm(batch) - 1).clamp(min=0).square()  # (N,)


def interpolate_gradient_norm(batch: DiscriminatorBatch) -> Tensor:
    """|grad D(y)| at y = e x + (1 - e) G(z), with e uniform in [0, 1], one per sample; (N,)."""
    return gradient_norm(batch, torch.lerp(batch.fake, batch.real, batch.alpha))


def gradient_norm(batch: DiscriminatorBatch, images: Tensor) -> Tensor:
    """|grad D(y)| at images y (N, C, H, W); (N,)."""
    gradient = input_gradient(batch.discriminator(images), images)
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return norm  # (N,)


def dragan(batch: DiscriminatorBatch) -> Tensor:
    """Kodali 2017, section 2.3: (|grad D(y)| - 1)^2 at y near real images.

    As in the authors' code y = x + e d, with d of `dragan_noise` and e uniform in [0, 1], one per
    sample. The paper writes normal noise instead.
    """
    near = batch.real + batch.alpha * batch.noise
    return (gradient_norm(batch, near) - 1).square()  # (N,)


def dragan_noise(real: Tensor, random: torch.Generator, processes: ProcessGroup) -> Tensor:
    """Kodali 2017, the authors' code: s / 2 * u, with s the standard deviation of all values of the
    batch of all processes, and u uniform in [0, 1), one per pixel; (N, C, H, W)."""
    moments = torch.stack([real.mean(), real.square().mean()])
    processes.all_reduce_mean([moments])
    mean, square = moments.unbind()
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    return deviation / 2 * draw_uniform(tuple(real.shape), random, processes, real.dtype)


def reconstruction(batch: DiscriminatorBatch) -> Tensor:
    """Liu 2021, eq. 4: how far real images are from those that decoders make of the features.

    It keeps the discriminator from looking only at what separates few reals from fakes. No
    gradient at an image is needed.
    """
    return batch.reconstruction_errors  # (N,)


def input_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """Each logit's gradient with respect to its own image, (N, C * H * W); differentiable again.

    Logits are (N,), or (N, K), whose K heads are summed.
    Right only where a logit depends on no other image of the batch. Where logits are of groups, it
    is each image's part of the gradient of its group's sum (`Discriminator.group_size`).
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.flatten(1)  # (N, C*H*W)


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r2": r2,
    "gradient_penalty": gradient_penalty,
    "one_sided_gradient_penalty": one_sided_gradient_penalty,
    "dragan": dragan,
}
"""Every penalty on the gradient by the name that recipes use."""
