"""What a preparation that fails, is killed or has a rival leaves behind, and says."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ganvas.data.preparation import prepare
from ganvas.data.sources import open_source
from ganvas.errors import DataError, GanvasError
from tests.builders.commands import race
from tests.unit.data.test_preparation import SETTINGS, entries, prepared_from


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path, cache: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"no usable image: a.png: zero bytes.* and 1 more"):
        prepare(open_source(tmp_path), SETTINGS, cache)
    assert entries(cache) == []


def test_a_wrong_background_is_found_before_reading(photos: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="background: 'whit' is not a colour"):
        prepare(open_source(photos), replace(SETTINGS, background="whit"), cache)
    assert not cache.exists()


@pytest.mark.parametrize("when", ["images", "rename", "interrupted"])
def test_a_failed_write_leaves_nothing(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    if when == "images":
        monkeypatch.setattr("ganvas.data.cache._write_header", full)
    elif when == "rename":
        monkeypatch.setattr(Path, "rename", full)
    else:
        monkeypatch.setattr("ganvas.data.cache.write_json", interrupted)
    expected = KeyboardInterrupt if when == "interrupted" else GanvasError
    with pytest.raises(expected) as caught:
        prepare(open_source(photos), SETTINGS, cache)
    if when != "interrupted":
        assert "no space left on device" in str(caught.value)
        assert "GANVAS_CACHE" in str(caught.value)
    assert entries(cache) == []


def test_images_that_the_disk_has_no_room_for_are_not_decoded(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly_full = shutil.disk_usage(photos)._replace(free=100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: nearly_full)
    monkeypatch.setattr("ganvas.data.preparation.decode", lambda *_: pytest.fail("decodes"))
    with pytest.raises(DataError, match=r"take .* kB in .*, where 100 bytes are free. Choose a"):
        prepare(open_source(photos), replace(SETTINGS, channels="3"), cache)
    assert entries(cache) == []


def test_a_cache_that_cannot_be_created_is_an_error(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot keep prepared images in .*set GANVAS_CACHE"):
        prepare(open_source(photos), SETTINGS, tmp_path / "file")
    with pytest.raises(DataError, match="cannot keep prepared images"):
        prepare(open_source(photos), SETTINGS, tmp_path / "file" / "below")


KILLED = """
import os, sys
import ganvas.data.cache as cache
import ganvas.data.preparation as preparation
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from pathlib import Path

def killed(*_):
    os._exit(9)

cache.write_json = killed
preparation.prepare(open_source(sys.argv[1]), DataSettings(size=(16, 16)), Path(sys.argv[2]))
"""


def test_the_draft_of_a_killed_process_is_removed(photos: Path, cache: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(photos), str(cache)]
    assert subprocess.run(command, check=False).returncode == 9
    (left,) = entries(cache)
    assert left.endswith(".tmp")
    data, decoded = prepared_from(photos, cache)
    assert decoded
    assert len(data.images) == 20
    (entry,) = entries(cache)
    assert not entry.endswith(".tmp")


RACING = """
import sys
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from pathlib import Path

sys.stdin.readline()
data = prepare(open_source(sys.argv[1]), DataSettings(size=(16, 16)), Path(sys.argv[2]))
print(data.images.shape[0], int(data.images.sum()))
"""


def test_two_processes_at_once_both_succeed(photos: Path, cache: Path) -> None:
    outputs = race(RACING, photos, cache)
    assert outputs == [f"20 {sum(range(20)) * 256}\n"] * 2
    assert len(entries(cache)) == 1


def test_a_process_that_waited_for_the_lock_opens_the_result(
    photos: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared_from(photos, tmp_path / "other")

    class OtherWasFaster:
        def __init__(self, path: str) -> None:
            pass

        def __enter__(self) -> None:
            shutil.copytree(tmp_path / "other", cache, dirs_exist_ok=True)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("ganvas.data.cache.FileLock", OtherWasFaster)
    data, decoded = prepared_from(photos, cache)
    assert not decoded
    assert len(data.images) == 20
