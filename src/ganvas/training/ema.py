"""The exponential moving average (EMA) of the generator: the one that is sampled and exported."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn


def ema_copy(generator: nn.Module) -> nn.Module:
    """A copy that only `update_ema` changes; kept in eval mode, without gradients."""
    return copy.deepcopy(generator).eval().requires_grad_(False)


class EmaPairs(NamedTuple):
    """Every tensor of the EMA beside the generator's that it follows, in the same order.

    Gathered once, because asking two networks for their tensors takes longer than the update.
    Frozen parameters never change, so they are left out.
    """

    ema: list[Tensor]
    generator: list[Tensor]
    counters: list[tuple[Tensor, Tensor]]
    """Integer tensors, which are copied, not averaged."""

    @classmethod
    def of(cls, ema: nn.Module, generator: nn.Module) -> EmaPairs:
        """The pairs of two networks, which must keep their tensors from now on."""
        frozen = {name for name, weight in generator.named_parameters() if not weight.requires_grad}
        ema_tensors, tensors = ema.state_dict(), generator.state_dict()
        pairs = [(ema_tensors[name], tensors[name]) for name in tensors if name not in frozen]
        floating = [pair for pair in pairs if pair[0].is_floating_point()]
        counters = [pair for pair in pairs if not pair[0].is_floating_point()]
        return cls([pair[0] for pair in floating], [pair[1] for pair in floating], counters)


def update_ema(
    pairs: EmaPairs, *, images: int, images_seen: int, half_life: float, rampup: float
) -> None:
    """Move the EMA towards the generator, in place.

    ema <- d ema + (1 - d) generator, with d = 0.5^(images / half-life) (Karras 2018). Running
    statistics of normalisation layers are averaged like weights, counters are copied.

    Args:
        pairs: the tensors of both.
        images: images seen since the last update.
        images_seen: images seen in all at this size, for the ramp-up.
        half_life: images after which a weight counts half; 0 copies the generator.
        rampup: the half-life is at most this fraction of the images seen, so that the EMA soon
            forgets the untrained weights (Karras 2020, ADA); 0: no ramp-up.
    """
    if rampup > 0:
        half_life = min(half_life, int(rampup * images_seen))
    decay = 0.5 ** (images / half_life) if half_life > 0 else 0.0
    with torch.no_grad():
        torch._foreach_lerp_(pairs.ema, pairs.generator, 1 - decay)
        for ema_counter, counter in pairs.counters:
            ema_counter.copy_(counter)
