"""An endless, shuffled stream of training batches that can continue from any point."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganvas.data.order import EpochOrder, Indices, chunk_layout, epoch_order
from ganvas.data.pixels import MemoryMapped, OnDevice, PixelStore
from ganvas.data.prepared import PreparedData
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_uniform


class Batch(NamedTuple):
    """Images and, where the data has them, their labels.

    images: uint8 (N, C, H, W), or points float32 (N, 2, 1, 1).
    labels: int64 (N,), indices into the data's label names; None for data without labels.
    """

    images: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class Request:
    """A batch of `count` images, of which this process needs the slice `local`.

    start: position of the first image, counted over all epochs.
    """

    start: int
    count: int
    local: slice


class LoadedBatch(NamedTuple):
    """A `Batch` before its pixels are on the device (see `PixelStore`)."""

    pixels: Tensor
    labels: Tensor | None


class ImageStream:
    """Batches of training images in an order that depends on the seed and the epoch alone.

    Each image comes once per epoch; a batch at the end of an epoch is filled from the next one.
    `samples_drawn` is the whole position, so the stream resumes exactly. Batches that are loaded in
    advance do not count until they are drawn.
    """

    def __init__(
        self,
        data: PreparedData,
        seed: int,
        samples_drawn: int = 0,
        pixels: PixelStore | None = None,
    ) -> None:
        self.samples_drawn = samples_drawn
        self.waited = 0.0
        """Seconds that callers have waited for their batches."""
        self.data = data
        self._seed = seed
        self._pixels = pixels or MemoryMapped(data.images)
        self._layout = chunk_layout(data.images)
        self._orders: dict[int, EpochOrder] = {}
        self._loader = self._start_loader()
        self._next: tuple[Request, Future[LoadedBatch]] | None = None
        self._prefetched = 0

    def next(self, count: int, processes: ProcessGroup = SINGLE_PROCESS) -> Batch:
        """Of the next `count` images, the part of this process, on the device of the pixels."""
        began = time.perf_counter()
        request = Request(self.samples_drawn, count, processes.local_slice(count))
        loader = self._loader
        loaded = self._load_ahead(request, loader) if loader else self._load(request)
        self.waited += time.perf_counter() - began
        self.samples_drawn += count
        return Batch(self._pixels.to_device(loaded.pixels), loaded.labels)  # asynchronous on a GPU

    def read(self, indices: Indices) -> Batch:
        """The images with these indices, on the device of the pixels; draws nothing."""
        loaded = self._load_rows(indices)
        return Batch(self._pixels.to_device(loaded.pixels), loaded.labels)

    def release_memory(self) -> None:
        """Free images on a GPU, and batches that were loaded in advance."""
        self._pixels = MemoryMapped(self.data.images)
        self._next = None

    def _start_loader(self) -> ThreadPoolExecutor | None:
        """A thread where copies wait for a disk or a GPU; other copies take microseconds."""
        waits = self._layout is not None or self._pixels.device.type != "cpu"
        if isinstance(self._pixels, OnDevice) or not waits:
            return None
        return ThreadPoolExecutor(1, "ganvas-images")  # one thread, since it alone fills `_orders`

    def _load_ahead(self, request: Request, loader: ThreadPoolExecutor) -> LoadedBatch:
        """The requested batch, which may be loaded already; starts loading the following one."""
        if self._next is not None and self._next[0] == request:
            batch = self._next[1]
        else:
            batch = loader.submit(self._load, request)
        following = replace(request, start=request.start + request.count)
        self._next = following, loader.submit(self._load, following)
        if self._layout is not None:
            loader.submit(self._prefetch, following)
        return batch.result()

    def _load(self, request: Request) -> LoadedBatch:
        rows = self._rows(request.start, request.count, lambda order: order.shuffled)[request.local]
        return self._load_rows(rows)

    def _load_rows(self, rows: Indices) -> LoadedBatch:
        """Images and labels by index."""
        labels = self.data.labels
        return LoadedBatch(
            self._pixels.load(rows), None if labels is None else torch.from_numpy(labels[rows])
        )

    def _prefetch(self, request: Request) -> None:
        """Read the next window in the order of the file, so that drawing finds it in memory.

        Stays one window ahead, and reads up to eight times as fast as images are drawn until then.
        """
        window = self._order(request.start // len(self.data.training)).window
        goal = request.start + window
        start = max(0, request.start - window, min(self._prefetched, goal))
        self._prefetched = min(goal, start + 8 * request.count)
        count = self._prefetched - start
        self._pixels.prefetch(self._rows(start, count, lambda order: order.sequential))

    def _rows(self, start: int, count: int, kind: Callable[[EpochOrder], Indices]) -> Indices:
        """`count` images from position `start` of all epochs in sequence."""
        parts = [np.empty(0, np.int64)]
        while count > 0:
            epoch, position = divmod(start, len(self.data.training))
            parts.append(kind(self._order(epoch))[position : position + count])
            start += len(parts[-1])
            count -= len(parts[-1])
        return np.concatenate(parts)

    def _order(self, epoch: int) -> EpochOrder:
        """The order of an epoch; keeps it and the orders of its neighbours."""
        if epoch not in self._orders:
            neighbours = {n: self._orders[n] for n in (epoch - 1, epoch + 1) if n in self._orders}
            order = epoch_order(epoch, self.data.training, self._seed, self._layout)
            self._orders = {**neighbours, epoch: order}
        return self._orders[epoch]


def flip_half(
    images: Tensor, generator: torch.Generator, processes: ProcessGroup = SINGLE_PROCESS
) -> Tensor:
    """Mirror each image (N, C, H, W) left to right with probability 1/2."""
    draws = draw_uniform((len(images), 1, 1, 1), generator, processes)
    return torch.where(draws < 0.5, images.flip(3), images)
