"""From a path or name to a `Source`: one table of what can be opened."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

from ganvas.data.arrays import IDX_IMAGES, idx_image_files, open_idx, open_npy, open_npz
from ganvas.data.formats import KIND_BYTES, other_kind, readable_format
from ganvas.data.hub import open_data_set
from ganvas.data.image_files import IMAGE_SUFFIXES, RUN_FILES, open_folder, open_zip, walk
from ganvas.data.parquet import open_parquet
from ganvas.data.source import Source
from ganvas.data.stacking import STACKED, Stacked, is_stacked, open_stacked
from ganvas.data.synthetic import POINTS, Points
from ganvas.data.tar_files import expand_braces, open_tar, without_braces
from ganvas.errors import DataError, did_you_mean
from ganvas.formatting import format_first
from ganvas.hub_files import HUB
from ganvas.progress import StageProgress
from ganvas.storage import native_path
from ganvas.system_errors import advice_for, reason_of

FASHION = Path(__file__).parent / "builtin" / "fashion"
FASHION_LABELS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def open_source(
    data: str | Path, on_progress: StageProgress | None = None
) -> Source | Points | Stacked:
    """Open images by path, address or built-in name. Reads only names, labels and headers.

    Args:
        data: a built-in name (`fashion`; points: `ring`, `grid`, `swiss-roll`), or the path of a
            folder of images (sub-folders are labels), a folder of IDX, parquet or .tar files, a
            .zip, .tar, .npz, .npy or .parquet file, shards as `shard-{000..003}.tar`; or a data
            set of the hub, `hf:OWNER/NAME:SPLIT`. `stacked:` before labelled images of ten classes
            stacks three of them in one. A built-in name wins over a path of that name, unless it
            is given as a `Path` or as `./fashion`.
        on_progress: called while files are fetched from the hub.

    Raises:
        DataError: it does not exist, cannot be read, or holds no images.
        HubError: the hub does not give it.
    """
    if not isinstance(data, str | Path):
        raise DataError(
            f"data must be a path or a built-in name, got {type(data).__name__}. "
            "Save an array with numpy.save and give the .npy file"
        )
    if isinstance(data, str) and data in BUILT_IN:
        return BUILT_IN[data]()
    if isinstance(data, str) and data.startswith(HUB):
        return open_data_set(data, on_progress)
    if isinstance(data, str) and is_stacked(data):
        return open_stacked(open_source(data.removeprefix(STACKED), on_progress))
    if not str(data).strip():
        raise DataError(f"no data given: name a folder of images, or built-in data: {KNOWN}")
    given = os.path.expanduser(native_path(str(data)))  # noqa: PTH111 - an unknown ~user stays
    path = Path(os.path.abspath(given))  # noqa: PTH100 - keeps the names of links
    try:
        if path.is_dir():
            return _open_directory(path)
        if not path.exists():
            if path.suffix.lower() == ".tar" and len(shards := expand_braces(str(path))) > 1:
                return _open_shards(path, shards)
            raise DataError(_not_found_message(str(data), path))
        with path.open("rb"):  # finds a missing permission before a library reports it
            return _open_file(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {reason_of(error)}; {advice_for(error)}") from error


def source_exists(location: str) -> bool:
    """Whether the location of a source that was opened once still exists. The hub is not asked."""
    base = location.removeprefix(STACKED)
    if base in BUILT_IN or base.startswith(HUB) or Path(native_path(base)).exists():
        return True
    shards = expand_braces(native_path(base))
    return len(shards) > 1 and all(Path(shard).exists() for shard in shards)


def _open_file(path: Path) -> Source:
    suffix = path.suffix.lower()
    if suffix in OPENERS:
        return OPENERS[suffix](path)
    with path.open("rb") as file:
        start = file.read(KIND_BYTES)
    if suffix in IMAGE_SUFFIXES or readable_format(start) is not None:
        raise DataError(f"{path} is one image; give the folder that holds it: {path.parent}")
    if idx_image_files([path.name]):
        raise DataError(f"{path} is one IDX file; give the folder that holds it: {path.parent}")
    kind = other_kind(start)
    if kind is not None:
        advice = f"; {kind.advice}" if kind.advice else ""
        raise DataError(f"{path} is {kind.name}{advice}. {_EXPECTED}")
    raise DataError(f"{path} is of no type that can be read ({suffix or 'no suffix'}). {_EXPECTED}")


def _open_directory(folder: Path) -> Source:
    names = os.listdir(folder)  # noqa: PTH208 - a Path for each of many files takes longer
    if RUN_FILES.issubset(names):
        raise DataError(
            f"{folder} is a run of ganvas, not images. Give the folder of images; to start from "
            "the weights of a run, name it after --from"
        )
    visible = (name for name in names if not name.startswith("."))  # macOS adds hidden ones
    idx_files = idx_image_files(
        [name for name in visible if IDX_IMAGES.fullmatch(name) and (folder / name).is_file()]
    )
    if idx_files:
        return open_idx(folder, [folder / name for name in idx_files])
    parquet_files, archives = [], []
    for _, path in walk(folder):
        suffix = Path(path).suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            return open_folder(folder)
        if suffix == ".parquet":
            parquet_files.append(Path(path))
        if suffix == ".tar":
            archives.append(Path(path))
    if parquet_files:
        return open_parquet(folder, sorted(parquet_files))
    return open_tar(folder, sorted(archives), folder.name) if archives else open_folder(folder)


def _open_shards(location: Path, shards: list[str]) -> Source:
    """The archives that braces stand for."""
    paths = [Path(shard) for shard in shards]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        raise DataError(
            f"{location}: {format_first(missing, MOST_NAMED)} "
            f"{'is' if len(missing) == 1 else 'are'} missing"
        )
    return open_tar(location, paths, without_braces(location.stem))


def _open_fashion() -> Source:
    """10,000 Fashion-MNIST test images, 28x28 grey, in ten classes (MIT licence, Zalando SE)."""
    files = [FASHION / "t10k-images-idx3-ubyte.gz"]
    return open_idx(FASHION, files, label_names=FASHION_LABELS, location="fashion")


def _not_found_message(given: str, path: Path) -> str:
    known = list(BUILT_IN)
    if path.parent.is_dir():
        prefix = given[: len(given) - len(path.name)] if given.endswith(path.name) else ""
        known += [prefix + entry.name for entry in path.parent.iterdir()]
    hint = did_you_mean(given, known)
    return f"{given}: no such file or folder, and no built-in data ({KNOWN}).{hint}"


OPENERS: dict[str, Callable[[Path], Source]] = {
    ".zip": open_zip,
    ".tar": lambda path: open_tar(path, [path]),
    ".npz": open_npz,
    ".npy": open_npy,
    ".parquet": lambda path: open_parquet(path, [path]),
}

BUILT_IN: dict[str, Callable[[], Source | Points]] = {
    "fashion": _open_fashion,
    **{name: functools.partial(POINTS.__getitem__, name) for name in POINTS},
}
MOST_NAMED = 3
"""Missing shards that a message names."""
_EXPECTED = f"Expected a folder of images, or a file {', '.join(OPENERS)}"
KNOWN = ", ".join([*BUILT_IN, f"{STACKED}DATA", f"{HUB}OWNER/NAME"])
