"""Image files in a folder or a zip archive; sub-folders are labels."""

from __future__ import annotations

import os
import re
import stat
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from PIL.Image import Image

from ganvas.data.containers import hint_for_archive, hint_for_folder
from ganvas.data.folder_labels import labels_from_folders
from ganvas.data.formats import KIND_BYTES, other_kind
from ganvas.data.label_tables import LabelTable, is_label_table, read_label_tables, tables_above
from ganvas.data.opening import open_image
from ganvas.data.source import (
    FileStamp,
    Item,
    Source,
    UnusableImage,
    file_stamp,
    sorted_labels,
)
from ganvas.data.unpacking import unpacking_problem
from ganvas.errors import DataError
from ganvas.formatting import format_bytes
from ganvas.system_errors import advice_for, reason_of

# Common files beside images, which are skipped. Any other file counts as an image, so that a file
# that is not one gets reported.
SIDE_SUFFIXES = frozenset(
    (
        *(".txt", ".md", ".rst", ".html", ".pdf", ".json", ".jsonl", ".csv", ".tsv", ".xml"),
        *(".yaml", ".yml", ".toml", ".ini", ".cfg", ".log", ".db", ".py", ".ipynb"),
        *(".xmp", ".aae", ".sha256", ".md5", ".lnk"),
    )
)
SIDE_NAMES = ("license", "licence", "copying", "notice", "readme", "authors", "makefile")
IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".avif"),
        *(".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx"),
    )
)

RUN_FILES = {"recipe.json", "environment.json"}  # every run directory has them

_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "xz", 98: "PPMd"}  # not in every Python
LARGEST_FILE = 500_000_000  # bytes; larger than any photograph, and a few still fit in memory


@dataclass(frozen=True, eq=False)
class FolderSource(Source):
    """The image files of a folder and its sub-folders."""

    paths: Sequence[str] = field(repr=False)

    def stamps(self) -> list[FileStamp]:
        """Those of the files as they are now."""
        return [file_stamp(path) for path in self.paths]

    def content(self, index: int) -> bytes:
        """The file's bytes. Raises UnusableImage where it cannot be read."""
        return _read_file(Path(self.paths[index]))

    def read(self, index: int) -> Image:
        """The image, its header read. Raises UnusableImage."""
        return open_image(self.content(index))


@dataclass(frozen=True, eq=False)
class ZipSource(Source):
    """The image files in a zip archive, which is never unpacked to disk."""

    archive: zipfile.ZipFile = field(repr=False)
    entries: Sequence[zipfile.ZipInfo] = field(repr=False)
    archive_stamp: FileStamp
    """Taken before the archive was opened."""

    def stamps(self) -> list[FileStamp]:
        """That of the archive."""
        return [self.archive_stamp] * len(self.items)

    def content(self, index: int) -> bytes:
        """The unpacked bytes. Raises UnusableImage if they are damaged or far too many."""
        return _read_entry(self.archive, self.entries[index])

    def read(self, index: int) -> Image:
        """The image, its header read. Raises UnusableImage."""
        return open_image(self.content(index))


def open_folder(root: Path) -> FolderSource:
    """List a folder. Skips hidden and side files, and follows links to folders.

    Labels are those of a table in the folder, or else its sub-folders.

    Raises:
        DataError: a folder or a table cannot be read, or there is no image file.
    """
    files, tables = [], {}
    for name, path in walk(root):
        if is_candidate(name):
            files.append((name, path))
        elif is_label_table(name):
            tables[name] = Path(path)
    if not files:
        raise DataError(f"{root} holds no images. Give a folder of image files")
    above = tables_above(list(tables), [name for name, _ in files])
    contents = {name: _read_table(root, name, partial(_read_file, tables[name])) for name in above}
    return open_files(root, files, contents)


def open_files(
    root: Path, files: Iterable[tuple[str, str]], tables: Mapping[str, bytes] | None = None
) -> FolderSource:
    """The files of a folder as images.

    Args:
        root: what the user gave.
        files: the name of each (`/` between folders), and its path.
        tables: the content of each table that may hold labels, by its name.

    Raises:
        DataError: they are containers of images, such as archives.
    """
    files = sorted((_as_in_utf8(name), path) for name, path in files)
    names = [name for name, _ in files]
    hint = hint_for_folder(str(root), names)
    if hint is not None:
        raise DataError(f"{root} holds no image files {hint}")
    names = [printable_name(name) for name in names]
    labels, table = _labels_of(names, tables or {})
    return FolderSource(
        name=root.name or str(root),
        location=str(root),
        items=list(map(Item, names, labels)),
        label_names=sorted_labels(labels),
        label_table=table,
        paths=[path for _, path in files],
    )


def open_zip(path: Path) -> ZipSource:
    """List a zip archive's images.

    Raises:
        DataError: not a zip, encrypted, without images, or with an entry outside its root.
    """
    stamp = file_stamp(path)
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except Exception as error:  # zipfile raises whatever a damaged or unknown archive causes
        raise DataError(_no_zip(path, error)) from error
    problem = _archive_problem(archive)
    files = sorted(
        (
            (entry.filename.replace("\\", "/"), entry)  # as some Windows programs write them
            for entry in archive.infolist()
            if problem is None and not entry.is_dir()
        ),
        key=lambda named: named[0],
    )
    tables = {name: entry for name, entry in files if is_label_table(name)}
    files = [(name, entry) for name, entry in files if is_candidate(name)]
    hint = hint_for_archive([name for name, _ in files])
    if problem is None and not files:
        problem = "holds no images"
    if problem is None and hint is not None:
        problem = f"holds no images {hint}"
    if problem is not None:
        archive.close()
        raise DataError(f"{path} {problem}")
    names = [printable_name(name) for name, _ in files]
    try:
        contents = {
            name: _read_table(path, name, partial(_read_entry, archive, tables[name]))
            for name in tables_above(list(tables), names)
        }
    except DataError:
        archive.close()
        raise
    labels, table = _labels_of(names, contents)
    return ZipSource(
        name=path.stem,
        location=str(path),
        items=list(map(Item, names, labels)),
        label_names=sorted_labels(labels),
        label_table=table,
        archive=archive,
        entries=[entry for _, entry in files],
        archive_stamp=stamp,
    )


