"""Writes are atomic: a failed write leaves the old content."""

from __future__ import annotations

import errno
import os
import resource
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ganvas import storage
from ganvas.errors import Occupied, RunError


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_write_replaces_the_old_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    storage.write_bytes(path, b"old")
    storage.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["status.json"]


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "check the permissions"),
        (errno.EIO, "the disk or its connection fails"),
        (None, "try again, or choose another folder"),
    ],
)
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_failed_write_keeps_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, advice: str, moment: str
) -> None:
    path = tmp_path / "model.safetensors"
    storage.write_bytes(path, b"old")

    def fail(*arguments: Any) -> None:
        raise OSError("unheard of") if code is None else OSError(code, os.strerror(code))

    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(RunError, match=advice) as caught:
        storage.write_bytes(path, b"new" * 1000)
    monkeypatch.undo()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model.safetensors"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's always-full device")
def test_appending_to_a_full_disk_says_what_to_do() -> None:
    with pytest.raises(RunError, match=r"no space left.*free some space"):
        storage.append_line(Path("/dev/full"), "a line")


def test_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*no such file"):
        storage.write_bytes(tmp_path / "absent" / "file", b"x")


def test_file_in_the_way_of_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_bytes(b"")
    with pytest.raises(RunError, match="cannot write"):
        storage.write_bytes(tmp_path / "in-the-way" / "file", b"x")
    with pytest.raises(RunError, match=r"cannot write .*a file is in the way: choose another"):
        storage.make_directory(tmp_path / "in-the-way" / "folder")
    with pytest.raises(RunError, match=r"cannot write .*a file is in the way: choose another"):
        storage.make_directory(tmp_path / "in-the-way")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_forbidden_folder_is_a_clear_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="permission"):
        storage.write_bytes(tmp_path / "file", b"x")
    tmp_path.chmod(0o700)


def test_make_directory_makes_parents_and_accepts_existing_ones(tmp_path: Path) -> None:
    storage.make_directory(tmp_path / "a" / "b")
    storage.make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_directory_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "above" / "run"
    with storage.atomic_directory(path) as draft:
        (draft / "file").write_text("content")
        assert not path.exists()
    assert names(tmp_path / "above") == ["run"]
    assert names(path) == ["file"]


def test_a_directory_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with storage.atomic_directory(tmp_path / "run") as draft:
            (draft / "file").write_text("content")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def make_empty(path: Path) -> None:
    with storage.atomic_directory(path):
        pass


def test_only_an_empty_directory_is_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    for content in ("first", "second"):
        with storage.atomic_directory(path, replace=content == "second") as draft:
            (draft / content).touch()
    assert names(path) == ["second"]
    with pytest.raises(Occupied, match="run was made by another process meanwhile"):
        make_empty(path)
    assert names(path) == ["second"]
    assert names(tmp_path) == ["run"]


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have these permissions")
def test_an_atomic_directory_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with storage.atomic_directory(tmp_path / "run"):
        pass
    expected = (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "run").stat().st_mode == expected


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["café", os.fsdecode(b"caf\xe9")])
def test_any_file_has_a_name_in_utf_8(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"content")
    with storage.utf8_name(tmp_path / name) as utf8:
        utf8.encode()
        assert Path(utf8).read_bytes() == b"content"


def test_drafts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    for name in (".run.1.tmp", ".other.1.tmp", "run"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    storage.remove_drafts(tmp_path / "run")
    assert names(tmp_path) == [".other.1.tmp", "run"]


def test_an_error_of_the_system_says_what_to_do(tmp_path: Path) -> None:
    expected = r"cannot write .*full.*no space.*free some space"
    with pytest.raises(RunError, match=expected), storage.write_errors(tmp_path / "full"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_lines_are_appended_one_after_the_other(tmp_path: Path) -> None:
    for line in ("first", "zwei é"):
        storage.append_line(tmp_path / "log", line)
    assert (tmp_path / "log").read_bytes() == "first\nzwei é\n".encode()


def test_threads_that_write_one_file_at_once_leave_one_whole_content(tmp_path: Path) -> None:
    path, together = tmp_path / "index", threading.Barrier(4)

    def write(letter: bytes) -> None:
        with storage.atomic_file(path) as file:
            file.write(letter * 10)
            together.wait()  # all files are open at once
            file.write(letter * 10)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [b"a", b"b", b"c", b"d"]))
    assert path.read_bytes() in [letter * 20 for letter in (b"a", b"b", b"c", b"d")]
    assert names(tmp_path) == ["index"]


def test_a_directory_that_is_made_by_several_threads_at_once_is_that_of_one(tmp_path: Path) -> None:
    path, together = tmp_path / "run", threading.Barrier(4)

    def make(name: str) -> bool:
        try:
            with storage.atomic_directory(path) as draft:
                (draft / name).touch()
                together.wait()  # nobody has the name yet
        except Occupied:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(make, "abcd"))
    assert won.count(True) == 1
    assert names(path) == ["abcd"[won.index(True)]]
    assert names(tmp_path) == ["run"]


def test_an_error_inside_a_draft_names_what_it_was_to_become(tmp_path: Path) -> None:
    def fill(draft: Path) -> None:
        raise storage.cannot_write(draft / "status.json", OSError(errno.ENOSPC, "full"))

    with (
        pytest.raises(RunError, match=f"^cannot write {tmp_path}/run/status.json: "),
        storage.atomic_directory(tmp_path / "run") as draft,
    ):
        fill(draft)
    assert storage.final_path(Path(".run.tmp/a")) == Path(".run.tmp/a")


def test_a_full_disk_cuts_no_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    storage.append_line(path, "1")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, limits[1]))
    try:
        with pytest.raises(RunError, match=r"cannot write .*scores\.jsonl: file too large"):
            storage.append_line(path, "a long line")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "1\n"


def test_a_line_after_one_that_a_kill_has_cut_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text("1\n2, a long li")
    storage.append_line(path, "3")
    storage.append_line(path, "4")
    assert path.read_text().splitlines() == ["1", "2, a long li", "3", "4"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_to_a_free_place_is_filled_where_it_leads_to(tmp_path: Path, exists: bool) -> None:
    """As to a folder on a larger disk."""
    target, link = tmp_path / "disk" / "target", tmp_path / "link"
    if exists:
        target.mkdir(parents=True)
    try:
        link.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets us make no links")
    with storage.atomic_directory(link) as draft:
        assert draft.parent == target.parent
        (draft / "file").touch()
    assert link.is_symlink()
    assert (target / "file").exists()


def test_every_text_gets_a_name_of_its_own_that_any_file_system_takes() -> None:
    texts = [
        "cat",
        "Cat",
        "C",
        "C++",
        "-1",
        "1",
        "a b",
        "a/b!",
        ".hidden",
        "?",
        "..",
        "bag.",
        "née",
    ]
    assert list(storage.plain_names(texts, "label")) == [
        "cat",
        "Cat-2",
        "C",
        "C++",
        "-1",
        "1",
        "a-b",
        "a-b-2",
        "hidden",
        "label",
        "label-2",
        "bag",
        "née",
    ]


def test_a_long_text_gets_a_name_that_a_file_system_takes(tmp_path: Path) -> None:
    first, second = storage.plain_names(["é" * 300, "é" * 301], "label")
    assert (first, second) == ("é" * 100, "é" * 100 + "-2")
    (tmp_path / second).mkdir()
