"""What every kind of source must do. A new kind is tested by a line in SOURCES."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ganvas.data.decoding import decode
from ganvas.data.inspecting import inspect
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, file_stamp
from ganvas.data.sources import open_source
from ganvas.errors import DataError
from tests.builders.hub import Hub
from tests.extras import require_extra

Pixels = npt.NDArray[np.uint8]

COUNT, SIDE = 12, 16
SETTINGS = DataSettings(size=(SIDE, SIDE))
LABELS = [str(index // 6) for index in range(COUNT)]


def grey_images() -> Pixels:  # (N, H, W)
    return np.random.default_rng(7).integers(0, 256, (COUNT, SIDE, SIDE), dtype=np.uint8)


def png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_folder(place: Path) -> Path:
    for index, pixels in enumerate(grey_images()):
        (place / "data" / LABELS[index]).mkdir(parents=True, exist_ok=True)
        (place / "data" / LABELS[index] / f"{index:02}.PNG").write_bytes(png(pixels))
    return place / "data"


def make_zip(place: Path) -> Path:
    with zipfile.ZipFile(place / "data.zip", "w") as archive:
        for index, pixels in enumerate(grey_images()):
            archive.writestr(f"wrapper/{LABELS[index]}/{index:02}.png", png(pixels))
    return place / "data.zip"


def make_npz(place: Path) -> Path:
    np.savez(place / "data.npz", images=grey_images(), labels=np.array(LABELS).astype(int))
    return place / "data.npz"


def make_npy(place: Path) -> Path:
    np.save(place / "data.npy", grey_images())
    return place / "data.npy"


def write_idx(path: Path, array: Pixels) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def make_idx(place: Path, end: str = "") -> Path:
    folder = place / "data"
    folder.mkdir()
    labels = np.array(LABELS).astype(np.uint8)
    for part, rows in (("a", slice(0, 5)), ("b", slice(5, COUNT))):
        write_idx(folder / f"{part}-images-idx3-ubyte{end}", grey_images()[rows])
        write_idx(folder / f"{part}-labels-idx1-ubyte{end}", labels[rows])
    return folder


def make_idx_gz(place: Path) -> Path:
    return make_idx(place, ".gz")


def write_parquet(path: Path, rows: slice, metadata: dict[str, str] | None = None) -> Path:
    require_extra("parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": png(pixels), "path": None} for pixels in grey_images()[rows]]
    table = pa.table({"image": images, "label": [int(label) for label in LABELS[rows]]})
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=5)
    return path


def make_parquet(place: Path) -> Path:
    return write_parquet(place / "data.parquet", slice(0, COUNT))


def make_parquet_folder(place: Path) -> Path:
    (place / "data" / "split").mkdir(parents=True)
    for part, rows in (("a", slice(0, 5)), ("b", slice(5, COUNT))):
        write_parquet(place / "data" / "split" / f"{part}.parquet", rows)
    return place / "data"


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def make_tar(place: Path) -> Path:
    images = enumerate(grey_images())
    members = {f"./data/{LABELS[index]}/{index:02}.png": png(pixels) for index, pixels in images}
    return write_tar(place / "data.tar", members)


def make_shards(place: Path, suffix: str = "cls") -> Path:
    """As WebDataset writes them."""
    (place / "data").mkdir()
    for number, rows in enumerate((range(5), range(5, COUNT))):
        members = {}
        for index in rows:
            label = LABELS[index] if suffix == "cls" else json.dumps({"label": int(LABELS[index])})
            members[f"{index:02}.png"] = png(grey_images()[index])
            members[f"{index:02}.{suffix}"] = label.encode()
        write_tar(place / "data" / f"shard-{number:03}.tar", members)
    return place / "data"


def make_shards_of_json(place: Path) -> Path:
    return make_shards(place, "json")


def make_hub_parquet(place: Path, hub: Hub) -> str:
    """As `push_to_hub` of the package `datasets` writes it: shards, class names in their schema."""
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["0", "1"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    files = {}
    for part, rows in enumerate((slice(0, 5), slice(5, COUNT))):
        shard = write_parquet(place / "shard.parquet", rows, metadata)
        files[f"data/train-0000{part}-of-00002.parquet"] = shard.read_bytes()
    hub.add("you/data", files)
    return "hf:you/data"


def make_hub_folder(place: Path, hub: Hub) -> str:
    folder = make_folder(place)
    paths = [path for path in folder.rglob("*") if path.is_file()]
    hub.add("you/data", {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})
    return "hf:you/data:train"


def make_hub_shards(place: Path, hub: Hub) -> str:
    hub.add("you/data", {path.name: path.read_bytes() for path in make_shards(place).iterdir()})
    return "hf:you/data"


def make_hub_zip(place: Path, hub: Hub) -> str:
    hub.add("you/data", {"images/all.zip": make_zip(place).read_bytes()})
    return "hf:you/data"


ON_THE_HUB: dict[str, Callable[[Path, Hub], str]] = {
    "hub parquet": make_hub_parquet,
    "hub folder": make_hub_folder,
    "hub shards": make_hub_shards,
    "hub zip": make_hub_zip,
}
SOURCES: dict[str, Callable[[Path], Path]] = {
    "folder": make_folder,
    "zip": make_zip,
    "npz": make_npz,
    "npy": make_npy,
    "idx": make_idx,
    "idx.gz": make_idx_gz,
    "tar": make_tar,
    "folder of shards": make_shards,
    "folder of shards with .json": make_shards_of_json,
    "parquet": make_parquet,
    "parquet folder": make_parquet_folder,
}
WITHOUT_LABELS = {"npy"}


@pytest.fixture(params=[*SOURCES, *ON_THE_HUB])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def data(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path | str:
    if kind in SOURCES:
        return SOURCES[kind](tmp_path)
    return ON_THE_HUB[kind](tmp_path, request.getfixturevalue("hub"))


@pytest.fixture
def source(data: Path | str) -> Source:
    return open_source(data)


def test_lists_every_image_once_in_the_same_order(data: Path | str, source: Source) -> None:
    names = [item.name for item in source.items]
    assert len(names) == len(set(names)) == COUNT
    assert source.items == open_source(str(data)).items
    assert source.name == "data"


def test_knows_labels_in_class_order(kind: str, source: Source) -> None:
    expected = [None] * COUNT if kind in WITHOUT_LABELS else LABELS
    assert [item.label for item in source.items] == expected
    assert source.label_names == (() if kind in WITHOUT_LABELS else ("0", "1"))


def test_reads_the_same_pixels_from_many_threads(source: Source) -> None:
    def read(index: int) -> Pixels:
        return decode(source.read(index), SETTINGS, 1)

    with ThreadPoolExecutor(4) as pool:
        indices = [*range(COUNT), *reversed(range(COUNT))]
        for index, pixels in zip(indices, pool.map(read, indices), strict=True):
            np.testing.assert_array_equal(pixels[0], grey_images()[index])


def test_content_tells_images_apart(source: Source) -> None:
    contents = {source.content(index) for index in range(COUNT)}
    assert len(contents) == COUNT
    assert source.content(0) == source.content(0)


def test_location_opens_the_same_images(source: Source) -> None:
    again = open_source(source.location)
    assert isinstance(again, Source)
    assert type(again) is type(source)
    assert again.items == source.items
    assert again.location == source.location
    assert again.content(COUNT - 1) == source.content(COUNT - 1)


def test_every_image_has_the_stamp_of_its_file(
    source: Source, data: Path | str, tmp_path: Path
) -> None:
    place = tmp_path / "hub-cache" if isinstance(data, str) else data
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    stamps = source.stamps()
    assert len(stamps) == COUNT
    assert set(stamps) <= {file_stamp(file) for file in files}


def test_prepares_to_the_same_pixels_and_labels(kind: str, source: Source, tmp_path: Path) -> None:
    prepared = prepare(source, SETTINGS, tmp_path / "cache")
    np.testing.assert_array_equal(prepared.images[:, 0], grey_images())
    if kind in WITHOUT_LABELS:
        assert prepared.labels is None
    else:
        assert prepared.labels is not None
        assert prepared.labels.tolist() == [int(label) for label in LABELS]
    assert prepared.unusable == ()


def test_inspection_finds_everything_usable(source: Source) -> None:
    inspection = inspect(source, SETTINGS, minimum=COUNT - 1)
    assert (inspection.usable, inspection.unusable, inspection.trainable) == (COUNT, (), True)
    assert inspection.modes == {"grey": 1.0}


def test_settings_for_points_are_refused(source: Source, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds images.*Take a recipe for images, such as dcgan"):
        prepare(source, DataSettings(size=(1, 1)), tmp_path / "cache")


def test_only_ten_classes_can_be_stacked(kind: str, data: Path | str) -> None:
    problem = "12 images have no label" if kind in WITHOUT_LABELS else "has 2 labels"
    with pytest.raises(DataError, match=f"{problem}, but stacking takes labelled images of ten"):
        open_source(f"stacked:{data}")
