"""The generator's exponential moving average, which is what gets sampled and handed over."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn


def averaged_copy(generator: nn.Module) -> nn.Module:
    """A copy that training never touches but through `update_average`; kept in eval mode."""
    return copy.deepcopy(generator).eval().requires_grad_(False)


class Pairs(NamedTuple):
    """Every tensor of the average, and the generator's that it follows, in the same order.

    Gathered once, because asking two networks for theirs takes longer than the update itself.
    """

    average: list[Tensor]
    generator: list[Tensor]
    counters: list[tuple[Tensor, Tensor]]
    """Those of whole numbers, which are not averaged."""

    @classmethod
    def of(cls, average: nn.Module, generator: nn.Module) -> Pairs:
        """Those of two networks, which must keep their tensors from now on."""
        ours, theirs = (list(network.state_dict().values()) for network in (average, generator))
        both = list(zip(ours, theirs, strict=True))
        floating = [pair for pair in both if pair[0].is_floating_point()]
        counters = [pair for pair in both if not pair[0].is_floating_point()]
        return cls([pair[0] for pair in floating], [pair[1] for pair in floating], counters)


def update_average(
    pairs: Pairs, *, images: int, images_seen: int, half_life: float, ramp_up: float
) -> None:
    """Move the average towards the generator, in place.

    average <- d average + (1 - d) generator, with d = 0.5^(images / half-life) (Karras 2018);
    running statistics of normalisation layers are averaged like weights, counters are copied.

    Args:
        pairs: the tensors of both.
        images: images seen since the last update.
        images_seen: images seen in all, for the ramp-up.
        half_life: images after which a weight counts half; 0 copies the generator.
        ramp_up: the half-life is at most this share of the images seen, so that early on the
            average does not hang on to the untrained weights (Karras 2020, ADA).
    """
    half_life = min(half_life, int(ramp_up * images_seen))
    keep = 0.5 ** (images / half_life) if half_life > 0 else 0.0
    with torch.no_grad():
        torch._foreach_lerp_(pairs.average, pairs.generator, 1 - keep)
        for ours, theirs in pairs.counters:
            ours.copy_(theirs)
