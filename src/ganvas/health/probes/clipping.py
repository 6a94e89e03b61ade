"""Where the weights of a critic lie between the bounds of weight clipping."""

from __future__ import annotations

import torch

from ganvas.health.probes.context import ProbeContext, ProbeValues, trainable
from ganvas.health.probes.logits import fraction

AT_BOUND = 0.99
SMALL = 0.01
"""Both as fractions of the bound."""


def clipping(context: ProbeContext) -> ProbeValues:
    """The fraction of weights at the bound, and of weights near zero. Empty without clipping.

    Clipped weights pile up at the bounds, and the critic then models the simplest functions only
    (Gulrajani 2017, section 3.1, figure 1b). Norms, biases and frozen weights are not counted.
    """
    bound = context.objective.clip_bound
    if bound == 0:
        return {}
    layers = [weight for weight in trainable(context.discriminator) if weight.dim() >= 2]
    weights = torch.cat([weight.detach().flatten() for weight in layers])
    return {
        "probe/clip/share": fraction(weights.abs() >= AT_BOUND * bound),
        "probe/clip/small": fraction(weights.abs() <= SMALL * bound),
    }
