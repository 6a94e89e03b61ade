"""In which order the images of an epoch come, so that each comes once and the disk keeps up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.randomness import derive_seed

Indices = npt.NDArray[np.int64]
"""Numbers of images in the file of prepared data."""

LARGE = 4_000_000_000
"""Bytes of prepared images above which the disk decides how fast they come. A limit of its own and
no share of this machine's memory, so that a run goes on in the same order on any machine."""
CHUNK = 2_000_000
"""Bytes that lie together: enough for a disk, and few enough that a window mixes hundreds."""
WINDOW = 1_000_000_000
"""Bytes that are shuffled together. Two such windows must find room in memory."""


class ChunkLayout(NamedTuple):
    """How a large file is cut: `rows` neighbouring images a chunk, `window` chunks a window."""

    rows: int
    window: int


class EpochOrder(NamedTuple):
    """One epoch.

    shuffled: (N,) every image once, in the order in which they are trained on.
    sequential: (N,) the same, window by window, each as it lies in the file.
    window: images of the longest window.
    """

    shuffled: Indices
    sequential: Indices
    window: int


def chunk_layout(images: npt.NDArray[np.generic]) -> ChunkLayout | None:
    """How to cut these images (N, C, H, W), a function of their size alone; None if not at all."""
    if images.nbytes <= LARGE:
        return None
    rows = max(1, CHUNK // images[0].nbytes)
    return ChunkLayout(rows, max(1, WINDOW // (rows * images[0].nbytes)))


def epoch_order(epoch: int, rows: Indices, seed: int, chunks: ChunkLayout | None) -> EpochOrder:
    """The order of one epoch, a function of the arguments alone.

    Args:
        epoch: counted from 0.
        rows: (N,) the images to train on, ascending.
        seed: the run's.
        chunks: how the file is cut if it is large. ChunkLayout are shuffled, dealt to windows of as
            equal length as can be, and the images of each window are shuffled.
    """
    random = np.random.default_rng(derive_seed(seed, f"order of epoch {epoch}"))
    if chunks is None:
        return EpochOrder(shuffled=random.permutation(rows), sequential=rows, window=len(rows))
    cut = [rows[start : start + chunks.rows] for start in range(0, len(rows), chunks.rows)]
    dealt = np.array_split(random.permutation(len(cut)), -(-len(cut) // chunks.window))
    windows = [np.concatenate([cut[number] for number in np.sort(one)]) for one in dealt]
    return EpochOrder(
        shuffled=np.concatenate([random.permutation(window) for window in windows]),
        sequential=np.concatenate(windows),
        window=max(len(window) for window in windows),
    )
