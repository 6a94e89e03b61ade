"""The generator's exponential moving average, which is what gets sampled and handed over."""

from __future__ import annotations

import copy

import torch
from torch import nn


def averaged_copy(generator: nn.Module) -> nn.Module:
    """A copy that training never touches but through `update_average`; kept in eval mode."""
    return copy.deepcopy(generator).eval().requires_grad_(False)


def update_average(
    average: nn.Module,
    generator: nn.Module,
    *,
    images: int,
    images_seen: int,
    half_life: float,
    ramp_up: float,
) -> None:
    """Move the average towards the generator, in place.

    average <- d average + (1 - d) generator, with d = 0.5^(images / half-life) (Karras 2018);
    running statistics of normalisation layers are averaged like weights, counters are copied.

    Args:
        images: images seen since the last update.
        images_seen: images seen in all, for the ramp-up.
        half_life: images after which a weight counts half; 0 copies the generator.
        ramp_up: the half-life is at most this share of the images seen, so that early on the
            average does not hang on to the untrained weights (Karras 2020, ADA).
    """
    half_life = min(half_life, int(ramp_up * images_seen))
    keep = 0.5 ** (images / half_life) if half_life > 0 else 0.0
    ours, theirs = (list(network.state_dict().values()) for network in (average, generator))
    floating = [index for index, tensor in enumerate(ours) if tensor.is_floating_point()]
    with torch.no_grad():
        torch._foreach_lerp_([ours[i] for i in floating], [theirs[i] for i in floating], 1 - keep)
        for index in set(range(len(ours))) - set(floating):
            ours[index].copy_(theirs[index])
