"""How far the generator's images have moved: since the last probes, and from its average's."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas import images
from ganvas.health.probes.subject import NotMeasurable, Numbers, Subject, as_kept, finite

NAMES = ("last", "before_last")


def movement(subject: Subject) -> Numbers:
    """From the images for the same latents at the last probes, and at those before.

    Both are rounded to 8 bits, so that a generator that stands still has moved by 0. Nothing is
    measured at a run's first probes.
    """
    now = as_kept(subject.fake)
    unit = between_reals(subject)
    before = zip(NAMES, reversed(subject.earlier), strict=False)
    return {f"probe/movement/{name}": moved(now, kept) / unit for name, kept in before}


def average_lag(subject: Subject) -> Numbers:
    """From the averaged generator's images for the same latents, both in training mode."""
    with torch.no_grad():
        averaged = finite(subject.average(subject.latents), "the averaged generator's images")
    lag = moved(as_kept(subject.fake), as_kept(averaged))
    return {"probe/movement/average_lag": lag / between_reals(subject)}


def moved(now: Tensor, before: Tensor) -> float:
    """Root mean squared distance |a - b|_2 of images that belong together; both as kept."""
    if now.shape != before.shape:
        shapes = f"{tuple(before.shape)} then and {tuple(now.shape)} now"
        raise NotMeasurable(f"generated images were of another shape: {shapes}")
    change = images.to_signed(now) - images.to_signed(before)
    return float(change.flatten(1).square().sum(1).mean().sqrt())


def between_reals(subject: Subject) -> float:
    """The unit: root mean squared distance of two different reals, sqrt(2 variance)."""
    variance = float(subject.real.flatten(1).var(0).sum())
    if variance == 0:
        raise NotMeasurable("all real images are the same")
    return math.sqrt(2 * variance)
