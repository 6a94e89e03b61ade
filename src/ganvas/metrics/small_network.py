"""Small networks that metrics train themselves: their input, layers, training and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganvas import tensor_file
from ganvas.errors import GanvasError, RunError
from ganvas.metrics.features import resized
from ganvas.progress import Progress

Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

DIMENSION = 128
"""Features that the convolutions end in."""

WIDTHS = (32, 64, 128)
GROUPS = 8
SMALLEST, LARGEST = 12, 64
"""Sides of a network's input in pixels; larger images are scaled down."""


def input_size(height: int, width: int, who: str) -> tuple[int, int]:
    """The size to which images are scaled: at most `LARGEST`, at least `SMALLEST` pixels a side.

    Args:
        who: needs them, for the message.

    Raises:
        GanvasError: the images are smaller than that.
    """
    if min(height, width) < SMALLEST:
        raise GanvasError(
            f"{who} needs images of at least {SMALLEST}x{SMALLEST} pixels; got {height}x{width}"
        )
    scale = min(1.0, LARGEST / max(height, width))
    return max(SMALLEST, round(height * scale)), max(SMALLEST, round(width * scale))


def in_bytes(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (n, C, H, W) -> float32 [0, 255] (n, C, *size), for a network that normalises."""
    return resized(pixels, size).contiguous(memory_format=torch.channels_last)


def prepared(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (n, C, H, W) -> [-1, 1] (n, C, *size)."""
    return in_bytes(pixels, size).div(127.5).sub_(1.0)


def convolutions(
    size: tuple[int, int], channels: int = 3, normalised: bool = True
) -> list[nn.Module]:
    """Three strided convolutions and `DIMENSION` features; batch-independent.

    Args:
        size: height and width of the input (n, C, H, W).
        channels: C.
        normalised: whether each convolution is followed by group normalisation, which makes
            training steadier and hides an image's brightness and contrast.
    """
    layers: list[nn.Module] = []
    height, width = size
    for width_out in WIDTHS:
        layers += [nn.Conv2d(channels, width_out, kernel_size=3, stride=2, padding=1)]
        layers += [nn.GroupNorm(GROUPS, width_out)] if normalised else []
        layers += [nn.ReLU()]
        channels, height, width = width_out, (height + 1) // 2, (width + 1) // 2
    return [*layers, nn.Flatten(), nn.Linear(channels * height * width, DIMENSION)]


def to_device(network: nn.Module, device: torch.device) -> None:
    """Move a network to where it computes, in the fastest memory format."""
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def finish(network: nn.Module, device: torch.device) -> None:
    """Make a trained or loaded network ready for use: nothing trains any more."""
    network.eval().requires_grad_(False)
    to_device(network, device)


def index_batches(count: int, batch: int, random: torch.Generator) -> Iterator[Indices]:
    """Endless batches of indices; each epoch has every index once."""
    while True:
        order = torch.randperm(count, generator=random).numpy()
        for start in range(0, count, batch):
            yield order[start : start + batch]


def train_network(
    network: nn.Module,
    batches: Iterator[Indices],
    loss_of: Callable[[Indices], Tensor],
    *,
    total: int,
    learning_rate: float,
    on_progress: Progress,
    name: str,
) -> None:
    """Train a network in place with Adam, the learning rate falling linearly to 0.

    Args:
        batches: indices of training images.
        loss_of: the loss (a scalar) of one batch of indices.
        total: training ends after so many images, counting repeats.
        on_progress: called with (images done, images in total).
        name: of the network, for the message.

    Raises:
        GanvasError: training diverged.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
    done = 0
    for indices in batches:
        loss = loss_of(indices)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (1 - done / total)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        done = min(done + len(indices), total)
        on_progress(done, total)
        if done == total:
            break
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise GanvasError(f"training {name} diverged: its weights are not finite")


def save(path: Path, network: nn.Module, version: int, training: dict[str, Any]) -> None:
    """Write the weights, and how they were trained, to one safetensors file, atomically.

    Args:
        training: JSON values.

    Raises:
        RunError: the disk is full, or the path is not writable.
    """
    tensor_file.write(path, network.state_dict(), {"version": version, **training})


def read(path: Path, version: int, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights, and how they were trained, of a file that `save` wrote; verifies its checksum.

    Args:
        version: that the file must have.
        name: of the network, for the message.

    Raises:
        GanvasError: the file is missing, damaged, or from another version.
    """
    advice = "Delete it, and a new one is trained"
    try:
        weights, metadata = tensor_file.read(path)
    except RunError as error:
        raise GanvasError(f"cannot read {name}: {error}. {advice}") from error
    saved = metadata.get("version")
    if saved != version:
        raise GanvasError(f"{name} {path} has version {saved}, not {version}. {advice}")
    return weights, metadata
