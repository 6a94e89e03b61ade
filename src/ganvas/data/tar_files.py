"""Image files in .tar archives, such as the shards of WebDataset, which are never unpacked to disk.

Members with the same name up to the first dot belong together: `0001.jpg`, `0001.cls`, `0001.json`.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL.Image import Image

from ganvas.data.folder_labels import labels_from_folders
from ganvas.data.formats import KIND_BYTES, other_kind
from ganvas.data.image_files import (
    IMAGE_SUFFIXES,
    check_size,
    is_candidate,
    outside_problem,
    printable_name,
)
from ganvas.data.opening import open_image
from ganvas.data.source import (
    FileStamp,
    Item,
    Source,
    UnusableImage,
    file_stamp,
    sorted_labels,
)
from ganvas.errors import DataError
from ganvas.json_files import parse_json

LABEL_SUFFIXES = (".cls", ".json")
"""Members that hold the label of their group: a number or a name; or a table with one of these."""
LABEL_KEYS = ("label", "class", "cls")
"""Where a table of JSON has the label, the first that is there."""

_LARGEST_LABEL = 1_000_000  # bytes, of a .json with everything that is known of an image
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


class Member(NamedTuple):
    """Where an image lies: its archive, and the place of its bytes there."""

    archive: Path
    name: str
    offset: int
    size: int
    problem: str
    """Why it cannot be read; empty for a regular file."""


@dataclass(frozen=True, eq=False)
class TarSource(Source):
    """The image files in one or more .tar archives."""

    members: Sequence[Member] = field(repr=False)
    stamp_of: dict[Path, FileStamp] = field(repr=False)
    """Of each archive, taken before it was opened."""

    def stamps(self) -> list[FileStamp]:
        """Those of the archives."""
        return [self.stamp_of[member.archive] for member in self.members]

    def content(self, index: int) -> bytes:
        """The file's bytes. Raises UnusableImage where they cannot be read."""
        member = self.members[index]
        if member.problem:
            raise UnusableImage(member.problem)
        check_size(member.size)
        try:
            with member.archive.open("rb") as file:  # one for each, as threads read at once
                file.seek(member.offset)
                content = file.read(member.size)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UnusableImage(f"cannot be read from {member.archive.name}: {reason}") from error
        if len(content) < member.size:
            raise UnusableImage(f"{member.archive.name} was cut meanwhile")
        return content

    def read(self, index: int) -> Image:
        """The image, its header read. Raises UnusableImage."""
        return open_image(self.content(index))


def open_tar(location: Path, archives: Sequence[Path], name: str = "") -> TarSource:
    """List the images of .tar archives. Reads only headers and labels.

    A label is the number or name in the group's `.cls`, or `label`, `class` or `cls` in its
    `.json`; where no group has one, folders are labels. Images of several archives are named
    `cat/1.jpg[shard-000]`.

    Args:
        location: what the user gave: a file, a folder, or shards in braces.
        archives: the files.
        name: for people; by default that of the location.

    Raises:
        DataError: an archive is compressed, cut, damaged, or leads out of itself; or there are no
            images.
    """
    stamp_of = {archive: file_stamp(archive) for archive in archives}
    members: list[Member] = []
    labels: list[str | None] = []
    for archive in archives:
        listed, label_of = _read_archive(archive)
        members += listed
        labels += [label_of.get(_group(member.name)) for member in listed]
    if not members:
        raise DataError(f"{location} holds no images")
    if all(label is None for label in labels):
        labels = labels_from_folders([member.name for member in members]).labels
    names = [
        printable_name(member.name) + (f"[{member.archive.stem}]" if len(archives) > 1 else "")
        for member in members
    ]
    order = sorted(range(len(names)), key=names.__getitem__)
    return TarSource(
        name=name or location.stem,
        location=str(location),
        items=[Item(names[index], labels[index]) for index in order],
        label_names=sorted_labels(labels),
        members=[members[index] for index in order],
        stamp_of=stamp_of,
    )


