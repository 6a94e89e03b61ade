"""Penalties on the discriminator's gradient: from one pass of a batch to one number per sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DiscriminatorPass:
    """One batch shown to the discriminator, with what was already computed.

    Where samples are packed (`objective.pac`), an image here is a pack of them.

    judge: images (N, C, H, W) -> logits (N,).
    real, fake: (N, C, H, W) around [-1, 1], augmented where that is asked for; leaves that require
        grad when a penalty is due.
    real_logits, fake_logits: (N,), `judge` of the two.
    share: (N, 1, 1, 1) uniform in [0, 1): where between its fake and its real a penalty looks.
    """

    judge: Callable[[Tensor], Tensor]
    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    share: Tensor


Penalty = Callable[[DiscriminatorPass], Tensor]
"""A pass -> (N,), to be added to the discriminator's loss with a weight."""


def r1(batch: DiscriminatorPass) -> Tensor:
    """Mescheder 2018, eq. 9, without its weight: |grad D(x)|^2 / 2 on real images."""
    return input_gradient(batch.real_logits, batch.real).square().sum(1) / 2  # (N,)


def r2(batch: DiscriminatorPass) -> Tensor:
    """Mescheder 2018, eq. 10, without its weight: |grad D(G(z))|^2 / 2 on fakes."""
    return input_gradient(batch.fake_logits, batch.fake).square().sum(1) / 2  # (N,)


def gradient_penalty(batch: DiscriminatorPass) -> Tensor:
    """Gulrajani 2017, eq. 3: (|grad D(y)| - 1)^2 at y on the lines between real and fake."""
    return (interpolate_gradient_norm(batch) - 1).square()  # (N,)


def one_sided_gradient_penalty(batch: DiscriminatorPass) -> Tensor:
    """Gulrajani 2017, section 5: max(0, |grad D(y)| - 1)^2, so only steep places are punished."""
    return (interpolate_gradient_norm(batch) - 1).clamp(min=0).square()  # (N,)


def interpolate_gradient_norm(batch: DiscriminatorPass) -> Tensor:
    """|grad D(y)| at y = e x + (1 - e) G(z), with e uniform in [0, 1], one a sample; (N,)."""
    between = torch.lerp(batch.fake, batch.real, batch.share)
    norm: Tensor = torch.linalg.vector_norm(input_gradient(batch.judge(between), between), dim=1)
    return norm  # (N,)


def input_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """Each logit's gradient with respect to its own image, flattened; differentiable again.

    Right only where a logit depends on no other image of the batch.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.flatten(1)  # (N, C*H*W)


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r2": r2,
    "gradient_penalty": gradient_penalty,
    "one_sided_gradient_penalty": one_sided_gradient_penalty,
}
"""Every penalty by the name that recipes use."""
