"""Work on many images at once comes back in order, in parallel, errors included."""

from __future__ import annotations

import threading

import pytest

from ganvas.data.reading import parallel_map
from tests.builders.commands import STALLED


def test_work_is_yielded_in_order_by_several_threads() -> None:
    threads = set()
    together = threading.Barrier(3, timeout=STALLED)

    def work(index: int) -> int:
        if index % 16 == 0 and index < 48:
            together.wait()  # passes only if three chunks are worked on at the same time
        threads.add(threading.get_ident())
        return index * index

    assert list(parallel_map(work, range(100), workers=3)) == [index**2 for index in range(100)]
    assert len(threads) == 3


def test_an_error_in_the_work_reaches_the_caller() -> None:
    def work(index: int) -> int:
        return 1 // (50 - index)

    with pytest.raises(ZeroDivisionError):
        list(parallel_map(work, range(100), workers=2))
