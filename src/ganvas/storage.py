"""Atomic writes: to a temporary name, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import math
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from ganvas.errors import Occupied, RunError
from ganvas.system_errors import advice_for, reason_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter, ValidationError

AnyDataclass = TypeVar("AnyDataclass", bound="DataclassInstance")
AnyTable = TypeVar("AnyTable")
"""A `TypedDict`."""

MAX_NESTING = 50
"""Lists and tables inside each other, in a file of JSON or TOML; those of ganvas have five."""
_TOO_DEEP = f"nested more than {MAX_NESTING} levels deep"

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


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON atomically (see `atomic_file`)."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # Bytes of a file's name that are no UTF-8 become \udcff, which JSON reads back as they were.
    write_bytes(path, text.encode(errors="backslashreplace"))


def native_path(text: str) -> str:
    """A text as a path. Where the locale's names of files lack a character: its bytes in UTF-8."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode(errors="surrogateescape"))
    return text


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


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, or nested deeper than what anybody writes (`check_nesting`).
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    check_nesting(value)
    return value


def check_nesting(value: object) -> None:
    """Raise a `ValueError` for lists and tables nested so deeply that recursion over them fails."""
    level = [value]
    for _ in range(MAX_NESTING):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def check_finite(value: object) -> None:
    """Raise a `ValueError` for a NaN or an infinity anywhere in a JSON value."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a number is {value}")
    for inner in _inside(value):
        check_finite(inner)


def _inside(value: object) -> Collection[object]:
    """The values in a list or a table; nothing for any other value."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file that ganvas wrote.

    Raises:
        RunError: the file cannot be read, or holds something else.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason_of(error)}") from error
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: expected an object, got {type(value).__name__}")
    return value


def missing(path: Path) -> RunError:
    """The error for a file that ganvas wrote and that is gone."""
    return RunError(
        f"{path} is missing: it was deleted or moved. Put it back, or start again in another folder"
    )


def read_dataclass(path: Path, kind: type[AnyDataclass]) -> AnyDataclass:
    """Read a dataclass from a JSON file. Unknown keys are ignored.

    Raises:
        RunError: the file cannot be read, or a field is missing or has the wrong type.
    """
    try:
        return from_plain(kind, read_json(path))
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def read_table(path: Path, kind: type[AnyTable]) -> AnyTable:
    """Read a JSON file that must have the fields of a `TypedDict`. Others are kept as they are.

    Raises:
        RunError: the file cannot be read, or a field is missing or has the wrong type.
    """
    table = read_json(path)
    try:
        check_table(kind, table)
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    return cast("AnyTable", table)


def check_table(kind: Any, table: object) -> None:
    """Raise a `ValueError` unless a table has the fields of a `TypedDict`; a clause per problem."""
    from pydantic import ValidationError

    try:
        adapter(kind).validate_python(table, strict=True)
    except ValidationError as error:
        raise ValueError(_problems(error)) from error


def to_plain(value: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass as JSON types: tuples as lists, dataclasses as dictionaries."""
    table: dict[str, Any] = adapter(type(value)).dump_python(value, mode="json")
    return table


def from_plain(kind: type[AnyDataclass], table: object) -> AnyDataclass:
    """A dataclass from what `to_plain` made of it. Unknown keys are ignored.

    Raises:
        ValueError: a field is missing or has the wrong type; one clause per problem.
    """
    from pydantic import ValidationError

    try:
        value: AnyDataclass = adapter(kind).validate_python(table)
    except ValidationError as error:
        raise ValueError(_problems(error)) from error
    return value


def _problems(error: ValidationError) -> str:
    """One clause per problem: the field's name with dots, and what is wrong."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}".removeprefix(": ")
        for item in error.errors(include_url=False)
    )


@functools.cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """What reads, checks and writes values of a type. Making it takes longer than all its work."""
    from pydantic import TypeAdapter  # here, because importing it takes a while

    return TypeAdapter(kind)


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
        folder = path.absolute().parent
        while not folder.exists():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder):
            pass
