"""The order of an epoch: every image once, shuffled, in a way that suits the disk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.randomness import derive_seed

Indices = npt.NDArray[np.int64]
"""Indices of images in the file of prepared data."""

LARGE = 4_000_000_000
"""Bytes of prepared images above which the order follows the disk. It is fixed and does not depend
on this machine's memory, so that a run keeps its order on any machine."""
CHUNK = 2_000_000
"""Bytes that are read together: enough for a disk, and few enough to mix hundreds in a window."""
WINDOW = 1_000_000_000
"""Bytes that are shuffled together. Memory must hold two windows."""


class ChunkLayout(NamedTuple):
    """How a large file is divided: `rows` neighbouring images per chunk, `window` chunks per
    window."""

    rows: int
    window: int


class EpochOrder(NamedTuple):
    """The order of one epoch.

    shuffled: (N,), every image once, in the order of training.
    sequential: (N,), the same images window by window, each window in the order of the file.
    window: number of images in the longest window.
    """

    shuffled: Indices
    sequential: Indices
    window: int


def chunk_layout(images: npt.NDArray[np.generic]) -> ChunkLayout | None:
    """How images (N, C, H, W) are divided into chunks, by their size alone; None if they are few
    enough to be shuffled together."""
    if images.nbytes <= LARGE:
        return None
    rows = max(1, CHUNK // images[0].nbytes)
    return ChunkLayout(rows, max(1, WINDOW // (rows * images[0].nbytes)))


def epoch_order(epoch: int, rows: Indices, seed: int, layout: ChunkLayout | None) -> EpochOrder:
    """The order of one epoch, a function of the arguments alone.

    Args:
        epoch: counted from 0.
        rows: (N,), the images to train on, ascending.
        seed: the run's.
        layout: the chunks of a large file. Chunks are shuffled and dealt to windows of nearly equal
            length; then the images of each window are shuffled.
    """
    random = np.random.default_rng(derive_seed(seed, f"order of epoch {epoch}"))
    if layout is None:
        return EpochOrder(shuffled=random.permutation(rows), sequential=rows, window=len(rows))
    chunks = [rows[start : start + layout.rows] for start in range(0, len(rows), layout.rows)]
    dealt = np.array_split(random.permutation(len(chunks)), -(-len(chunks) // layout.window))
    windows = [np.concatenate([chunks[i] for i in np.sort(numbers)]) for numbers in dealt]
    return EpochOrder(
        shuffled=np.concatenate([random.permutation(window) for window in windows]),
        sequential=np.concatenate(windows),
        window=max(len(window) for window in windows),
    )
