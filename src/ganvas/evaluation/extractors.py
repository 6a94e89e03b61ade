"""Extractors turn images into what metrics compare, alike for real and generated images."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas import images, storage
from ganvas.data.cache import default_cache, write_rows
from ganvas.data.prepared import PreparedData
from ganvas.errors import GanvasError
from ganvas.evaluation.failures import Failures, recorded_failure
from ganvas.evaluation.samples import Samples
from ganvas.latents.latents import BATCH_SIZE
from ganvas.metrics.features import FeatureConfig
from ganvas.processes import ProcessGroup
from ganvas.progress import Progress
from ganvas.randomness import derive_seed

FORMAT = 1  # increases when the same images and features would give other values

Split = Literal["training", "held-out"]
"""A part of the real images."""


@dataclass(frozen=True)
class Extractor:
    """Turns images into features, pixels, logits or modes, one row per image.

    extract: pixels uint8 (N, C, H, W), or points float32 (N, 2, 1, 1), -> (N, ...) on its device.
    config: what decides the result; part of the score and of the cache key.
    max_images: the largest number of images to extract from, or None.
    batch_size: images that `extract` gets at a time, however many there are.
    cached: whether to cache the features of real images on disk.
    expected: for modes, the expected fraction (K,) of each.
    may_reject: for modes, whether a sample may belong to none; a classifier always names one.
    main_process_only: only the main process can extract, since it trained the classifier; the
        others send it their images.
    warnings: what its scores leave out, one sentence each.
    """

    name: str
    extract: Callable[[Tensor], Tensor]
    config: FeatureConfig = field(default_factory=dict)
    max_images: int | None = None
    batch_size: int = BATCH_SIZE
    cached: bool = False
    expected: Tensor | None = None
    may_reject: bool = False
    main_process_only: bool = False
    warnings: tuple[str, ...] = ()

    def batches(self, pixels: Tensor) -> Iterator[Tensor]:
        """The features of all images, batch by batch."""
        return map(self.extract, torch.split(pixels, self.batch_size))

    def count(self, available: int) -> int:
        """How many of the available images it uses."""
        return available if self.max_images is None else min(available, self.max_images)


def local_range(rank: int, size: int, n: int) -> range:
    """The indices of the n samples that one of `size` processes generates, in rank order.

    They are whole batches of a single process, because another batch size rounds differently. The
    main process never has fewer than the others.
    """
    batches = -(-n // BATCH_SIZE)
    start, stop = (min(n, BATCH_SIZE * -(-batches * edge // size)) for edge in (rank, rank + 1))
    return range(start, stop)


def count_in_range(extractor: Extractor, indices: range, n: int) -> int:
    """How many of these indices of n samples an extractor uses."""
    return max(0, min(extractor.count(n), indices.stop) - indices.start)


def fake_features(
    generator: Samples,
    n: int,
    seed: int,
    extractors: Sequence[Extractor],
    on_progress: Progress,
    failures: Failures,
    indices: range | None = None,
) -> dict[str, Tensor]:
    """What each extractor gives for the same n samples, which are generated once and not kept.

    Args:
        failures: gets the extractors that fail; they give nothing.
        indices: use only these of the n samples (see `local_range`). The result has no entry for
            an extractor that uses none of them.

    Raises:
        GanvasError: the generator gives values that are not finite.
    """
    indices = range(n) if indices is None else indices
    features: dict[str, Tensor] = {}
    done = 0
    on_progress(done, len(indices))
    for batch in generator.batches(n, seed, indices):
        if not batch.isfinite().all():
            raise GanvasError(
                f"the generator at {generator.images_seen:,} images gives values that are not "
                "finite: it diverged. Evaluate an earlier checkpoint (--checkpoint N)"
            )
        pixels = batch if generator.makes_points else images.to_uint8(batch)
        parts = sum(-(-len(batch) // extractor.batch_size) for extractor in extractors)
        parts_done = 0
        for extractor in extractors:
            if extractor.name in failures:
                continue
            with recorded_failure(failures, extractor.name):
                total, position = count_in_range(extractor, indices, n), done
                used = pixels[: max(0, total - done)]
                for part in extractor.batches(used) if len(used) else ():
                    if position == 0:  # allocated once: concatenating would need twice the memory
                        features[extractor.name] = part.new_empty(total, *part.shape[1:])
                    features[extractor.name][position : position + len(part)] = part
                    position += len(part)
                    parts_done += 1
                    on_progress(done + len(batch) * parts_done // parts, len(indices))
        done += len(batch)
        on_progress(done, len(indices))
    return features


def gather_features(
    features: dict[str, Tensor],
    extractors: Sequence[Extractor],
    generator: Samples,
    n: int,
    processes: ProcessGroup,
) -> dict[str, Tensor]:
    """The features of all processes, on the main process; the others send theirs.

    Args:
        features: those of this process, for its indices of the n samples.

    Returns:
        Features by extractor on the main process, an empty dict on the others.

    Raises:
        RankLost: another process is gone.
    """
    if processes.size == 1:
        return features
    ranges = [local_range(rank, processes.size, n) for rank in range(processes.size)]
    gathered: dict[str, Tensor] = {}
    for extractor in extractors:
        counts = [count_in_range(extractor, indices, n) for indices in ranges]
        if processes.is_main:
            own = features.pop(extractor.name)
            gathered[extractor.name] = own.new_empty(extractor.count(n), *own.shape[1:])
            gathered[extractor.name][: len(own)] = own
            for rank in range(1, processes.size):
                if counts[rank] > 0:
                    start = ranges[rank].start
                    received = receive_features(
                        rank, counts[rank], extractor, own, generator, processes
                    )
                    gathered[extractor.name][start : start + counts[rank]] = received
        elif counts[processes.rank] > 0:
            processes.send_to_main(features[extractor.name])
    return gathered


def receive_features(
    rank: int,
    count: int,
    extractor: Extractor,
    own: Tensor,
    generator: Samples,
    processes: ProcessGroup,
) -> Tensor:
    """Another process's features, or the features of its images; shape and dtype as in `own`."""
    if not extractor.main_process_only:
        features = torch.empty(count, *own.shape[1:], dtype=own.dtype)
        processes.receive(rank, features)
        return features
    shape = generator.shape
    dtype = torch.float32 if generator.makes_points else torch.uint8
    pixels = torch.empty(count, shape.channels, shape.height, shape.width, dtype=dtype)
    processes.receive(rank, pixels)
    batches = torch.split(pixels, BATCH_SIZE)
    return torch.cat([extractor.extract(batch.to(own.device)) for batch in batches])


