"""The order of an epoch: each image once, the same anywhere, in windows if the file is large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.data import order
from ganvas.data.order import ChunkLayout, chunk_layout, epoch_order

CHUNKS = ChunkLayout(rows=10, window=8)
ROWS = np.setdiff1d(np.arange(1000), np.arange(0, 1000, 10))  # every tenth is held out
WINDOWS = [8] * 6 + [7] * 6
"""How many of the 90 chunks each window gets: 12 are enough, and they are dealt evenly."""


@given(
    count=st.integers(1, 300),
    rows=st.integers(1, 40),
    window=st.integers(1, 40),
    epoch=st.integers(0, 5),
)
def test_each_image_comes_once_in_every_epoch(
    count: int, rows: int, window: int, epoch: int
) -> None:
    images = 3 * np.arange(count)
    for chunks in (None, ChunkLayout(rows, window)):
        order_of_epoch = epoch_order(epoch, images, 1, chunks)
        assert (
            sorted(order_of_epoch.shuffled) == sorted(order_of_epoch.sequential) == images.tolist()
        )
        assert order_of_epoch.window <= (count if chunks is None else rows * window)


@pytest.mark.parametrize("chunks", [None, CHUNKS])
def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else(
    chunks: ChunkLayout | None,
) -> None:
    first = epoch_order(3, ROWS, 7, chunks).shuffled
    np.random.default_rng(0).random(100)
    np.testing.assert_array_equal(epoch_order(3, ROWS, 7, chunks).shuffled, first)
    assert (epoch_order(4, ROWS, 7, chunks).shuffled != first).any()
    assert (epoch_order(3, ROWS, 8, chunks).shuffled != first).any()


def test_a_window_holds_few_chunks_and_reads_them_in_file_order() -> None:
    order_of_epoch = epoch_order(0, ROWS, 7, CHUNKS)
    ends = np.cumsum(WINDOWS) * CHUNKS.rows
    assert ends[-1] == len(ROWS)
    for end, chunks in zip(ends, WINDOWS, strict=True):
        window = slice(end - chunks * CHUNKS.rows, end)
        assert sorted(order_of_epoch.shuffled[window]) == order_of_epoch.sequential[window].tolist()
        of_chunk = np.searchsorted(ROWS, order_of_epoch.sequential[window]) // CHUNKS.rows
        assert len(set(of_chunk.tolist())) == chunks
        assert (order_of_epoch.shuffled[window] != order_of_epoch.sequential[window]).any()
    assert order_of_epoch.window == max(WINDOWS) * CHUNKS.rows


def test_neighbours_in_the_file_do_not_meet_in_every_epoch() -> None:
    """The two halves of a pair of chunks share a window only by chance: 7 of 89."""
    together = 0
    for epoch in range(200):
        order_of_epoch = epoch_order(epoch, ROWS, 7, CHUNKS)
        chunk = np.searchsorted(ROWS, order_of_epoch.sequential) // CHUNKS.rows
        place = {int(number): where for where, number in enumerate(chunk[:: CHUNKS.rows])}
        together += abs(place[0] - place[1]) < CHUNKS.window
    assert 4 <= together <= 40  # 17 are expected where places are independent


def test_sorted_folders_are_mixed_in_every_batch() -> None:
    """Ten classes, one after the other. How many of a class are in a batch of 64 varies by chance,
    64 x 0.1 x 0.9 = 5.8 in any order, and with the chunks that a window happens to have:
    64^2 x 0.1 x 0.9 / 200 x 0.8, where 0.8 is the share of the 1,000 chunks that it has not."""
    images, labels = np.arange(100_000), np.repeat(np.arange(10), 10_000)

    def variance(chunks: ChunkLayout | None) -> float:
        batches = labels[epoch_order(0, images, 3, chunks).shuffled][: 64 * 1562].reshape(1562, 64)
        return float(np.stack([(batches == label).sum(axis=1) for label in range(10)]).var())

    assert variance(None) == pytest.approx(5.8, abs=0.5)
    assert variance(ChunkLayout(rows=100, window=200)) == pytest.approx(5.8 + 1.5, abs=1.3)
    assert variance(ChunkLayout(rows=100, window=1)) > 100, "a chunk by itself is of one class"


def test_only_files_above_a_fixed_size_are_chunked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.zeros((1000, 3, 8, 8), np.uint8)
    assert chunk_layout(images) is None
    monkeypatch.setattr(order, "LARGE", images.nbytes - 1)
    monkeypatch.setattr(order, "CHUNK", 10 * 192 + 100)
    monkeypatch.setattr(order, "WINDOW", 10 * 192 * 8 + 100)
    assert chunk_layout(images) == ChunkLayout(rows=10, window=8)
    monkeypatch.setattr(order, "CHUNK", 100)
    assert chunk_layout(images) == ChunkLayout(rows=1, window=80), "an image is never cut"
    monkeypatch.setattr(order, "LARGE", images.nbytes)
    assert chunk_layout(images) is None
