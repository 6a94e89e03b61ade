"""Files on the disk: atomic writes (a temporary name, flushed, then renamed), and what can fail."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ganvas.errors import Occupied, RunError
from ganvas.system_errors import advice_for, reason_of

LONGEST_NAME = 200
"""Bytes of a name that is made of a text. File systems take 255, of which a number needs some."""

_DRAFT = re.compile(r"^\.(.+)\.[0-9a-f]{12}\.tmp$")


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` while writing `path` into a `RunError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which replaces `path` when it is complete.

    A kill, an exception or a full disk leaves either the old file or the new one.

    Raises:
        RunError: the disk is full or the place cannot be written; no temporary file is left.
    """
    temporary = draft_of(path)
    try:
        with write_errors(path):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105 - the usual name of an atomic rename
            flush_directory(path.parent)
    finally:
        with contextlib.suppress(OSError):  # what stopped the write may stop this too
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A directory to fill, which gets the name `path` when it is complete.

    An exception leaves nothing behind. A kill leaves only a hidden `.NAME.*.tmp` beside `path`
    (see `remove_drafts`). Directories above `path` are made.

    Args:
        path: must not exist, or be an empty directory, or a link to such a place.
        replace: a directory with contents is replaced too.

    Raises:
        Occupied: in the end there is a file, or a directory with contents.
        OSError: the place cannot be written (see `write_errors`).
    """
    path = Path(os.path.realpath(path))  # a link stays, and the draft is on the disk it leads to
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    try:
        draft.mkdir()
        yield draft
        if replace and path.exists():
            shutil.rmtree(path)
        rename_directory(draft, path)
        flush_directory(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def rename_directory(source: Path, target: Path) -> None:
    """Rename a directory; of several processes that want the same name one gets it.

    Raises:
        Occupied: the name is that of a file, or of a directory with contents.
        OSError: it cannot be renamed.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            target.rmdir()  # Windows renames to free names only
        source.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise Occupied(
                f"{target} was made by another process meanwhile. "
                "Choose another folder as out (--out)"
            ) from error
        raise


def draft_of(path: Path) -> Path:
    """A hidden name beside `path` that no other thread or process uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def final_path(path: Path) -> Path:
    """What a file in a draft will be called, for messages; any other path as it is."""
    return Path(*(_DRAFT.sub(r"\1", part) for part in path.parts))


def remove_drafts(path: Path) -> None:
    """Remove what killed processes left of `path`, file or directory. Needs a lock on `path`."""
    for draft in path.parent.glob(f".{path.name}.*.tmp"):
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                draft.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` atomically (see `atomic_file`)."""
    with atomic_file(path) as file:
        file.write(content)


def native_path(text: str) -> str:
    """A text as a path. Where the locale's names of files lack a character: its bytes in UTF-8."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode(errors="surrogateescape"))
    return text


def plain_names(texts: Iterable[str], unnamed: str) -> Iterator[str]:
    """A name of a file or folder for each text, none of them twice, in any case of its letters.

    Args:
        unnamed: what one is called of whose text nothing is left.
    """
    used: set[str] = set()
    for text in texts:
        short = text.encode(errors="replace")[:LONGEST_NAME].decode(errors="ignore")
        words = re.sub(r"[^\w.+#-]+", " ", short).strip(" .")  # a name with a dot first is hidden
        plain = words.replace(" ", "-") or unnamed
        name, number = plain, 1
        while name.casefold() in used:
            number += 1
            name = f"{plain}-{number}"
        used.add(name.casefold())
        yield name


def given_path(path: str | os.PathLike[str]) -> Path:
    """A path as people give it: `~` is the home folder, also where no shell has replaced it, as in
    `--out=~/runs` and in Python."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - an unknown ~user stays


@contextlib.contextmanager
def utf8_name(path: Path) -> Iterator[str]:
    """A name of an existing file for libraries that take only names in UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield f"/dev/fd/{file.fileno()}"
    else:
        yield str(path)


def missing(path: Path) -> RunError:
    """The error for a file that ganvas wrote and that is gone."""
    return RunError(
        f"{path} is missing: it was deleted or moved. Put it back, or start again in another folder"
    )


def append_line(path: Path, line: str) -> None:
    """Append one line with a single write.

    A kill can cut this line only, and the next one then begins anew. A full disk leaves the file
    as it was.
    """
    with write_errors(path), path.open("a+b", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        begin = b"" if file.read(1) in (b"", b"\n") else b"\n"
        rest = begin + line.encode() + b"\n"
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise


def flush_directory(directory: Path) -> None:
    """Make a rename inside `directory` survive a power cut. Only POSIX systems need it."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> RunError:
    """The error for a failed write, with what to do about its cause."""
    return RunError(
        f"cannot write {final_path(path)}: {reason_of(error)}. Nothing half-written was left; "
        f"{advice_for(error)}."
    )


_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


def is_full(error: BaseException | None) -> bool:
    """Whether a full disk caused an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def make_directory(directory: Path) -> None:
    """Make a directory and its parents, if they do not exist.

    Raises:
        RunError: the place cannot be written, or a file is in the way.
    """
    with write_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)


def check_no_file(path: Path) -> None:
    """Raise `Occupied` if a file has the name of the directory that is to be made."""
    if path.exists() and not path.is_dir():
        raise Occupied(f"{path} is a file. Choose another folder as out (--out)")


def check_can_write(path: Path) -> None:
    """Check, before long work, that a file or directory can be written there. Leaves nothing.

    Raises:
        RunError: the place cannot be written, or a file is in the way.
    """
    with write_errors(path):
        if path.is_file():  # it is appended to, or replaced
            with path.open("ab"):
                pass
        with tempfile.TemporaryFile(dir=_existing_folder(path.parent)):
            pass


def free_bytes(path: Path) -> int:
    """Free space on the disk of a file or folder, which need not exist yet."""
    return shutil.disk_usage(_existing_folder(path)).free


def _existing_folder(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    whole = path.absolute()
    return next(place for place in (whole, *whole.parents) if place.exists())
