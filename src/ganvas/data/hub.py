"""Data sets of the hub: `hf:OWNER/NAME[@REVISION][:SPLIT][#image=COLUMN,label=COLUMN]`.

Their files are fetched into the hub's own cache and read there: parquet files, .tar shards, a .zip,
or image files. The package `datasets` would read more formats, but without random access to the
rows that it streams, which preparation needs twice (digests, pixels), and with 300 MB of its own.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganvas.data.image_files import IMAGE_SUFFIXES, is_candidate, open_files, open_zip
from ganvas.data.label_tables import is_label_table, tables_above
from ganvas.data.parquet import FOUND, Columns, open_parquet
from ganvas.data.source import Source
from ganvas.data.tar_files import open_tar
from ganvas.errors import DataError
from ganvas.formatting import format_first
from ganvas.hub_files import HUB, HubAddress, Repository, open_repository
from ganvas.progress import StageProgress

DOWNLOADING = "downloading kB"
"""The stage in which files are fetched."""
MOST_NAMED = 8
"""Splits that a message names."""

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""What names of files and folders call their split, as the hub understands them."""

Splits = dict[str, list[str]]
"""The files of each split."""


@dataclass(frozen=True)
class DataAddress:
    """What to read of a data set. Prints as it is typed."""

    repository: HubAddress
    split: str = ""
    """A split, a subset, or SUBSET/SPLIT; empty for all splits of the default subset."""
    columns: Columns = FOUND

    @classmethod
    def parse(cls, text: str) -> DataAddress:
        """Raises `HubError` or `DataError` for what is no such address."""
        address, mark, names = text.partition("#")
        repository, _, split = address.removeprefix(HUB).partition(":")
        columns = dict(pair.split("=", 1) for pair in names.split(",") if "=" in pair)
        if mark and not (
            columns and all(columns.values()) and columns.keys() <= {"image", "label"}
        ):
            raise DataError(
                f"{text}: after # expected the columns of images and labels, such as "
                "#image=picture,label=kind"
            )
        return cls(HubAddress.parse(HUB + repository), split, Columns(**columns))

    def __str__(self) -> str:
        """As `parse` reads it."""
        named = [f"{kind}={name}" for kind, name in self.columns._asdict().items() if name]
        split = f":{self.split}" if self.split else ""
        return f"{self.repository}{split}" + (f"#{','.join(named)}" if named else "")


