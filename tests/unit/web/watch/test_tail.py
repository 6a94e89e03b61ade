"""Only what was appended is read, whatever happens to the file meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ganvas.errors import RunError
from ganvas.runs import History
from ganvas.web.watch import tail as tail_module
from ganvas.web.watch.inside import Inside
from ganvas.web.watch.tail import Tail, last_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


@pytest.fixture
def tail(path: Path) -> Tail:
    return Tail(Inside.of(path.parent), path)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_each_line_is_read_once(path: Path, tail: Tail) -> None:
    assert tail.read().lines == []  # there is no file yet
    append(path, "one\ntwo\n")
    assert tail.read().lines == [b"one", b"two"]
    assert tail.read().lines == []
    append(path, "three\n")
    assert tail.read().lines == [b"three"]


def test_a_line_that_is_cut_waits_for_its_end(path: Path, tail: Tail) -> None:
    append(path, "one\ntw")
    assert tail.read().lines == [b"one"]
    assert not tail.is_behind
    append(path, "o\n")
    assert tail.read().lines == [b"two"]


def test_only_what_was_appended_is_read_from_the_disk(
    path: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(path, "x" * 99 + "\n")
    tail.read()
    append(path, "new\n")
    begins: list[int] = []
    take = Tail._take
    monkeypatch.setattr(Tail, "_take", lambda s, chunk: begins.append(len(chunk)) or take(s, chunk))
    assert tail.read().lines == [b"new"]
    assert begins == [len("new\n")]


@pytest.mark.parametrize("more", ["", '{"images_seen": 250}\n{"images_seen": 350}\n'])
def test_a_history_that_resuming_has_cut_begins_anew(path: Path, tail: Tail, more: str) -> None:
    """However long it has become meanwhile."""
    history = History(path)
    for seen in (100, 200, 300):
        history.append({"images_seen": seen})
    tail.read()
    history.truncate_after(200)
    append(path, more)
    lines = tail.read()
    assert lines.restarted
    assert lines.lines == path.read_bytes().splitlines()


def test_a_file_that_vanished_and_came_back_begins_anew(path: Path, tail: Tail) -> None:
    append(path, "one\n")
    tail.read()
    path.unlink()
    assert tail.read().restarted
    append(path, "one\n")
    assert tail.read().lines == [b"one"]


def test_nothing_is_left_to_read_of_a_file_that_vanished(path: Path, tail: Tail) -> None:
    """Who reads on while there is more would do so for ever."""
    append(path, "one\n")
    tail.read()
    path.unlink()
    assert tail.read().restarted
    assert not tail.is_behind


def test_a_file_that_was_copied_anew_with_more_in_it_goes_on(path: Path, tail: Tail) -> None:
    append(path, "one\n")
    tail.read()
    copy = path.with_suffix(".copy")
    copy.write_text("one\ntwo\n")
    os.replace(copy, path)  # noqa: PTH105 - as rsync does
    lines = tail.read()
    assert not lines.restarted
    assert lines.lines == [b"two"]


def test_a_long_file_is_read_in_slices(
    path: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "SLICE", 10)
    append(path, "".join(f"line {i}\n" for i in range(5)))
    lines = tail.read().lines
    assert lines == [b"line 0"]
    assert tail.is_behind
    assert 0 < tail.fraction < 1
    while tail.is_behind:
        lines += tail.read().lines
    assert lines == [f"line {i}".encode() for i in range(5)]
    assert tail.fraction == 1


def test_a_line_longer_than_a_slice_is_left_out(
    path: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "SLICE", 10)
    append(path, "one\n" + "x" * 35 + "\ntwo\n")
    lines = tail.read().lines
    while tail.is_behind:
        lines += tail.read().lines
    assert lines == [b"one", b"two"]


def test_the_last_lines_of_a_file_are_whole(path: Path) -> None:
    inside = Inside.of(path.parent)
    assert last_lines(inside, path, 100) == []
    append(path, "first line\nsecond\nthird\ncu")
    assert last_lines(inside, path, 18) == [b"second", b"third"]
    assert last_lines(inside, path, 100) == [b"first line", b"second", b"third"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_nothing_outside_the_folder_is_read_through_a_link(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text("secret\n")
    folder = tmp_path / "runs"
    folder.mkdir()
    if kind == "file":
        (folder / "history.jsonl").symlink_to(secret)
        path = folder / "history.jsonl"
    else:
        (folder / "out").symlink_to(tmp_path)
        path = folder / "out" / "secret.jsonl"
    inside = Inside.of(folder)
    for read in (lambda: Tail(inside, path).read(), lambda: last_lines(inside, path, 99)):
        with pytest.raises(RunError, match="leads out of the folder, so it is not read"):
            read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_make_the_page_wait_for_ever(path: Path, tail: Tail) -> None:
    os.mkfifo(path)
    with pytest.raises(RunError, match="is no file"):
        tail.read()
