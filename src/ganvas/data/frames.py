"""Files with several pictures: frames of an animation, pages of a document."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from ganvas.data.bit_depth import Picture, is_deep
from ganvas.data.decoding import load_whole
from ganvas.data.digests import READING, location_hash
from ganvas.data.reading import parallel_map
from ganvas.data.settings import DataSettings
from ganvas.data.source import FileStamp, Item, Source, UnusableImage
from ganvas.errors import RunError
from ganvas.progress import StageProgress
from ganvas.storage import atomic_file

FORMATS = frozenset(("AVIF", "GIF", "PNG", "TIFF", "WEBP"))
"""Formats with frames. A second picture in a JPEG (MPO) is a preview, a brightness map or the view
of the other eye, which many phones add to every photograph; it is never used."""

_SUBFILE = 254  # a TIFF's tag that says what a page is
_COPY_OR_MASK = 0b101  # bits of that tag: a smaller copy of another page, a mask of one
_FORMAT = 2


class _Frames(NamedTuple):
    """The numbers and the digests of the frames of a file; none where it has a single one."""

    numbers: tuple[int, ...]
    digests: tuple[bytes, ...]


@dataclass(frozen=True, eq=False)
class FramesSource(Source):
    """The images of another source, each frame of a file with several an item of its own."""

    files: Source = field(repr=False)
    settings: DataSettings = field(repr=False)
    """Limits of what is decoded."""
    places: Sequence[tuple[int, int | None]] = field(repr=False)
    """For each item the index of its file in `files`, and its frame; None for a file of one."""
    opened: threading.local = field(default_factory=threading.local, repr=False)
    """The file that a thread read last: frames are decoded one after another."""

    def group(self, index: int) -> Hashable:
        """The file, where it has several frames."""
        file, number = self.places[index]
        return None if number is None else file

    def file_name(self, index: int) -> str:
        """The name of the file that an item comes from."""
        return self.files.items[self.places[index][0]].name

    def stamps(self) -> list[FileStamp]:
        """Those of the files."""
        stamps = self.files.stamps()
        return [stamps[file] for file, _ in self.places]

    def content(self, index: int) -> bytes:
        """The file's bytes, or the frame's size and pixels. Raises UnusableImage."""
        file, number = self.places[index]
        return self.files.content(file) if number is None else _content(self._frame(file, number))

    def read(self, index: int) -> Picture:
        """The image, decoded if it is a frame. Raises UnusableImage."""
        file, number = self.places[index]
        return self.files.read(file) if number is None else self._frame(file, number)

    def _frame(self, file: int, number: int) -> Image.Image:
        kept = vars(self.opened)
        if kept.get("file") != file:
            kept.update(file=file, image=self.files.read(file))
        return _read_frame(kept["image"], number, self.settings)


def count_frames(picture: Picture) -> int:
    """How many pictures an opened file has; 1 for all formats that have no frames."""
    return len(_numbers(picture))


def split_frames(
    source: Source,
    digests: list[bytes],
    settings: DataSettings,
    cache: Path,
    on_progress: StageProgress | None,
) -> tuple[Source, list[bytes]]:
    """The source and the digests of its contents with every frame as an item, if settings say so.

    The frames of a file that was seen before are known from its digest. A frame's digest is that of
    its pixels, so frames that are the same count as copies.

    Args:
        source: where images come from.
        digests: of its items.
        settings: `frames` and the limits of what is decoded are read.
        cache: folder of prepared data, where the frames are remembered.
        on_progress: called while files are read.
    """
    if settings.frames == "first" or source.dtype is not None:
        return source, digests
    # The limit decides which frames are decoded, and so what their digests are.
    path = cache / f"frames-{location_hash(source)}-{settings.max_megapixels}.npz"
    known = _load(path)
    first = {digest: index for index, digest in reversed([*enumerate(digests)])}
    unknown = [index for digest, index in first.items() if digest not in known]
    report = None if on_progress is None else partial(on_progress, READING)
    read = partial(_read_frames, source, digests, settings)
    known |= zip((digests[i] for i in unknown), parallel_map(read, unknown, report), strict=True)
    if unknown:
        _save(path, {digest: known[digest] for digest in first})
    items: list[Item] = []
    places: list[tuple[int, int | None]] = []
    every: list[bytes] = []
    for file, ((name, label), digest) in enumerate(zip(source.items, digests, strict=True)):
        frames = known[digest]
        if not frames.numbers:
            items.append(Item(name, label))
            places.append((file, None))
            every.append(digest)
        items += [Item(f"{name}[{number}]", label) for number in frames.numbers]
        places += [(file, number) for number in frames.numbers]
        every += frames.digests
    split = FramesSource(
        source.name, source.location, items, source.label_names, source, settings, places
    )
    return split, every


def _read_frames(
    source: Source, digests: Sequence[bytes], settings: DataSettings, index: int
) -> _Frames:
    """The frames of one file; none where it has one, or cannot be opened."""
    try:
        image = source.read(index)
    except UnusableImage:
        return _Frames((), ())
    numbers = _numbers(image)
    if len(numbers) == 1 or not isinstance(image, Image.Image):
        return _Frames((), ())
    every = []
    for number in numbers:
        try:
            content = _content(_read_frame(image, number, settings))
        except UnusableImage:  # it becomes an item that cannot be used
            content = digests[index] + number.to_bytes(8, "little")
        every.append(hashlib.sha256(content).digest())
    return _Frames(tuple(numbers), tuple(every))


def _numbers(picture: Picture) -> list[int]:
    """The frames of an opened file that are pictures of their own, from 0."""
    if not isinstance(picture, Image.Image) or picture.format not in FORMATS:
        return [0]
    try:
        count = int(getattr(picture, "n_frames", 1))
        if count == 1 or not isinstance(picture, TiffImageFile):
            return list(range(max(1, count)))
        return [number for number in range(count) if number == 0 or _is_page(picture, number)]
    except Exception:  # Pillow's readers raise whatever damage they meet: the first is left
        return [0]
    finally:
        with contextlib.suppress(Exception):
            picture.seek(0)


def _is_page(image: TiffImageFile, number: int) -> bool:
    image.seek(number)
    return not image.tag_v2.get(_SUBFILE, 0) & _COPY_OR_MASK


def _read_frame(image: Image.Image, number: int, settings: DataSettings) -> Image.Image:
    """A decoded copy of one frame.

    Raises:
        UnusableImage: damaged, too small or too large.
    """
    try:
        image.seek(number)
    except Exception as error:  # as in `_numbers`
        raise UnusableImage(f"damaged ({str(error).strip() or type(error).__name__})") from error
    load_whole(image, settings)
    return _without_needless_colour(image.copy()) if image.format == "GIF" else image.copy()


def _without_needless_colour(frame: Image.Image) -> Image.Image:
    """A frame of a GIF, which Pillow gives in colour after the first, in grey where it is grey."""
    if frame.mode not in ("RGB", "RGBA"):
        return frame
    pixels = np.asarray(frame)
    is_grey = (pixels[:, :, :1] == pixels[:, :, 1:3]).all()
    return frame.convert("L" if frame.mode == "RGB" else "LA") if is_grey else frame


def _content(frame: Image.Image) -> bytes:
    """The bytes that identify a frame: its size and colours, whatever mode they are stored in."""
    pixels = frame if is_deep(frame) else frame.convert("RGBA")
    return f"{pixels.mode} {pixels.size} ".encode() + pixels.tobytes()


def _load(path: Path) -> dict[bytes, _Frames]:
    """The frames of files seen before, by the digest of the file; a damaged index is none."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            stored = {name: file[name] for name in ("format", "files", "counts", "numbers")}
            digests = _rows(file["digests"])
        if stored["format"].tolist() != _FORMAT or len(digests) != stored["counts"].sum():
            return {}
        ends = stored["counts"].cumsum().tolist()
        numbers = stored["numbers"].tolist()
        return {
            name: _Frames(tuple(numbers[start:end]), tuple(digests[start:end]))
            for name, start, end in zip(_rows(stored["files"]), [0, *ends[:-1]], ends, strict=True)
        }
    except Exception:  # the readers of zip and .npy raise whatever a damaged file causes
        return {}


def _save(path: Path, frames: dict[bytes, _Frames]) -> None:
    """Remember them. A cache that cannot be written costs only time."""
    every = list(frames.values())
    with contextlib.suppress(OSError, RunError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            np.savez(
                file,
                format=np.array(_FORMAT),
                files=_packed(list(frames)),
                counts=np.array([len(each.numbers) for each in every], np.int64),
                numbers=np.array([n for each in every for n in each.numbers], np.int64),
                digests=_packed([digest for each in every for digest in each.digests]),
            )


def _packed(digests: Sequence[bytes]) -> npt.NDArray[np.uint8]:  # (N, 32)
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)


def _rows(packed: npt.NDArray[Any]) -> list[bytes]:
    return [row.tobytes() for row in packed]
