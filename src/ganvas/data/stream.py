"""An endless, shuffled stream of training batches that can go on from any point."""

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
from ganvas.data.preparation import PreparedData
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
    """`count` images from the `start`-th of all epochs on, and which of them are asked for."""

    start: int
    count: int
    part: slice


class Fetched(NamedTuple):
    """As a `Batch`, before its pixels are on the device (see `PixelStore`)."""

    pixels: Tensor
    labels: Tensor | None


class ImageStream:
    """Draws batches of training images, in an order that the seed and the epoch decide.

    Each comes once an epoch; a batch that the end of an epoch cuts is filled from the next one. The
    whole position is one number, `drawn`, so it resumes exactly: what is fetched early is a guess
    at what will be asked for, and counts for nothing until it is.
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
        self._data = data
        self._seed = seed
        self._pixels = pixels or MemoryMapped(data.images)
        self._chunks = chunk_layout(data.images)
        self._orders: dict[int, EpochOrder] = {}
        self._early = self._worth_fetching_early()
        self._expected: tuple[Request, Future[Fetched]] | None = None
        self._read = 0

    def next(self, count: int, processes: ProcessGroup = SINGLE_PROCESS) -> Batch:
        """The next `count` images; of them, this rank's part, on the device of the pixels."""
        began = time.perf_counter()
        request = Request(self.samples_drawn, count, processes.local_slice(count))
        early = self._early
        fetched = self._fetch_early(request, early) if early else self._fetch(request)
        self.waited += time.perf_counter() - began
        self.samples_drawn += count
        return Batch(self._pixels.to_device(fetched.pixels), fetched.labels)  # a GPU does it, later

    def release_memory(self) -> None:
        """Give back the memory of images on a GPU, and of those that were fetched early."""
        self._pixels = MemoryMapped(self._data.images)
        self._expected = None

    def _worth_fetching_early(self) -> ThreadPoolExecutor | None:
        """A thread for it where copies wait for a disk or a GPU; the rest takes microseconds."""
        waits = self._chunks is not None or self._pixels.device.type != "cpu"
        if isinstance(self._pixels, OnDevice) or not waits:
            return None
        return ThreadPoolExecutor(1, "ganvas-images")  # one, so that orders are made by one alone

    def _fetch_early(self, request: Request, early: ThreadPoolExecutor) -> Fetched:
        """What is asked for, fetched already if that was expected, and expect as much again."""
        if self._expected is not None and self._expected[0] == request:
            coming = self._expected[1]
        else:
            coming = early.submit(self._fetch, request)
        following = replace(request, start=request.start + request.count)
        self._expected = following, early.submit(self._fetch, following)
        if self._chunks is not None:
            early.submit(self._read_ahead, following)
        return coming.result()

    def _fetch(self, request: Request) -> Fetched:
        rows = self._rows(request.start, request.count, lambda order: order.shuffled)[request.part]
        labels = self._data.labels
        return Fetched(
            self._pixels.load(rows), None if labels is None else torch.from_numpy(labels[rows])
        )

    def _read_ahead(self, request: Request) -> None:
        """Read the next window as it lies in the file, so that drawing finds it in memory.

        A window ahead of the drawing, and up to eight times as fast until it is that far.
        """
        window = self._order(request.start // len(self._data.training)).window
        goal = request.start + window
        start = max(0, request.start - window, min(self._read, goal))
        self._read = min(goal, start + 8 * request.count)
        self._pixels.prefetch(self._rows(start, self._read - start, lambda order: order.sequential))

    def _rows(self, start: int, count: int, which: Callable[[EpochOrder], Indices]) -> Indices:
        """`count` images from the `start`-th on, epochs put together without end."""
        pieces = [np.empty(0, np.int64)]
        while count > 0:
            epoch, position = divmod(start, len(self._data.training))
            pieces.append(which(self._order(epoch))[position : position + count])
            start += len(pieces[-1])
            count -= len(pieces[-1])
        return np.concatenate(pieces)

    def _order(self, epoch: int) -> EpochOrder:
        """The order of an epoch, kept while it or a neighbour is in use."""
        if epoch not in self._orders:
            near = {other: self._orders[other] for other in self._orders if abs(other - epoch) == 1}
            made = epoch_order(epoch, self._data.training, self._seed, self._chunks)
            self._orders = {**near, epoch: made}
        return self._orders[epoch]


def flip_half(
    images: Tensor, generator: torch.Generator, processes: ProcessGroup = SINGLE_PROCESS
) -> Tensor:
    """Mirror each image (N, C, H, W) left to right with probability 1/2."""
    draws = draw_uniform((len(images), 1, 1, 1), generator, processes)
    return torch.where(draws < 0.5, images.flip(3), images)
