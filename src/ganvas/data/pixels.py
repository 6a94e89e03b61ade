"""Where the pixels of a batch come from: the mapped file, or a copy of it all on the device."""

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
MOST_RESIDENT = 1 / 3
"""Share of a GPU's free memory that images may take; the rest is for training."""
_BLOCK = 64_000_000  # bytes copied to the device at one go


class PixelStore(ABC):
    """All images; any of them on the device, in two steps, so that the slow one may be early."""

    device: torch.device

    @abstractmethod
    def load(self, rows: Indices) -> Tensor:
        """All that needs no device, in whatever thread."""

    @abstractmethod
    def to_device(self, fetched: Tensor) -> Tensor:
        """The images (N, C, H, W) that were fetched, on the device; waits for no GPU."""

    @abstractmethod
    def prefetch(self, rows: Indices) -> None:
        """Make ready for these images, which will be fetched before long; in whatever thread."""


class MemoryMapped(PixelStore):
    """Images that stay in the mapped file; a batch of them is copied."""

    def __init__(self, images: npt.NDArray[Any], device: torch.device = CPU) -> None:
        self.device = device
        self._images = images

    def load(self, rows: Indices) -> Tensor:
        """A copy of the images; pinned for a GPU, which then fetches it by itself."""
        return _pinned(torch.from_numpy(self._images[rows]), self.device)

    def to_device(self, fetched: Tensor) -> Tensor:
        """The copy, sent."""
        return fetched.to(self.device, non_blocking=True)

    def prefetch(self, rows: Indices) -> None:
        """Have the system read them. One byte of each page is enough: it reads on by itself."""
        self._images.reshape(len(self._images), -1)[:, :: mmap.PAGESIZE][rows]


class OnDevice(PixelStore):
    """Images that all lie on the device, as they do in the file: uint8, or points in float32."""

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
        """The numbers of the images alone."""
        return _pinned(torch.from_numpy(rows), self.device)

    def to_device(self, fetched: Tensor) -> Tensor:
        """The images, gathered there."""
        return self._images[fetched.to(self.device, non_blocking=True)]

    def prefetch(self, rows: Indices) -> None:
        """They are there."""


def pixel_store(device: torch.device, images: npt.NDArray[Any]) -> PixelStore:
    """Images that lie on a GPU if they fit there; on a CPU the mapped file is in memory anyway."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if images.nbytes <= MOST_RESIDENT * free:
            return OnDevice(images, device)
    return MemoryMapped(images, device)


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.pin_memory() if device.type == "cuda" else tensor