def open_data_set(text: str, on_progress: StageProgress | None = None) -> Source:
    """Open a data set of the hub, and fetch its files where they are not in the cache.

    The location names the commit, so that a run finds the same images later.

    Raises:
        HubError: it does not exist, may not be read, or cannot be fetched.
        DataError: no such split or column, or nothing that holds images.
    """
    address = DataAddress.parse(text)
    repository = open_repository(address.repository, "dataset")
    address = replace(address, repository=repository.address)
    files = _choose(*_subsets(repository), address)

    def report(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(DOWNLOADING, done // 1000, total // 1000)

    tables = tables_above(sorted(filter(is_label_table, repository.sizes)), files)
    kind, opener = _reader(files, tables, address)
    if address.columns != FOUND and kind != ".parquet":
        raise DataError(f"{address}: only parquet files have columns, and it holds {kind} files")
    folder = repository.fetch(files + (tables if kind in IMAGE_SUFFIXES else []), report)
    return replace(opener(folder, files), name=address.repository.name, location=str(address))


def _reader(
    files: list[str], tables: list[str], address: DataAddress
) -> tuple[str, Callable[[Path, list[str]], Source]]:
    """The suffix of these files, and what opens them in their folder; images with their tables."""
    location, columns = Path(str(address)), address.columns
    suffix = Path(files[0]).suffix.lower()
    if suffix == ".parquet":
        return suffix, lambda folder, files: open_parquet(
            location, [folder / file for file in files], columns
        )
    if suffix == ".tar":
        return suffix, lambda folder, files: open_tar(location, [folder / file for file in files])
    if suffix == ".zip":
        if len(files) > 1:
            raise DataError(
                f"{address} holds {len(files)} .zip files, and one can be read. Fetch them "
                "yourself, and unpack them into one folder"
            )
        return suffix, lambda folder, files: open_zip(folder / files[0])
    return suffix, lambda folder, files: open_files(
        location,
        [(file, str(folder / file)) for file in files],
        {table: (folder / table).read_bytes() for table in tables},
    )


def _subsets(repository: Repository) -> tuple[dict[str, Splits], str]:
    """The splits of each subset, by the data set's card, else by the names of its files; and the
    name of the default one, empty where none is.

    Raises:
        DataError: it holds nothing that can be read.
    """
    readable = _readable(repository.sizes)
    if not readable:
        suffixes = sorted({Path(path).suffix for path in repository.sizes} - {"", ".md"})
        raise DataError(
            f"{repository.address} holds no parquet files, no .tar shards and no images, but "
            f"{format_first(suffixes, MOST_NAMED) or 'nothing'}. The hub converts many data sets: "
            f"try {replace(repository.address, revision='refs/convert/parquet')}"
        )
    subsets: dict[str, Splits] = {}
    default = "default"
    for entry in _configs(repository):
        splits, name = _splits_of(entry, readable), str(entry.get("config_name"))
        if any(splits.values()):
            subsets[name] = splits
            default = name if entry.get("default") is True else default
    subsets = subsets or {default: _by_name(readable)}
    if len(subsets) == 1:
        default = next(iter(subsets))
    return subsets, default if default in subsets else ""


def _configs(repository: Repository) -> list[dict[str, Any]]:
    """The subsets that the card describes; none where it describes none."""
    if "README.md" not in repository.sizes:
        return []
    from huggingface_hub import metadata_load

    try:
        metadata = metadata_load(repository.fetch(["README.md"]) / "README.md")
    except Exception:  # no YAML at the start, or whatever its reader raises for damage
        return []
    configs = metadata.get("configs") if isinstance(metadata, dict) else None
    return [entry for entry in configs or [] if isinstance(entry, dict)]


def _splits_of(config: Mapping[str, Any], files: list[str]) -> Splits:
    """The files of each split of a subset, as its patterns say."""
    described = config.get("data_files")
    below = str(config.get("data_dir") or "").strip("/")
    if described is None:
        return _by_name([file for file in files if not below or file.startswith(f"{below}/")])
    if isinstance(described, dict) and "path" not in described:
        described = [{"split": split, "path": path} for split, path in described.items()]
    if not isinstance(described, list):
        described = [described]
    splits: Splits = {}
    for entry in described:
        table = entry if isinstance(entry, dict) else {"split": "train", "path": entry}
        paths = table.get("path")
        patterns = [paths] if isinstance(paths, str) else list(paths or [])
        match = re.compile(
            "|".join(_pattern(str(pattern)) for pattern in patterns) or r"(?!)"
        ).fullmatch
        splits[str(table.get("split"))] = [file for file in files if match(file)]
    return splits


def _by_name(files: Iterable[str]) -> Splits:
    """Files by the first word of their path that names a split; without one they are train."""
    splits: Splits = {}
    for file in files:
        words = re.split(r"[^a-z]+", file.lower())
        split = next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), "train")
        splits.setdefault(split, []).append(file)
    return splits


def _choose(subsets: Mapping[str, Splits], default_name: str, address: DataAddress) -> list[str]:
    """The files that an address means, sorted.

    Raises:
        DataError: there is no such split, or it does not say which subset it means.
    """
    wanted = address.split
    default = subsets.get(default_name, {})
    subset, _, split = wanted.partition("/")
    if not wanted:
        splits = default
    elif wanted in default:
        splits = {wanted: default[wanted]}
    elif split:
        splits = {split: subsets.get(subset, {}).get(split, [])}
    else:
        splits = subsets.get(subset, {})
    files = sorted({file for files in splits.values() for file in files})
    if files:
        return files
    known = [*default, *(name for name in subsets if name != default_name)]
    one = replace(address, split=known[0])
    problem = f"has no split {wanted!r}" if wanted else f"has {len(subsets)} subsets"
    raise DataError(
        f"{address.repository} {problem}. There are: {format_first(known, MOST_NAMED)}. "
        f"Name one, as in {one}"
    )


def _readable(paths: Iterable[str]) -> list[str]:
    """The files that hold images, of one kind: the first kind of which there are any."""
    candidates = [path for path in paths if is_candidate(path)]
    for suffixes in ({".parquet"}, {".tar"}, {".zip"}, IMAGE_SUFFIXES):
        files = [path for path in candidates if Path(path).suffix.lower() in suffixes]
        if files:
            return files
    return []


@functools.cache
def _pattern(text: str) -> str:
    """A regular expression for a pattern of paths, in which ** passes folders and * does not."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    return "".join(parts.get(piece, re.escape(piece)) for piece in pieces)
