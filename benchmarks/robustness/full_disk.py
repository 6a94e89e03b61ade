"""A disk that becomes full at the moment when a file is opened for writing, for every kind of file.

Then there is room again and the command is repeated: in the end everything is as if nothing had
happened.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contents import contents, differences
from forked import OnEvent, run
from kills import Command, again, copy_run, write_inputs
from records import Record

DISK, FOLDER, FILLER = "disk", "disk/trial", "filler"
DISK_MB = 64
NO_SPACE, TOO_LARGE = "no space left", "limit of size"
"""The ways: a small file system that is full; and a limit of a file's size, inside that file."""
TIMES = 2
"""The first times that each kind of file is written."""


@dataclass(frozen=True)
class Task:
    """A command that writes files, and the one that repeats or continues it."""

    name: str
    prepare: Callable[[Path], None]
    command: Command
    again: Callable[[Path], Command]


@dataclass(frozen=True)
class Write:
    """One opening of a file: its kind, and whether for the first or the second time."""

    kind: str
    time: int

    @property
    def name(self) -> str:
        """The kind as records say it."""
        return self.kind if self.time == 1 else f"{self.kind}, again"


def tasks() -> list[Task]:
    """Commands that together write every kind of file."""
    train = ("train", "small.toml", "images.npz", "--out", "run")
    rewind = (*train, "--discriminator.learning-rate", "1e30", "--on-failure", "rewind")
    evaluate = ("evaluate", "run", "--metrics", "swd", "-n", "100")
    compare = ("compare", "study.toml", "--out", "study", "--workers", "1")
    sample = ("sample", "run", "-n", "20", "--out")
    simple = {
        "evaluate": evaluate,
        "sample, a grid": (*sample, "grid.png"),
        "sample, .npz": (*sample, "samples.npz"),
        "sample, a folder": (*sample, "samples"),
        "interpolate, .gif": ("interpolate", "run", "--out", "walk.gif"),
        "interpolate, .png": ("interpolate", "run", "--out", "walk.png"),
        "report": ("report", "run"),
    }
    return [
        Task("train", write_inputs, train, again(train)),
        Task("train with a rewind", write_inputs, rewind, again(rewind)),
        *(Task(name, copy_run, command, anew(command)) for name, command in simple.items()),
        Task("compare", write_inputs, compare, anew(compare)),
    ]


def anew(command: Command) -> Callable[[Path], Command]:
    """The same command, after what it may have left in its folder of samples was removed."""

    def repeated(root: Path) -> Command:
        shutil.rmtree(root / "samples", ignore_errors=True)
        return command

    return repeated


@contextlib.contextmanager
def small_disk(scratch: Path) -> Iterator[bool]:
    """A small file system in memory at `DISK`; false where it cannot be mounted."""
    disk = scratch / DISK
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(disk)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def examine_task(task: Task, done: set[tuple[str, str]], scratch: Path) -> Iterator[Record]:
    """A record for each kind of file that the command writes, and each way.

    Args:
        done: kinds of files and ways that have a record, of any command.
    """
    with small_disk(scratch) as mounted:
        root = scratch / FOLDER
        before = scratch / "before"
        shutil.rmtree(before, ignore_errors=True)
        root.mkdir()
        task.prepare(root)
        shutil.move(root, before)
        writes, expected = list_writes(task, before, root)
        for write in writes:
            for way in (NO_SPACE, TOO_LARGE) if mounted else (TOO_LARGE,):
                if (write.name, way) in done:
                    continue
                renew(root, before)
                filler = scratch / DISK / FILLER
                ended = run(task.command, root, spoil(write, way, root, filler))
                message = ended.err.replace(f"{root}/", "").strip()
                left = [str(path.relative_to(root)) for path in root.rglob("*.tmp")]
                filler.unlink(missing_ok=True)
                repeated = run(task.again(root), root)
                finished = repeated.code == 0 or "is finished at" in repeated.err
                lost = differences(expected, contents(root))
                yield {
                    "command": task.name,
                    "file": write.name,
                    "way": way,
                    "code": ended.code,
                    "message": message,
                    "drafts": left,
                    "lost": lost if finished else [repeated.err[-300:], *lost],
                }
        shutil.rmtree(root)


def renew(root: Path, before: Path) -> None:
    """The folder as it was before the command."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(before, root)


def list_writes(task: Task, before: Path, root: Path) -> tuple[list[Write], dict[str, str]]:
    """The first openings of each kind of file; and what is there in the end."""
    notes = before.parent / "writes.txt"
    notes.write_text("")

    def note(number: int, event: str, path: str) -> None:
        if is_write(event, path):
            with notes.open("a") as file:
                file.write(f"{kind_of(os.path.relpath(path, root))}\n")

    renew(root, before)
    ended = run(task.command, root, note)
    assert ended.code == 0, ended.err
    times = Counter(notes.read_text().splitlines())
    writes = [Write(kind, n + 1) for kind in times for n in range(min(TIMES, times[kind]))]
    return writes, contents(root)


def is_write(event: str, path: str) -> bool:
    """Whether an event opens a file that holds something."""
    return event == "open" and not path.endswith(".lock") and not os.path.isdir(path)  # noqa: PTH112


def kind_of(path: str) -> str:
    """The kind of a file by its path: numbers and random parts are left out."""
    name = re.sub(r"\.(\S+?)\.[^./]+\.tmp", r"\1", path)
    name = re.sub(r"(data|index)-[0-9a-f]{24}", r"\1", name)
    return re.sub(r"\d{6,}", "N", name)


def spoil(write: Write, way: str, root: Path, filler: Path) -> OnEvent:
    """What fills the disk when a file is opened."""
    times = 0

    def fill(number: int, event: str, path: str) -> None:
        nonlocal times
        if not is_write(event, path) or kind_of(os.path.relpath(path, root)) != write.kind:
            return
        times += 1
        if times != write.time:
            return
        if way == NO_SPACE:
            fill_disk(filler)
        else:
            size = os.path.getsize(path) if os.path.exists(path) else 0  # noqa: PTH110, PTH202
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 16, size + 16))

    return fill


def fill_disk(filler: Path) -> None:
    """Write until no space is left."""
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    os.write(descriptor, bytes(size))
    finally:
        os.close(descriptor)
