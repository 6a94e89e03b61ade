"""Where a critic's weights lie between the bounds that they are clipped to."""

from __future__ import annotations

import torch

from ganvas.health.probes.logits import share
from ganvas.health.probes.subject import Numbers, Subject

AT_THE_BOUND = 0.99
SMALL = 0.01
"""Of the bound."""


def clipping(subject: Subject) -> Numbers:
    """How many weights are at the bound, and how many are next to nothing.

    Clipped weights pile up at the bounds, and the critic then models the simplest functions only
    (Gulrajani 2017, section 3.1, figure 1b). Norms and biases are not counted.
    """
    bound = subject.objective.clip_bound
    if bound == 0:
        return {}
    layers = [weight for weight in subject.discriminator.parameters() if weight.dim() >= 2]
    weights = torch.cat([weight.detach().flatten() for weight in layers])
    return {
        "probe/clip/share": share(weights.abs() >= AT_THE_BOUND * bound),
        "probe/clip/small": share(weights.abs() <= SMALL * bound),
    }
