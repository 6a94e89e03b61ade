"""A hash of every item's content. An index in the cache remembers them, so that a file is read
again only after its size or modification time changed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from ganvas.data.reading import parallel_map
from ganvas.data.source import Source, UnusableImage
from ganvas.errors import RunError
from ganvas.progress import StageProgress
from ganvas.storage import atomic_file, remove_drafts

READING, DECODING, GENERATING = "reading", "decoding", "generating"
"""Stages of preparation; in the first one contents are hashed."""
SETTLED_NS = 2_000_000_000
"""A file that changed within this time before it was read may change again without a new time
stamp: file systems count time in steps of up to 2 s (FAT). It is read again at the next start."""

_FORMAT = 1
_UNREAD = 0

Integers = npt.NDArray[np.int64]


class _Index(NamedTuple):
    """What is known of each item. Rows correspond to `names`.

    stamps: (N, 2), size in bytes and modification time in ns of the file that holds the item.
    read_ns: (N,), when the content was read, in ns; `_UNREAD` where it was not, or had no bytes.
    digests: (N, 32), uint8, SHA-256 of the content.
    """

    names: list[str]
    stamps: Integers
    read_ns: Integers
    digests: npt.NDArray[np.uint8]


def read_digests(
    source: Source,
    cache: Path,
    verify: bool = False,
    on_progress: StageProgress | None = None,
) -> list[bytes]:
    """For each item 32 bytes that two items share only if their contents are the same.

    Reads the items whose file is new or has another size or modification time than when it was last
    read. Of several processes that need the same contents one reads them while the others wait.

    Args:
        source: from `open_source`.
        cache: folder of the index. If it cannot be written, everything is read at every call.
        verify: trust nothing that was read before this call.
        on_progress: called while items are read.
    """
    oldest_ns = time.time_ns() if verify else 0
    path = cache / f"index-{location_hash(source)}.npz"
    index = _look_up(source, path, oldest_ns)
    if not index.read_ns.all():
        with _locked(path):
            index = _look_up(source, path, oldest_ns)  # another process may have read them
            _read_unknown(source, index, path, on_progress)
    packed = index.digests.tobytes()
    return [packed[start : start + 32] for start in range(0, len(packed), 32)]


def _read_unknown(
    source: Source, index: _Index, path: Path, on_progress: StageProgress | None
) -> None:
    """Fill in what is missing, and save the index where that adds to it."""
    unknown = np.flatnonzero(index.read_ns == _UNREAD)

    def report(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(READING, done, total)

    contents = parallel_map(lambda i: _read(source, i), unknown.tolist(), report)
    for i, (read_ns, digest) in zip(unknown, contents, strict=True):
        index.read_ns[i] = read_ns
        index.digests[i] = np.frombuffer(digest, np.uint8)
    if index.read_ns[unknown].any():
        _save(index, path)


def _read(source: Source, i: int) -> tuple[int, bytes]:
    """When an item was read, and its digest.

    SHA-256, because processors have instructions for it: three times as fast here as BLAKE2.
    """
    now = time.time_ns()
    try:
        return now, hashlib.sha256(source.content(i)).digest()
    except UnusableImage as problem:  # what made it unreadable may end without a new time stamp
        text = f"unreadable {source.items[i].name}: {problem.reason}"
        return _UNREAD, hashlib.sha256(text.encode()).digest()


def _look_up(source: Source, path: Path, oldest_ns: int) -> _Index:
    """What the index still knows of a source's items; `_UNREAD` where it knows nothing."""
    names = [item.name for item in source.items]
    count = len(names)
    stamps = np.fromiter(itertools.chain.from_iterable(source.stamps()), np.int64, 2 * count)
    stamps = stamps.reshape(count, 2)
    index = _Index(names, stamps, np.zeros(count, np.int64), np.zeros((count, 32), np.uint8))
    stored = _load(path)
    if stored is None:
        return index
    rows = _rows_of(names, stored.names)
    found = np.flatnonzero(rows >= 0)
    rows = rows[found]
    stamps, read_ns = stamps[found], stored.read_ns[rows]
    valid = (stored.stamps[rows] == stamps).all(axis=1) & (stamps[:, 0] >= 0)
    valid &= (read_ns >= stamps[:, 1] + SETTLED_NS) & (read_ns >= oldest_ns) & (read_ns > _UNREAD)
    index.read_ns[found[valid]] = read_ns[valid]
    index.digests[found[valid]] = stored.digests[rows[valid]]
    return index


def _rows_of(names: list[str], stored: list[str]) -> Integers:
    """For each name its row in the stored index, -1 where there is none."""
    if names == stored:
        return np.arange(len(names))
    row_of = {name: row for row, name in enumerate(stored)}
    if len(row_of) < len(stored) or len(set(names)) < len(names):  # an archive can repeat a name
        return np.full(len(names), -1)
    return np.array([row_of.get(name, -1) for name in names], np.int64)


def location_hash(source: Source) -> str:
    """Names what the cache knows of a source's items."""
    text = json.dumps([_FORMAT, source.location])
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _load(path: Path) -> _Index | None:
    """The stored index; None where there is none or it is damaged."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = json.loads(file["names"].tobytes())
            index = _Index(names, file["stamps"], file["read_ns"], file["digests"])
    except Exception:  # the readers of zip, .npy and JSON raise whatever a damaged file causes
        return None
    count = len(names)
    shapes = [array.shape for array in index[1:]]
    return index if shapes == [(count, 2), (count,), (count, 32)] else None


def _save(index: _Index, path: Path) -> None:
    """Write the index, whole or not at all. A cache that cannot be written is no error here.

    The caller holds the lock, so a draft is what a killed process has left.
    """
    remove_drafts(path)
    names = np.frombuffer(json.dumps(index.names).encode(), np.uint8)
    with contextlib.suppress(RunError), atomic_file(path) as file:
        np.savez(
            file, names=names, stamps=index.stamps, read_ns=index.read_ns, digests=index.digests
        )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait until no other process reads the same source; no lock where none can be made."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(f"{path}.lock"))
        yield
