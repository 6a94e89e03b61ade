"""The only place where pixel ranges change: uint8 [0, 255] in files, [-1, 1] in networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_uniform

Pixels = npt.NDArray[np.uint8]


def to_signed(pixels: Tensor) -> Tensor:
    """uint8 [0, 255] -> float32 [-1, 1]; points, which are floats already, do not change.

    Points have no standard range, and rescaling would change the effect of published learning
    rates and penalties.
    """
    if pixels.is_floating_point():
        return pixels
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)  # (N, C, H, W)


def to_signed_dequantized(
    pixels: Tensor, generator: torch.Generator, processes: ProcessGroup = SINGLE_PROCESS
) -> Tensor:
    """uint8 -> float32 in [-1, 1), each grey level spread uniformly over its interval of 1/128.

    Gulrajani 2017's CIFAR-10 preprocessing: x/128 - 1 + U(0, 1/128).
    """
    noise = draw_uniform(tuple(pixels.shape), generator, processes)
    return noise.add_(pixels).div_(128.0).sub_(1.0)  # (N, C, H, W)


def to_uint8(images: Tensor) -> Tensor:
    """float [-1, 1] -> uint8 [0, 255], rounded to nearest; values outside are clamped."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def from_network(images: Tensor) -> npt.NDArray[Any]:
    """Network outputs as numpy arrays: uint8 (N, H, W, C), or points float32 (N, 2), unchanged.

    Args:
        images: float, (N, C, H, W) in [-1, 1], or points (N, 2, 1, 1).
    """
    if images.shape[2:] == (1, 1):
        points: npt.NDArray[Any] = images.float().flatten(1).cpu().numpy()
        return points
    return to_channels_last(to_uint8(images))


def to_channels_last(pixels: Tensor) -> Pixels:
    """uint8 (N, C, H, W) -> numpy uint8 (N, H, W, C), the layout of image libraries."""
    array: Pixels = pixels.cpu().permute(0, 2, 3, 1).contiguous().numpy()
    return array
