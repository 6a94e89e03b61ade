"""When a file is read again, and what happens to the index that decides it."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ganvas.data import source as source_module
from ganvas.data.digests import read_digests
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.sources import open_source
from tests.builders.commands import race

from .pictures import encoded, flat

SETTINGS = DataSettings(size=(16, 16))
COUNT = 20
LONG_AGO = time.time_ns() - 3_600_000_000_000


def set_time(path: Path, ns: int = LONG_AGO) -> None:
    os.utime(path, ns=(ns, ns))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty distinct images that were written an hour ago."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for value in range(COUNT):
        flat("L", value).save(folder / f"{value:02}.png")
        set_time(folder / f"{value:02}.png")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def read(data: Path, cache: Path, verify: bool = False) -> tuple[list[bytes], int]:
    """The digests, and how many items were read for them."""
    source = open_source(data)
    assert isinstance(source, Source)
    counts = [0]
    digests = read_digests(source, cache, verify, lambda stage, done, total: counts.append(done))
    return digests, counts[-1]


def stages(data: Path, cache: Path, verify: bool = False) -> set[str]:
    """What `prepare` had to do."""
    seen: set[str] = set()
    prepare(
        open_source(data),
        SETTINGS,
        cache,
        lambda stage, done, total: seen.add(stage),
        verify=verify,
    )
    return seen


def index_of(cache: Path) -> Path:
    (path,) = cache.glob("index-*.npz")
    return path


def test_a_second_call_reads_nothing(photos: Path, cache: Path) -> None:
    first, count = read(photos, cache)
    assert count == COUNT
    assert read(photos, cache) == (first, 0)
    assert len(set(first)) == COUNT


def test_digests_are_those_of_the_contents(photos: Path, cache: Path) -> None:
    remembered = [read(photos, cache)[0] for _ in range(2)]
    assert remembered[0] == remembered[1] == read(photos, cache / "other")[0]


def test_a_touched_file_costs_one_hash_and_no_preparation(photos: Path, cache: Path) -> None:
    assert stages(photos, cache) == {"reading", "decoding"}
    first, _ = read(photos, cache)
    set_time(photos / "05.png", LONG_AGO + 1)
    assert read(photos, cache) == (first, 1)
    set_time(photos / "05.png", LONG_AGO + 2)
    assert stages(photos, cache) == {"reading"}
    assert stages(photos, cache) == set()


def test_a_changed_file_is_read_again(photos: Path, cache: Path) -> None:
    first, _ = read(photos, cache)
    flat("L", 99).save(photos / "05.png")
    set_time(photos / "05.png", LONG_AGO + 1)
    changed, count = read(photos, cache)
    assert count == 1
    assert [i for i in range(COUNT) if changed[i] != first[i]] == [5]


def test_a_change_with_the_old_size_and_time_is_found_by_verify_alone(
    photos: Path, cache: Path
) -> None:
    (photos / "05.png").write_bytes(b"a" * 100)
    set_time(photos / "05.png")
    first, _ = read(photos, cache)
    (photos / "05.png").write_bytes(b"b" * 100)
    set_time(photos / "05.png")
    assert read(photos, cache) == (first, 0)
    changed, count = read(photos, cache, verify=True)
    assert count == COUNT
    assert [i for i in range(COUNT) if changed[i] != first[i]] == [5]
    assert read(photos, cache) == (changed, 0), "the index knows better now"


def test_an_added_file_is_the_only_one_that_is_read(photos: Path, cache: Path) -> None:
    first, _ = read(photos, cache)
    flat("L", 99).save(photos / "04b.png")
    set_time(photos / "04b.png")
    digests, count = read(photos, cache)
    assert count == 1
    assert digests[:5] + digests[6:] == first


def test_a_removed_file_needs_no_reading(photos: Path, cache: Path) -> None:
    first, _ = read(photos, cache)
    (photos / "05.png").unlink()
    assert read(photos, cache) == (first[:5] + first[6:], 0)


def test_a_file_written_just_before_reading_is_read_again(photos: Path, cache: Path) -> None:
    set_time(photos / "05.png", time.time_ns())
    assert read(photos, cache)[1] == COUNT
    assert read(photos, cache)[1] == 1, "it may change again within one tick of the clock"


@pytest.mark.parametrize(("year", "again"), [(4501, COUNT), (-4501, 0)])
def test_a_file_of_a_time_that_64_bits_do_not_hold_is_read(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, year: int, again: int
) -> None:
    """Few file systems can store such a time. As after any time to come, it is read each time."""
    modified = SimpleNamespace(st_size=4, st_mtime_ns=(year - 1970) * 31_556_952 * 10**9)
    first, _ = read(photos, cache)
    cache.rename(cache.with_name("with-true-times"))
    monkeypatch.setattr(source_module, "os", SimpleNamespace(stat=lambda _: modified))
    assert read(photos, cache) == (first, COUNT)
    assert read(photos, cache) == (first, again)


def test_a_file_that_could_not_be_read_is_read_again(photos: Path, cache: Path) -> None:
    (photos / "05.png").unlink()
    (photos / "05.png").symlink_to(photos.parent / "elsewhere.png")
    first, _ = read(photos, cache)
    assert read(photos, cache) == (first, 1)
    flat("L", 5).save(photos.parent / "elsewhere.png")
    set_time(photos.parent / "elsewhere.png")
    repaired, count = read(photos, cache)
    assert count == 1
    assert repaired[5] != first[5]
    assert read(photos, cache) == (repaired, 0)


def write_zip(folder: Path, values: list[int]) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for position, value in enumerate(values):
            archive.writestr(f"{position}.png", encoded(flat("L", value)))
    return folder / "a.zip"


def write_npz(folder: Path, values: list[int]) -> Path:
    images = np.tile(np.array(values, np.uint8)[:, None, None], (1, 16, 16))
    np.savez(folder / "a.npz", images=images)
    return folder / "a.npz"


@pytest.mark.parametrize("write", [write_zip, write_npz])
def test_an_archive_is_read_again_when_its_own_stamp_changes(
    tmp_path: Path, cache: Path, write: Callable[[Path, list[int]], Path]
) -> None:
    path = write(tmp_path, [1, 2, 3])
    set_time(path)
    first, count = read(path, cache)
    assert count == 3
    assert read(path, cache) == (first, 0)
    set_time(path, LONG_AGO + 1)
    assert read(path, cache) == (first, 3)
    write(tmp_path, [1, 2, 4])
    set_time(path, LONG_AGO + 1)
    assert read(path, cache)[0] == first, "same size, same time"
    changed, _ = read(path, cache, verify=True)
    assert changed[:2] == first[:2]
    assert changed[2] != first[2]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_entries_with_equal_names_are_distinguished(tmp_path: Path, cache: Path) -> None:
    def write(values: list[int]) -> Path:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for value in values:
                archive.writestr("x.png", encoded(flat("L", value)))
        set_time(tmp_path / "a.zip")
        return tmp_path / "a.zip"

    first, _ = read(write([1, 2]), cache)
    assert len(set(first)) == 2
    assert read(tmp_path / "a.zip", cache) == (first, 0)
    more, count = read(write([2, 1, 3]), cache)
    assert count == 3
    assert more[:2] == first[::-1]


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "flipped", "too few", "folder"])
def test_a_damaged_index_is_rebuilt(photos: Path, cache: Path, damage: str) -> None:
    first, _ = read(photos, cache)
    path = index_of(cache)
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "garbage":
        path.write_bytes(os.urandom(len(content)))
    elif damage == "flipped":
        middle = content.index(first[3])
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "too few":
        with np.load(path) as file:
            arrays = dict(file)
        np.savez(path, **{**arrays, "digests": arrays["digests"][:-1]})
    else:
        path.unlink()
        path.mkdir()
    assert read(photos, cache) == (first, COUNT)
    if damage != "folder":
        assert read(photos, cache) == (first, 0)


def test_each_location_has_its_own_index(photos: Path, cache: Path) -> None:
    first, _ = read(photos, cache)
    moved = photos.with_name("moved")
    shutil.copytree(photos, moved)
    assert read(moved, cache) == (first, COUNT)
    assert read(photos, cache) == (first, 0)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_cache_only_costs_time(photos: Path, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(0o500)
    first, _ = read(photos, cache)
    assert read(photos, cache) == (first, COUNT)


def test_a_cache_that_cannot_be_created_only_costs_time(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    first, _ = read(photos, tmp_path / "file")
    assert read(photos, tmp_path / "file") == (first, COUNT)


def test_what_a_killed_process_left_of_an_index_is_removed(photos: Path, cache: Path) -> None:
    read(photos, cache)
    (index,) = cache.glob("index-*.npz")
    draft = index.with_name(f".{index.name}.0123456789ab.tmp")
    index.rename(draft)
    read(photos, cache)
    assert index.exists()
    assert not draft.exists()


RACING = """
import sys
from pathlib import Path
from ganvas.data import source as source_module
from ganvas.data.digests import read_digests
from ganvas.data.sources import open_source

sys.stdin.readline()
counts = [0]
source = open_source(sys.argv[1])
report = lambda stage, done, total: counts.append(done)
digests = read_digests(source, Path(sys.argv[2]), False, report)
print(counts[-1], digests[0].hex())
"""


def test_of_two_processes_at_once_one_reads(photos: Path, cache: Path) -> None:
    outputs = sorted(text.split() for text in race(RACING, photos, cache))
    assert [count for count, _ in outputs] == ["0", str(COUNT)]
    assert outputs[0][1] == outputs[1][1] == read(photos, cache)[0][0].hex()
