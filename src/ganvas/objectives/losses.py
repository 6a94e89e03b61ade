"""Adversarial losses: two functions each, from logits to one loss per logit.

Each player minimises its own function. Logits are (N,), or (N, K) of a discriminator with K
heads, and unbounded; real and fake logits are paired by position. `real_label` is the target of
real samples: 1.0, or 0.9 with one-sided label smoothing (Salimans 2016, section 3.4). The target of
fakes is never smoothed, because that would leave bad samples no incentive to move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the usual name


@dataclass(frozen=True)
class Loss:
    """The loss functions of both players.

    discriminator: (real_logits, fake_logits, real_label) -> one loss per logit
    generator: (fake_logits, real_logits) -> one loss per logit
    generator_sees_real: whether the generator's loss depends on the real logits; if not, they are
        passed as zeros.
    """

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    generator_sees_real: bool = False


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """Binary cross-entropy of sigmoid(logits) against one target in [0, 1]; same shape out.

    -t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x, finite for every logit.
    """
    return F.softplus(logits) - target * logits


def bce_discriminator(real_logits: Tensor, fake_logits: Tensor, real_label: float) -> Tensor:
    """The discriminator of Goodfellow 2014, eq. 1: -log D(x) - log(1 - D(G(z)))."""
    return cross_entropy(real_logits, real_label) + cross_entropy(fake_logits, 0.0)


def minimax_generator(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Goodfellow 2014, eq. 1: log(1 - D(G(z))); its gradient vanishes for a confident D."""
    return -F.softplus(fake_logits)


def non_saturating_generator(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Goodfellow 2014, section 3: -log D(G(z)), with strong gradients early on."""
    return F.softplus(-fake_logits)


def least_squares_discriminator(
    real_logits: Tensor, fake_logits: Tensor, real_label: float
) -> Tensor:
    """Mao 2017, eq. 9 with a = 0, b = real_label: ((D(x) - b)^2 + D(G(z))^2) / 2."""
    return ((real_logits - real_label).square() + fake_logits.square()) / 2


def least_squares_generator(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Mao 2017, eq. 9 with c = 1: (D(G(z)) - 1)^2 / 2."""
    return (fake_logits - 1).square() / 2


def hinge_discriminator(real_logits: Tensor, fake_logits: Tensor, real_label: float) -> Tensor:
    """Lim and Ye 2017; Miyato 2018, eq. 16: max(0, 1 - D(x)) + max(0, 1 + D(G(z))).

    It has margins instead of targets; `real_label` is the margin that real samples must reach.
    """
    return F.relu(real_label - real_logits) + F.relu(1 + fake_logits)


def wasserstein_discriminator(
    real_logits: Tensor, fake_logits: Tensor, real_label: float
) -> Tensor:
    """Arjovsky 2017, eq. 3: D(G(z)) - D(x).

    This loss has no labels to smooth, so `real_label` weights the real term. A value below 1 breaks
    the invariance to a constant shift of the discriminator: without a constraint, it then lowers
    its loss without bound by lowering all logits together.
    """
    return fake_logits - real_label * real_logits


def wasserstein_generator(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Arjovsky 2017, algorithm 1: -D(G(z)); Miyato 2018, eq. 17 uses it with the hinge loss too."""
    return -fake_logits


def relativistic_discriminator(
    real_logits: Tensor, fake_logits: Tensor, real_label: float
) -> Tensor:
    """Jolicoeur-Martineau 2018 (RpGAN); Huang 2024, eq. 2: softplus(-(D(x) - D(G(z)))), paired.

    `real_label` is the target of "x is more real than G(z)", in cross-entropy on the difference.
    """
    return cross_entropy(real_logits - fake_logits, real_label)


def relativistic_generator(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """The same with real and fake exchanged: softplus(-(D(G(z)) - D(x)))."""
    return F.softplus(real_logits - fake_logits)


LOSSES: dict[str, Loss] = {
    "minimax": Loss(bce_discriminator, minimax_generator),
    "non-saturating": Loss(bce_discriminator, non_saturating_generator),
    "least-squares": Loss(least_squares_discriminator, least_squares_generator),
    "hinge": Loss(hinge_discriminator, wasserstein_generator),
    "wasserstein": Loss(wasserstein_discriminator, wasserstein_generator),
    "relativistic": Loss(
        relativistic_discriminator, relativistic_generator, generator_sees_real=True
    ),
}
"""Every loss by its name in recipes."""
