"""The stream gives the same batches from any point, wherever pixels lie and whoever fetches."""

from __future__ import annotations

import copy
import gc
import threading
import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data import order
from ganvas.data.order import Indices
from ganvas.data.pixels import CPU, MemoryMapped, OnDevice, pixel_store
from ganvas.data.prepared import PreparedData
from ganvas.data.stream import Batch, ImageStream
from ganvas.processes import ProcessGroup
from ganvas.training.step import train_step
from tests.builders.commands import STALLED
from tests.builders.tiny import BATCH, start, tiny_data, tiny_recipe

COUNT, HELD_OUT = 130, 10


@pytest.fixture
def data() -> PreparedData:
    """Each image's label is its number."""
    whole = replace(tiny_data(COUNT), labels=np.arange(COUNT), label_names=("",) * COUNT)
    return replace(whole, held_out=np.arange(0, COUNT, COUNT // HELD_OUT))


@pytest.fixture
def large(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> PreparedData:
    """The same, called large: chunks of 4 images, windows of 5 chunks."""
    monkeypatch.setattr(order, "LARGE", 1000)
    monkeypatch.setattr(order, "CHUNK", 4 * data.images[0].nbytes)
    monkeypatch.setattr(order, "WINDOW", 20 * data.images[0].nbytes)
    return data


def numbers(batch: Batch) -> list[int]:
    assert batch.labels is not None
    return batch.labels.tolist()


def right(batch: Batch, data: PreparedData) -> bool:
    return bool((batch.images.numpy() == data.images[numbers(batch)]).all())


class Elsewhere(MemoryMapped):
    """A mapped file for a device that is no CPU, as far as the stream can tell."""

    def __init__(self, data: PreparedData) -> None:
        super().__init__(data.images, torch.device("meta"))
        self.threads: set[str] = set()

    def load(self, rows: Indices) -> Tensor:
        self.threads.add(threading.current_thread().name)
        return torch.from_numpy(self._images[rows])

    def to_device(self, fetched: Tensor) -> Tensor:
        return fetched


def test_every_epoch_draws_all_of_a_large_file(large: PreparedData) -> None:
    stream = ImageStream(large, seed=1)
    for _ in range(3):
        batches = [stream.next(12) for _ in range(10)]
        assert all(right(batch, large) for batch in batches)
        drawn = [number for batch in batches for number in numbers(batch)]
        assert sorted(drawn) == large.training.tolist()
        of_chunk = np.searchsorted(large.training, drawn) // 4
        assert [len(set(window.tolist())) for window in of_chunk.reshape(6, 20)] == [5] * 6


@pytest.mark.parametrize("drawn", [1, 12, 50, 119, 120, 121, 500])
def test_a_large_file_resumes_from_any_point(large: PreparedData, drawn: int) -> None:
    whole = ImageStream(large, seed=1)
    passed = [numbers(whole.next(1)) for _ in range(drawn)]
    assert len(passed) == drawn
    resumed = ImageStream(large, seed=1)
    resumed.next(7)  # what was fetched early for another place must not come
    resumed.samples_drawn = drawn
    for count in (7, 7, 3, 50, 300):
        assert numbers(resumed.next(count)) == numbers(whole.next(count))
        assert resumed.samples_drawn == whole.samples_drawn


def test_training_on_a_large_file_resumes_bit_for_bit(large: PreparedData) -> None:
    """A checkpoint holds what was consumed, not what was fetched early."""
    recipe = tiny_recipe()
    whole = start(recipe)
    for _ in range(5):
        train_step(whole, recipe)
    assert whole.stream.samples_drawn == 5 * BATCH
    parts = start(recipe)
    parts.restore(*copy.deepcopy((whole.tensors(), whole.values())))
    for state in (whole, parts):
        for _ in range(5):
            train_step(state, recipe)
    ours, theirs = parts.tensors(), whole.tensors()
    assert [name for name in theirs if not torch.equal(ours[name], theirs[name])] == []
    assert parts.values() == whole.values()


def test_loading_in_advance_does_not_change_batches(data: PreparedData) -> None:
    pixels = Elsewhere(data)
    early, plain = ImageStream(data, seed=1, pixels=pixels), ImageStream(data, seed=1)
    for count in (8, 8, 8, 5, 8, 100, 100, 300):
        batch = early.next(count)
        assert numbers(batch) == numbers(plain.next(count))
        assert right(batch, data)
        assert early.samples_drawn == plain.samples_drawn, (
            "what was fetched and not asked for is not counted"
        )
    assert all(name.startswith("ganvas-images") for name in pixels.threads)


def test_ranks_split_batches_loaded_in_advance(large: PreparedData) -> None:
    whole = ImageStream(large, seed=1)
    parts = [(ImageStream(large, seed=1), ProcessGroup(rank, 2)) for rank in range(2)]
    for _ in range(20):
        together = [
            number for stream, processes in parts for number in numbers(stream.next(8, processes))
        ]
        assert together == numbers(whole.next(8))


def test_images_on_the_device_equal_the_mapped_ones(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.data.pixels._BLOCK", 7 * data.images[0].nbytes)
    data.images.flags.writeable = False  # as a map is
    resident = ImageStream(data, seed=1, pixels=OnDevice(data.images, CPU))
    mapped = ImageStream(data, seed=1)
    for _ in range(20):
        batch, reference = resident.next(8), mapped.next(8)
        assert batch.images.dtype == torch.uint8
        assert torch.equal(batch.images, reference.images)
        assert numbers(batch) == numbers(reference)


def test_points_can_be_on_the_device() -> None:
    points = np.random.default_rng(0).normal(size=(9, 2, 1, 1)).astype(np.float32)
    rows = np.array([3, 0, 8])
    pixels = OnDevice(points, CPU)
    np.testing.assert_array_equal(pixels.to_device(pixels.load(rows)).numpy(), points[rows])


@pytest.mark.parametrize(("images", "resident"), [(33, True), (34, False)])
def test_images_are_on_a_gpu_if_they_take_a_third_of_its_free_memory(
    monkeypatch: pytest.MonkeyPatch, images: int, resident: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100 * 256, 1000 * 256))
    monkeypatch.setattr("ganvas.data.pixels.OnDevice", lambda images, device: "resident")
    store = pixel_store(torch.device("cuda"), tiny_data(images).images)
    assert (store == "resident") is resident
    assert isinstance(pixel_store(CPU, tiny_data(images).images), MemoryMapped)


def test_loading_in_advance_ends_the_waiting(data: PreparedData) -> None:
    class Slow(Elsewhere):
        def load(self, rows: Indices) -> Tensor:
            time.sleep(0.05)
            return super().load(rows)

    stream = ImageStream(data, seed=1, pixels=Slow(data))
    stream.next(4)
    assert stream.waited >= 0.05, "nobody could know what would be asked for first"
    first = stream.waited
    for _ in range(3):
        time.sleep(0.15)  # a step that takes longer than fetching
        stream.next(4)
    assert stream.waited - first < 0.03


def test_the_next_window_is_prefetched(large: PreparedData) -> None:
    class Spy(MemoryMapped):
        read: ClassVar[list[int]] = []

        def prefetch(self, rows: Indices) -> None:
            self.read.extend(rows.tolist())
            super().prefetch(rows)

    stream = ImageStream(large, seed=1, pixels=Spy(large.images))
    window = 20
    for _ in range(90):
        recent = set(Spy.read[-3 * window :])  # longer ago, and it might be gone
        drawn = numbers(stream.next(4))
        assert stream.samples_drawn <= window or set(drawn) <= recent
        assert stream._loader is not None
        stream._loader.submit(int).result()  # all that it has begun is done
    assert 0 <= len(Spy.read) - stream.samples_drawn <= 2 * window, "nothing is read twice"


def test_a_deleted_stream_ends_its_thread(large: PreparedData) -> None:
    stream = ImageStream(large, seed=1)
    stream.next(4)
    threads = [
        thread for thread in threading.enumerate() if thread.name.startswith("ganvas-images")
    ]
    assert threads
    del stream
    gc.collect()
    for thread in threads:
        thread.join(timeout=STALLED)
    assert not any(thread.is_alive() for thread in threads)