def _read_file(path: Path) -> bytes:
    """A file's bytes. Raises UnusableImage where it cannot be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would block for ever
            raise UnusableImage("not a regular file")
        check_size(status.st_size)
        return path.read_bytes()
    except FileNotFoundError:
        raise UnusableImage("missing (a broken link, or removed meanwhile)") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnusableImage(f"cannot be read: {reason}") from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """An entry's unpacked bytes. Raises UnusableImage if they are damaged or far too many."""
    check_size(entry.file_size)
    problem = unpacking_problem(entry.compress_size, entry.file_size)
    if problem is not None:
        raise UnusableImage(problem)
    try:
        return archive.read(entry)  # never returns more than the declared size
    except NotImplementedError as error:
        method = _METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        raise UnusableImage(
            f"compressed with {method}, which cannot be read here; unpack the archive and give "
            "the folder"
        ) from error
    except Exception as error:  # zipfile and the decompressors raise whatever damage causes
        raise UnusableImage("damaged in the archive") from error


def _read_table(place: Path, name: str, read: Callable[[], bytes]) -> bytes:
    """The content of a table of labels. Raises a `DataError` where it cannot be read."""
    try:
        return read()
    except UnusableImage as problem:
        raise DataError(
            f"{place}: its table {name}: {problem.reason}. Take it away, or replace it"
        ) from problem


def _labels_of(
    names: Sequence[str], tables: Mapping[str, bytes]
) -> tuple[Sequence[str | None], LabelTable | None]:
    """The label of each image, and the table that says it or should have."""
    by_folders = labels_from_folders(names).labels
    table = read_label_tables(tables, names, None not in by_folders)
    return (table.labels if table is not None and table.is_read else by_folders), table


def walk(root: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder: its name (`/` between folders) and its path.

    Hidden files and folders are left out; linked folders are entered once.

    Raises:
        DataError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(
            f"cannot read the folder {error.filename}: {reason_of(error)}; {advice_for(error)}"
        ) from error

    entered: set[str] = set()
    for folder, inner, files in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:  # a link to a parent folder would never end
            inner.clear()
            continue
        entered.add(real)
        if RUN_FILES.issubset(files):
            inner.clear()  # the pictures of a training run are no data
            continue
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        below = Path(folder).relative_to(root).as_posix()
        prefix = "" if below == "." else f"{below}/"
        start = os.path.join(folder, "")  # noqa: PTH118 - a Path for each file takes longer
        for name in files:
            if not name.startswith("."):
                yield prefix + name, start + name


def is_candidate(name: str) -> bool:
    """Whether a file counts as an image until it is read."""
    if ("/." in f"/{name}" or "__MACOSX" in name) and _is_hidden(name):
        return False
    file = name.rpartition("/")[2].lower()
    stem, dot, suffix = file.rpartition(".")
    return dot + suffix not in SIDE_SUFFIXES if stem and suffix else not file.startswith(SIDE_NAMES)


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _archive_problem(archive: zipfile.ZipFile) -> str | None:
    for entry in archive.infolist():
        name = entry.orig_filename
        if not entry.filename:  # it ends at the first zero byte
            return f"is damaged: its entry {name!r} has no name"
        if (problem := outside_problem(name)) is not None:
            return problem
        if entry.flag_bits & 0x1:
            return f"is encrypted (entry {name!r}). Unpack it and give the folder"
    return None


def outside_problem(name: str) -> str | None:
    """Why an archive is refused one of whose entries would be unpacked outside of its own folder;
    None for an entry inside."""
    parts = re.split(r"[/\\]", name)
    if ".." not in parts and parts[0] != "" and not re.match(r"[A-Za-z]:", name):
        return None
    return (
        f"is refused: its entry {name!r} leads out of the archive. "
        "Pack the images again, or unpack them yourself and give the folder"
    )


def _no_zip(path: Path, error: Exception) -> str:
    """Why a file cannot be opened as a zip archive."""
    if isinstance(error, NotImplementedError) or "multiple disks" in str(error):
        return f"{path} is a zip archive of a kind that cannot be read here ({error}). Unpack it"
    with path.open("rb") as file:
        start = file.read(KIND_BYTES)
    kind = None if start.startswith(b"PK") else other_kind(start)
    if kind is None:
        return f"{path} is not a zip archive, or was cut: {error}"
    return f"{path} is not a zip archive but {kind.name}" + (kind.advice and f"; {kind.advice}")


def check_size(size: int) -> None:
    """Raise `UnusableImage` for a file that is larger than any picture."""
    if size > LARGEST_FILE:
        raise UnusableImage(
            f"{format_bytes(size)} is too large, at most {format_bytes(LARGEST_FILE)}"
        )


def _as_in_utf8(name: str) -> str:
    """The name as a locale with UTF-8 decodes it, so that order and fingerprint are those there."""
    if name.isascii() or sys.getfilesystemencoding() == "utf-8":
        return name
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def printable_name(name: str) -> str:
    """The name with undecodable bytes escaped, so that it can be printed and stored as JSON."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")
