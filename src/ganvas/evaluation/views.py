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
from ganvas.processes import ProcessGroup
from ganvas.randomness import derive_seed
from ganvas.sampling import BATCH, TrainedGenerator

FORMAT = 1  # counted up when the same images and features would give other numbers


@dataclass(frozen=True)
class View:
    """One way of looking.

    look: pixels uint8 (N, C, H, W), or points float32 (N, 2, 1, 1), -> (N, ...) on its device.
    protocol: what decides the result, for the score and for the cache.
    most: look at no more images than this.
    at_once: how many images it looks at together, however many it is shown.
    cached: whether what it sees in real images is worth keeping on disk.
    expected: for modes, the share that each should have.
    leaves_out: for modes, whether a sample may belong to none; a classifier always names one.
    by_first: of several ranks only the first one can look so, as its judge was trained there; the
        others bring their images.
    """

    name: str
    look: Callable[[Tensor], Tensor]
    protocol: dict[str, str | int | float] = field(default_factory=dict)
    most: int | None = None
    at_once: int = BATCH
    cached: bool = False
    expected: Tensor | None = None
    leaves_out: bool = False
    by_first: bool = False

    def pieces(self, pixels: Tensor) -> Iterator[Tensor]:
        """What `look` sees, bit for bit, a part of the images after the other."""
        return map(self.look, torch.split(pixels, self.at_once))

    def count(self, available: int) -> int:
        """How many of the available images are looked at."""
        return available if self.most is None else min(available, self.most)


def rows_of(rank: int, size: int, n: int) -> range:
    """Which of n samples one of `size` ranks makes; the ranks' rows follow each other.

    They are whole pieces, as a single process makes them one after the other, because numbers are
    rounded otherwise in a piece of another size. The first rank never has fewer than the others.
    """
    pieces = -(-n // BATCH)
    start, stop = (min(n, BATCH * -(-pieces * edge // size)) for edge in (rank, rank + 1))
    return range(start, stop)


def look_at_samples(
    generator: TrainedGenerator,
    n: int,
    seed: int,
    views: list[View],
    on_progress: Progress,
    rows: range | None = None,
) -> dict[str, Tensor]:
    """What each view sees in the same n samples; they are made once and never kept.

    Args:
        rows: look only at these of the n (see `rows_of`); a view that none of them is for is
            missing from what is found.

    Raises:
        GanvasError: the generator gives numbers that are not finite.
    """
    rows = range(n) if rows is None else rows
    seen: dict[str, Tensor] = {}
    done = 0
    on_progress(done, len(rows))
    for batch in generator.batches(n, seed, rows):
        if not batch.isfinite().all():
            raise GanvasError(
                f"the generator at {generator.images_seen:,} images gives values that are not "
                "finite: it diverged. Evaluate an earlier checkpoint (--checkpoint N)"
            )
        pixels = batch if generator.makes_points else images.to_uint8(batch)
        pieces, taken = sum(-(-len(batch) // view.at_once) for view in views), 0
        for view in views:
            room, at = count_for(view, rows, n), done
            for found in view.pieces(pixels[: room - done]) if room > done else ():
                if at == 0:  # room for all of it at once: joining pieces would need it twice
                    seen[view.name] = found.new_empty(room, *found.shape[1:])
                seen[view.name][at : at + len(found)] = found
                at += len(found)
                taken += 1
                on_progress(done + len(batch) * taken // pieces, len(rows))
        done += len(batch)
        on_progress(done, len(rows))
    return seen


def count_for(view: View, rows: range, n: int) -> int:
    """At how many of these rows of n samples a view looks."""
    return max(0, min(view.count(n), rows.stop) - rows.start)


def bring_together(
    seen: dict[str, Tensor],
    views: list[View],
    generator: TrainedGenerator,
    n: int,
    processes: ProcessGroup,
) -> dict[str, Tensor]:
    """What all ranks have seen, on the first one; the others hand theirs over and get nothing.

    Args:
        seen: what this rank has, of its rows of the n samples.

    Raises:
        RankLost: another process is gone.
    """
    if processes.size == 1:
        return seen
    shares = [rows_of(rank, processes.size, n) for rank in range(processes.size)]
    whole: dict[str, Tensor] = {}
    for view in views:
        counts = [count_for(view, rows, n) for rows in shares]
        if processes.is_main:
            mine = seen.pop(view.name)
            whole[view.name] = mine.new_empty(view.count(n), *mine.shape[1:])
            whole[view.name][: len(mine)] = mine
            for rank in range(1, processes.size):
                if counts[rank] > 0:
                    found = seen_by(rank, counts[rank], view, mine, generator, processes)
                    start = shares[rank].start
                    whole[view.name][start : start + counts[rank]] = found
        elif counts[processes.rank] > 0:
            processes.send_to_main(seen[view.name])
    return whole


def seen_by(
    rank: int,
    count: int,
    view: View,
    mine: Tensor,
    generator: TrainedGenerator,
    processes: ProcessGroup,
) -> Tensor:
    """What another rank has seen, or what the first one sees in its images; `mine` is alike."""
    if not view.by_first:
        found = torch.empty(count, *mine.shape[1:], dtype=mine.dtype)
        processes.receive(rank, found)
        return found
    shape = generator.shape
    kind = torch.float32 if generator.makes_points else torch.uint8
    brought = torch.empty(count, shape.channels, shape.height, shape.width, dtype=kind)
    processes.receive(rank, brought)
    pieces = torch.split(brought, BATCH)
    return torch.cat([view.look(piece.to(mine.device)) for piece in pieces])


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
    with storage.atomic_file(path) as file:
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
    done = 0
    on_progress(done, len(indices))
    for start in range(0, len(indices), BATCH):
        for found in view.pieces(_batch(data, indices[start : start + BATCH])):
            yield found
            done += len(found)
            on_progress(done, len(indices))


def _batch(data: PreparedData, indices: npt.NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(data.images[indices])
