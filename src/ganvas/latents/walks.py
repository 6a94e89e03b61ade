"""Walks from latent to latent."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.latents.latents import Latents, mixtures


def walk(stops: Latents, steps: int, loop: bool, num_labels: int = 0) -> Latents:
    """A walk through latents, `steps` images per segment: on the sphere, or straight for styles.

    Args:
        stops: n of them, perhaps with labels or mixtures of labels.
        steps: images from each to the next.
        loop: back to the first, and ends before it would repeat it.
        num_labels: K, of a generator that takes labels.

    Returns:
        (T, ...) with T = (n - 1) * steps + 1, or n * steps for a loop; labels are mixtures (T, K).
    """
    values, n = stops.values, len(stops)
    alpha = torch.linspace(0, 1, steps + 1)[:-1].to(values.device)
    pairs = [(index, (index + 1) % n) for index in range(n if loop else n - 1)]
    between = slerp if stops.space == "z" else straight
    segments = [between(values[start], values[end], alpha) for start, end in pairs]
    labels = None
    if stops.labels is not None:
        corners = mixtures(stops.labels, num_labels).to(values.device)
        mixed = [straight(corners[start], corners[end], alpha) for start, end in pairs]
        labels = torch.cat(mixed if loop else [*mixed, corners[-1:]])
    return Latents(torch.cat(segments if loop else [*segments, values[-1:]]), labels, stops.space)


def straight(start: Tensor, end: Tensor, alpha: Tensor) -> Tensor:
    """Linear interpolation between two tensors (...); alpha (T,) -> (T, ...)."""
    return torch.lerp(start, end, alpha.view(-1, *[1] * start.dim()))


def slerp(start: Tensor, end: Tensor, alpha: Tensor) -> Tensor:
    """Spherical interpolation (White 2016) between two latents (Z,); alpha (T,) -> (T, Z).

    Linear interpolation would pass through latents much shorter than those of training.
    """
    cosine = torch.dot(start, end) / (start.norm() * end.norm())
    angle = torch.acos(cosine.clamp(-1, 1))
    alpha = alpha.to(start.device)[:, None]  # (T, 1)
    if torch.sin(angle) < 1e-4:  # equal or opposite directions define no arc
        return torch.lerp(start, end, alpha)
    weights = torch.sin((1 - alpha) * angle), torch.sin(alpha * angle)
    return (weights[0] * start + weights[1] * end) / torch.sin(angle)
