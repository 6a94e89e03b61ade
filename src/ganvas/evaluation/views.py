"""Ways of looking at images that metrics need, applied alike to real and to generated ones."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas import images, storage
from ganvas.data.cache import write_rows
from ganvas.data.preparation import PreparedData, default_cache
from ganvas.data.reading import Progress
from ganvas.errors import GanvasError
from ganvas.randomness import derive_seed
from ganvas.sampling import BATCH, TrainedGenerator

FORMAT = 1  # counted up when the same images and features would give other numbers


@dataclass(frozen=True)
class View:
    """One way of looking.

    look: pixels uint8 (N, C, H, W), or points float32 (N, 2, 1, 1), -> (N, ...) on its device.
    protocol: what decides the result, for the score and for the cache.
    most: look at no more images than this.
    cached: whether what it sees in real images is worth keeping on disk.
    expected: for modes, the share that each should have.
    leaves_out: for modes, whether a sample may belong to none; a classifier always names one.
    """

    name: str
    look: Callable[[Tensor], Tensor]
    protocol: dict[str, str | int | float] = field(default_factory=dict)
    most: int | None = None
    cached: bool = False
    expected: Tensor | None = None
    leaves_out: bool = False

    def count(self, available: int) -> int:
        """How many of the available images are looked at."""
        return available if self.most is None else min(available, self.most)


def look_at_samples(
    generator: TrainedGenerator,
    n: int,
    seed: int,
    views: list[View],
    on_progress: Progress,
) -> dict[str, Tensor]:
    """What each view sees in the same n samples; they are made once and never kept.

    Raises:
        GanvasError: the generator gives numbers that are not finite.
    """
    seen: dict[str, Tensor] = {}
    done = 0
    for batch in generator.batches(n, seed):
        if not batch.isfinite().all():
            raise GanvasError(
                f"the generator at {generator.images_seen:,} images gives values that are not "
                "finite: it diverged. Evaluate an earlier checkpoint: --checkpoint N"
            )
        pixels = batch if generator.makes_points else images.to_uint8(batch)
        for view in views:
            left = view.count(n) - done
            if left > 0:
                found = view.look(pixels[:left])
                if done == 0:  # room for all of it at once: joining pieces would need it twice
                    seen[view.name] = found.new_empty(view.count(n), *found.shape[1:])
                seen[view.name][done : done + len(found)] = found
        done += len(batch)
        on_progress(done, n)
    return seen


def look_at_real(
    view: View, data: PreparedData, held_out: bool, count: int, on_progress: Progress
) -> Tensor:
    """What a view sees in real images, wherever it lies; features are computed once and cached.

    Args:
        held_out: the held-out images, else those that were trained on.
        count: how many, from an order that is the same for everybody.
    """
    split = "held-out" if held_out else "training"
    indices = shuffled(data.held_out if held_out else data.training)[: view.count(count)]
    if not view.cached:
        return torch.cat(list(_pieces(view, data, indices, on_progress)))
    about = [FORMAT, data.key, split, len(indices), view.protocol]
    key = hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=12).hexdigest()
    path = default_cache() / f"features-{view.name}-{key}.npy"
    kept = _open(path, len(indices))
    if kept is None:
        storage.make_directory(path.parent)
        _keep(path, _pieces(view, data, indices, on_progress))
        kept = _open(path, len(indices))
    assert kept is not None
    return torch.from_numpy(kept)


def _keep(path: Path, pieces: Iterator[Tensor]) -> None:
    """Write rows (N, D) as one .npy, piece by piece: no second copy in memory."""
    rows = (piece.cpu().numpy() for piece in pieces)
    first = next(rows)
    with storage.replacing(path) as file:
        write_rows(file, itertools.chain([first], rows), first.shape[1:], first.dtype.str)


def _open(path: Path, count: int) -> npt.NDArray[np.float32] | None:
    """Rows that `_keep` wrote; None where there are none, or they are damaged.

    Mapped copy-on-write, because torch takes no read-only arrays; nothing is written.
    """
    try:
        rows: npt.NDArray[np.float32] = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return rows if len(rows) == count else None


def shuffled(indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The indices in an order without system, the same each time; the first k are a sample."""
    order = np.random.default_rng(derive_seed(0, "order of evaluation"))
    return order.permutation(indices)


def _pieces(
    view: View, data: PreparedData, indices: npt.NDArray[np.int64], on_progress: Progress
) -> Iterator[Tensor]:
    for start in range(0, len(indices), BATCH):
        yield view.look(_batch(data, indices[start : start + BATCH]))
        on_progress(min(start + BATCH, len(indices)), len(indices))


def _batch(data: PreparedData, indices: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(data.images[indices])