def expand_braces(path: str) -> list[str]:
    """`shard-{000..003}.tar` as the paths that it stands for; any other path alone.

    As a shell does it, which needs no quotes then, and Python and other systems do not.
    """
    match = _BRACES.search(path)
    if match is None:
        return [path]
    first, last = match.groups()
    digits = len(first) if first.startswith("0") else 0
    numbers = range(int(first), int(last) + 1)
    head, tail = path[: match.start()], path[match.end() :]
    return [each for n in numbers for each in expand_braces(f"{head}{n:0{digits}}{tail}")]


def without_braces(stem: str) -> str:
    """`shard` for `shard-{000..003}`: what names the whole."""
    return _BRACES.sub("", stem).strip("-_. ") or "shards"


def _read_archive(archive: Path) -> tuple[list[Member], dict[str, str]]:
    """The images of an archive, and the labels of its groups."""
    members: dict[str, Member] = {}
    label_of: dict[str, str] = {}
    try:
        with tarfile.open(archive, "r:") as tar:
            for entry in _entries(tar):
                name = _checked_name(archive, entry.name)
                suffix = name[len(_group(name)) :].lower()
                if entry.isreg() and suffix in LABEL_SUFFIXES:
                    label = _label(tar, entry, suffix)
                    label_of |= {} if label is None else {_group(name): label}
                elif not entry.isdir() and is_candidate(name):
                    members.pop(name, None)  # of two with one name the later counts, as unpacked
                    members[name] = Member(
                        archive, name, entry.offset_data, entry.size, _problem(entry)
                    )
            tar.fileobj.seek(tar.offset)
            if any(tar.fileobj.read(tarfile.BLOCKSIZE)):
                raise tarfile.ReadError("bad header")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(_no_tar(archive, error, next(reversed(members), None))) from error
    with_images = {_group(name) for name in members if _is_image(name)}
    listed = [
        member
        for name, member in members.items()
        if _is_image(name) or _group(name) not in with_images  # else it only goes with an image
    ]
    return listed, label_of


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Each member, while the archive keeps none of them: a shard may have a million."""
    while (entry := tar.next()) is not None:
        yield entry
        tar.members.clear()  # type: ignore[attr-defined]  # typeshed lacks it


def _checked_name(archive: Path, name: str) -> str:
    """The name without a `./` in front."""
    if (problem := outside_problem(name)) is not None:
        raise DataError(f"{archive} {problem}")
    return name.removeprefix("./")


def _problem(entry: tarfile.TarInfo) -> str:
    """Why a member cannot be read; empty where it can."""
    if entry.issym() or entry.islnk():
        return f"a link to {entry.linkname} inside the archive; pack the file itself"
    if not entry.isreg():
        return "not a regular file"
    return "a sparse file; pack it as a usual one" if entry.issparse() else ""


def _group(name: str) -> str:
    """The name up to its first dot, with its folders."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def _label(tar: tarfile.TarFile, entry: tarfile.TarInfo, suffix: str) -> str | None:
    """The label in a member of a group; None where it has none."""
    file = tar.extractfile(entry)
    if file is None or entry.size > _LARGEST_LABEL:
        return None
    text = file.read().decode("utf-8", "replace").strip()
    if suffix == ".cls":
        return text or None
    try:
        table = parse_json(text)
    except ValueError:
        return None
    if not isinstance(table, dict):
        return None
    value = next((table[key] for key in LABEL_KEYS if key in table), None)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _no_tar(archive: Path, error: Exception, last: str | None) -> str:
    """Why an archive cannot be opened, or not to its end."""
    if last is not None:
        what = "was cut" if "end of data" in str(error) else "is damaged"
        return f"{archive} {what} after its entry {last!r}. Copy it again"
    with archive.open("rb") as file:
        kind = other_kind(file.read(KIND_BYTES))
    if kind is None or "tar" in kind.name:
        return f"{archive} is not a tar archive, or was cut: {error}"
    advice = f"; {kind.advice}" if kind.advice else ""
    return f"{archive} is not a tar archive but {kind.name}{advice}"
