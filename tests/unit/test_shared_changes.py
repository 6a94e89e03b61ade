"""Of threads that overlap, the first one sets and the last one restores."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ganvas.shared_changes import SharedChange


class Setting:
    """Something that belongs to the whole process."""

    def __init__(self) -> None:
        self.value = "user's"
        self.changes = 0

    @contextmanager
    def changed(self) -> Iterator[None]:
        before, self.value = self.value, "ours"
        self.changes += 1
        try:
            yield
        finally:
            self.value = before


def test_the_setting_holds_until_the_last_thread_has_left() -> None:
    setting = Setting()
    change = SharedChange(setting.changed)
    with ThreadPoolExecutor(1) as pool:
        first, second = change(), change()
        first.__enter__()
        pool.submit(second.__enter__).result()
        first.__exit__(None, None, None)
        assert setting.value == "ours", "the other thread is inside"
        pool.submit(second.__exit__, None, None, None).result()
    assert (setting.value, setting.changes) == ("user's", 1)


def test_the_setting_is_restored_after_an_error_and_can_be_changed_again() -> None:
    setting = Setting()
    change = SharedChange(setting.changed)
    for _ in range(2):
        with pytest.raises(KeyError), change():
            raise KeyError
        assert setting.value == "user's"
    assert setting.changes == 2
