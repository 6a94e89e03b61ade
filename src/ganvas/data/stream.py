"""An endless, shuffled stream of training batches that can go on from any point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganvas.data.preparation import PreparedData
from ganvas.randomness import derive_seed, draw_uniform
from ganvas.ranks import ALONE, Ranks


class Batch(NamedTuple):
    """Images and, where the data has them, their labels.

    images: uint8 (N, C, H, W), or points float32 (N, 2, 1, 1).
    labels: int64 (N,), indices into the data's label names; None for data without labels.
    """

    images: Tensor
    labels: Tensor | None


class ImageStream:
    """Draws batches of training images, in an order that the seed and the epoch decide.

    Each comes once an epoch; a batch that the end of an epoch cuts is filled from the next one. The
    whole position is one number, `drawn`, so it resumes exactly. Only the batch is copied out of
    the mapped file.
    """

    def __init__(self, data: PreparedData, seed: int, drawn: int = 0) -> None:
        self.drawn = drawn
        self._data = data
        self._seed = seed
        self._epoch = -1
        self._order = np.empty(0, np.int64)

    def next(self, count: int, ranks: Ranks = ALONE) -> Batch:
        """The next `count` images; of them, this rank's part."""
        indices = np.concatenate(list(self._draw(count)))[ranks.part(count)]
        labels = self._data.labels
        return Batch(
            images=torch.from_numpy(self._data.images[indices]),
            labels=None if labels is None else torch.from_numpy(labels[indices]),
        )

    def _draw(self, count: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        pieces = []
        size = len(self._data.training)
        while count > 0:
            epoch, position = divmod(self.drawn, size)
            if epoch != self._epoch:
                seed = derive_seed(self._seed, f"order of epoch {epoch}")
                self._order = np.random.default_rng(seed).permutation(self._data.training)
                self._epoch = epoch
            piece = self._order[position : position + count]
            pieces.append(piece)
            self.drawn += len(piece)
            count -= len(piece)
        return pieces


def flip_half(images: Tensor, generator: torch.Generator, ranks: Ranks = ALONE) -> Tensor:
    """Mirror each image (N, C, H, W) left to right with probability 1/2."""
    draws = draw_uniform((len(images), 1, 1, 1), generator, ranks)
    return torch.where(draws < 0.5, images.flip(3), images)