def real_features(
    extractor: Extractor, data: PreparedData, split: Split, count: int, on_progress: Progress
) -> Tensor:
    """What an extractor gives for real images, from the cache where they are cached.

    Args:
        count: number of images, in the order of `shuffled`.
    """
    indices = shuffled(images_in(data, split))[: extractor.count(count)]
    if not extractor.cached:
        return torch.cat(list(_real_batches(extractor, data, indices, on_progress)))
    path = _cache_path(extractor, data, split, len(indices))
    features = _read_cache(path, len(indices))
    if features is None:
        storage.make_directory(path.parent)
        _write_cache(path, _real_batches(extractor, data, indices, on_progress))
        features = _read_cache(path, len(indices))
    assert features is not None
    return torch.from_numpy(features)


def is_cached(extractor: Extractor, data: PreparedData, split: Split, count: int) -> bool:
    """Whether `real_features` with these arguments reads the cache."""
    available = len(images_in(data, split))
    return _cache_path(extractor, data, split, extractor.count(min(count, available))).exists()


def images_in(data: PreparedData, split: Split) -> npt.NDArray[np.int64]:
    """The indices of the images of a split, ascending."""
    return data.training if split == "training" else data.held_out


def _cache_path(extractor: Extractor, data: PreparedData, split: Split, count: int) -> Path:
    """Where the features of so many real images are cached."""
    content = [FORMAT, data.key, split, count, extractor.config]
    key = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()
    return default_cache() / f"features-{extractor.name}-{key}.npy"


def _write_cache(path: Path, batches: Iterator[Tensor]) -> None:
    """Write features (N, D) as one .npy, batch by batch: no second copy in memory."""
    rows = (batch.cpu().numpy() for batch in batches)
    first = next(rows)
    with storage.atomic_file(path) as file:
        write_rows(file, itertools.chain([first], rows), first.shape[1:], first.dtype.str)


def _read_cache(path: Path, count: int) -> npt.NDArray[np.float32] | None:
    """Features that `_write_cache` wrote; None if there are none, or the file is damaged.

    Mapped copy-on-write, because torch takes no read-only arrays; nothing is written.
    """
    try:
        features: npt.NDArray[np.float32] = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return features if len(features) == count else None


def shuffled(indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The indices in a random order that is always the same; the first k are a random sample."""
    order = np.random.default_rng(derive_seed(0, "order of evaluation"))
    return order.permutation(indices)


def _real_batches(
    extractor: Extractor,
    data: PreparedData,
    indices: npt.NDArray[np.int64],
    on_progress: Progress,
) -> Iterator[Tensor]:
    done = 0
    on_progress(done, len(indices))
    for start in range(0, len(indices), BATCH_SIZE):
        pixels = torch.from_numpy(data.images[indices[start : start + BATCH_SIZE]])
        for features in extractor.batches(pixels):
            yield features
            done += len(features)
            on_progress(done, len(indices))
