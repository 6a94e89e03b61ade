"""LeCam regularisation: the discriminator's logits are kept near their averages (Tseng 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.objectives.batch import DiscriminatorBatch
from ganvas.objectives.settings import LossName

FIRST_STEP = 1_000
"""Discriminator steps before the term begins, so that the averages mean something (the authors'
code). What they started from then counts 0.99^1000, 4e-5."""

DECAY = 0.99
"""Of the moving averages, per discriminator step (the authors' code)."""

STRENGTHS: dict[LossName, float] = {
    "hinge": 0.3,
    "minimax": 0.01,
    "non-saturating": 0.01,
    "least-squares": 0.05,
    "relativistic": 0.02,
    "wasserstein": 0.01,
}
"""What a weight of 1 stands for, because each loss has logits of its own scale.

Published is that of hinge (BigGAN, CIFAR-10). There, if all reals get one logit and all fakes
another, the distance of the two settles at 1 / (2 * 0.3), five sixths of the 2 that the loss alone
asks for. The others are our own estimates of the same: 5/6 of the distance for least-squares; a
discriminator that is 90 % sure for the three with cross-entropy; for wasserstein, which asks for
no distance, at most 50. For StyleGAN2, non-saturating with R1, the authors published 1e-6 (CIFAR)
and 3e-7 (FFHQ), weights of 1e-4 and 3e-5 here.
"""


def lecam(batch: DiscriminatorBatch, strength: float) -> Tensor:
    """Tseng 2021, eq. 4, as in the authors' code: max(0, D(x) - a_F)^2 + max(0, a_R - D(G(z)))^2,
    with moving averages a_R and a_F of the mean logits of reals and fakes; (N,) or (N, K)."""
    real_average, fake_average = batch.logit_averages.unbind()
    real = (batch.real_logits - fake_average).relu().square()
    fake = (real_average - batch.fake_logits).relu().square()
    return strength * (real + fake)


def update_averages(averages: Tensor, means: Tensor) -> None:
    """Move the averages (2,) of real and fake logits towards the means of a step, in place."""
    with torch.no_grad():
        averages.lerp_(means, 1 - DECAY)
