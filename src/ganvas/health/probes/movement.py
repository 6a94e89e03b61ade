"""How far the generator's images moved since the last probes, and how far the EMA lags behind."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas import images
from ganvas.health.probes.context import (
    NotMeasurable,
    ProbeContext,
    ProbeValues,
    require_finite,
    to_snapshot,
)

NAMES = ("last", "before_last")


def movement(context: ProbeContext) -> ProbeValues:
    """Distance from the images for the same latents at the last probes, and at those before.

    Both are rounded to 8 bits, so that a generator that stands still has moved by 0. Empty at a
    run's first probes.
    """
    now = to_snapshot(context.fake)
    unit = distance_of_reals(context)
    previous = zip(NAMES, reversed(context.previous_snapshots), strict=False)
    return {f"probe/movement/{name}": rms_distance(now, then) / unit for name, then in previous}


def ema_lag(context: ProbeContext) -> ProbeValues:
    """Distance from the EMA generator's images for the same latents, both in training mode."""
    with torch.no_grad():
        averaged = context.ema(context.latents, *context.generator_labels)
        require_finite(averaged, "the averaged generator's images")
    lag = rms_distance(to_snapshot(context.fake), to_snapshot(averaged))
    return {"probe/movement/average_lag": lag / distance_of_reals(context)}


def rms_distance(now: Tensor, then: Tensor) -> float:
    """Root mean squared distance |a - b|_2 of corresponding images, both as snapshots."""
    if now.shape != then.shape:
        shapes = f"{tuple(then.shape)} then and {tuple(now.shape)} now"
        raise NotMeasurable(f"generated images were of another shape: {shapes}")
    change = images.to_signed(now) - images.to_signed(then)
    return float(change.flatten(1).square().sum(1).mean().sqrt())


def distance_of_reals(context: ProbeContext) -> float:
    """The unit: root mean squared distance of two different reals, sqrt(2 variance)."""
    variance = float(context.real.flatten(1).var(0).sum())
    if variance == 0:
        raise NotMeasurable("all real images are the same")
    return math.sqrt(2 * variance)
