"""Where the pixels of a batch come from: the memory-mapped file, or a copy on the device."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.order import Indices

CPU = torch.device("cpu")
MOST_ON_DEVICE = 1 / 3
"""Fraction of a GPU's free memory that images may take; the rest is for training."""
_BLOCK = 64_000_000  # bytes per copy to the device


class PixelStore(ABC):
    """All images. A batch reaches the device in two steps, so that the slow one can run early."""

    device: torch.device

    @abstractmethod
    def load(self, rows: Indices) -> Tensor:
        """Do all work that needs no device. Any thread may call this."""

    @abstractmethod
    def to_device(self, loaded: Tensor) -> Tensor:
        """The loaded images (N, C, H, W) on the device. Does not wait for a GPU."""

    @abstractmethod
    def prefetch(self, rows: Indices) -> None:
        """Prepare for loading these images soon. Any thread may call this."""


class MemoryMapped(PixelStore):
    """Images that stay in the mapped file; each batch is copied."""

    def __init__(self, images: npt.NDArray[Any], device: torch.device = CPU) -> None:
        self.device = device
        self._images = images

    def load(self, rows: Indices) -> Tensor:
        """Copy the images; into pinned memory for a GPU, which then copies asynchronously."""
        return _pinned(torch.from_numpy(self._images[rows]), self.device)

    def to_device(self, loaded: Tensor) -> Tensor:
        """Send the copy."""
        return loaded.to(self.device, non_blocking=True)

    def prefetch(self, rows: Indices) -> None:
        """Make the system read them. Touching one byte of each page is enough."""
        self._images.reshape(len(self._images), -1)[:, :: mmap.PAGESIZE][rows]


class OnDevice(PixelStore):
    """A copy of all images on the device, as in the file: uint8, or points in float32."""

    def __init__(self, images: npt.NDArray[Any], device: torch.device) -> None:
        self.device = device
        self._images = torch.empty(
            images.shape, dtype=torch.from_numpy(images[:0].copy()).dtype, device=device
        )
        step = max(1, _BLOCK // images[0].nbytes)
        for start in range(0, len(images), step):
            block = np.array(images[start : start + step])  # the map itself is read-only
            self._images[start : start + step] = torch.from_numpy(block)

    def load(self, rows: Indices) -> Tensor:
        """Only the indices."""
        return _pinned(torch.from_numpy(rows), self.device)

    def to_device(self, loaded: Tensor) -> Tensor:
        """Gather the images on the device."""
        return self._images[loaded.to(self.device, non_blocking=True)]

    def prefetch(self, rows: Indices) -> None:
        """Nothing: they are on the device."""


def pixel_store(device: torch.device, images: npt.NDArray[Any]) -> PixelStore:
    """`OnDevice` where images fit on a GPU, else `MemoryMapped` (a CPU has the page cache)."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if images.nbytes <= MOST_ON_DEVICE * free:
            return OnDevice(images, device)
    return MemoryMapped(images, device)


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.pin_memory() if device.type == "cuda" else tensor
