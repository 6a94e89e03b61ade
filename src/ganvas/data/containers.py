"""Files that hold images inside them, where image files were expected: what to do with each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ganvas.data.arrays import idx_image_files

_TO_GIVE = (".zip", ".tar", ".npz", ".npy", ".parquet")
_TO_UNPACK = (
    *(".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".lz4"),
    *(".7z", ".rar", ".cbz", ".cbr", ".cab", ".iso", ".dmg"),
)
_TO_CONVERT = (
    *(".h5", ".hdf5", ".mat", ".tfrecord", ".tfrecords", ".arrow", ".feather", ".mdb", ".lmdb"),
    *(".pkl", ".pickle", ".pt", ".pth", ".safetensors", ".sqlite", ".sqlite3", ".bin", ".rec"),
)
_CONVERT = "save its images as image files or as an .npz file"


def hint_for_folder(folder: str, names: Sequence[str]) -> str | None:
    """What to do with a folder whose every file holds images inside it; None for any other.

    Args:
        folder: its path, as the hint shows it.
        names: its files below it, side files left out; `/` between folders.
    """
    name, more = _first_container(names)
    if name is None:
        return None
    path = f"{folder}/{name}"
    if idx_image_files([PurePosixPath(name).name]):
        return f"but IDX files: give the folder that holds them: {PurePosixPath(path).parent}"
    if name.lower().endswith(_TO_GIVE):
        what = "one of them" if more else "that file"
        return f"but {name}{more}: give {what} instead: {path}"
    if name.lower().endswith(_TO_UNPACK):
        return f"but {name}{more}: unpack it, and give the folder that it becomes"
    return f"but {name}{more}: {_CONVERT}"


def hint_for_archive(names: Sequence[str]) -> str | None:
    """What to do with an archive whose every file holds images inside it; None for any other.

    Args:
        names: its files, side files left out; `/` between folders.
    """
    name, more = _first_container(names)
    if name is None:
        return None
    if idx_image_files([PurePosixPath(name).name]):
        return (
            f"but {name}{more}: unpack this archive, and give the folder that holds the IDX files"
        )
    if name.lower().endswith(_TO_GIVE):
        what = "one of them" if more else f"{PurePosixPath(name).name} itself"
        return f"but {name}{more}: unpack this archive, and give {what}"
    if name.lower().endswith(_TO_UNPACK):
        return f"but {name}{more}: unpack both, and give the folder of images"
    return f"but {name}{more}: {_CONVERT}"


def _first_container(names: Sequence[str]) -> tuple[str | None, str]:
    """The first of files that all hold images, and words for the others."""
    suffixes = (*_TO_GIVE, *_TO_UNPACK, *_TO_CONVERT)
    is_container = [
        name.lower().endswith(suffixes)
        or name.lower().endswith("idx1-ubyte")
        or bool(idx_image_files([PurePosixPath(name).name]))
        for name in names
    ]
    if not names or not all(is_container):
        return None, ""
    images = [name for name in names if idx_image_files([PurePosixPath(name).name])]
    others = len(names) - 1
    return (images or names)[0], f" and {others:,} more" if others else ""
