"""Runs in processes of their own, some at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


def in_processes(
    function: Callable[..., Result], calls: Mapping[Key, tuple[Any, ...]], workers: int
) -> Iterator[tuple[Key, Result]]:
    """What each call returns, in the order in which they end, and a line on stderr for each.

    The first error of a call leaves out those that have not begun, and is raised.
    """
    with ProcessPoolExecutor(workers) as pool:
        running = {pool.submit(function, *arguments): key for key, arguments in calls.items()}
        try:
            for number, done in enumerate(as_completed(running), start=1):
                yield running[done], done.result()
                print(f"{number} of {len(running)} runs", file=sys.stderr, flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
