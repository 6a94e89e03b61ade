"""Arrays, IDX files and parquet tables: what they may look like, and what is wrong with others."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.data.arrays import read_idx
from ganvas.data.source import UnusableImage
from ganvas.data.sources import open_source
from ganvas.errors import DataError

from ...extras import require_extra
from .pictures import encoded, flat


def message(data: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_source(data)
    return str(caught.value)


ROWS = np.zeros((5, 16, 16), np.uint8)


@pytest.mark.parametrize(
    ("shape", "mode"),
    [
        ((5, 16, 20), "L"),
        ((5, 16, 20, 1), "L"),
        ((5, 16, 20, 3), "RGB"),
        ((5, 3, 16, 20), "RGB"),
        ((5, 2, 16, 20), "LA"),
        ((5, 16, 20, 4), "RGBA"),
    ],
)
def test_channels_are_found_at_either_end_of_an_array(
    tmp_path: Path, shape: tuple[int, ...], mode: str
) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    source = open_source(tmp_path / "a.npy")
    image = source.read(4)
    assert (len(source.items), image.mode, image.size) == (5, mode, (20, 16))
    assert source.items[4].name == "a[4]"


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (ROWS.astype(np.complex64), "is complex64, expected numbers: uint8, uint16 or float32"),
        (ROWS.astype("U1"), "is <U1, expected numbers"),
        (np.zeros((5, 3, 9, 3), np.uint8), "can be read in two ways"),
        (np.zeros((5, 9, 9, 7), np.uint8), "is no list of images"),
        (np.zeros((16, 16), np.uint8), "is no list of images"),
        (np.zeros((0, 16, 16), np.uint8), "holds no images"),
        (np.array([None, {}]), "Python objects"),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, np.ndarray) else None,
)
def test_arrays_that_cannot_be_used(tmp_path: Path, array: np.ndarray[Any, Any], text: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert text in message(tmp_path / "a.npy")


def test_a_cut_array_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ROWS)
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:900])
    np.savez(tmp_path / "b.npz", images=ROWS)
    (tmp_path / "b.npz").write_bytes((tmp_path / "b.npz").read_bytes()[:900])
    for name in ("a.npy", "b.npz"):
        assert f"cannot read {tmp_path / name}" in message(tmp_path / name)


def test_an_npz_is_read_lazily(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    images = np.full((5, 64, 64), 77, np.uint8)
    np.savez(path, images=images, labels=np.arange(5))
    content = path.read_bytes()
    path.write_bytes(content.replace(bytes([77]) * 100, bytes([78]) * 100))
    source = open_source(path)
    assert len(source.items) == 5
    with pytest.raises(DataError, match=f"cannot read {path}: Bad CRC"):
        source.read(0)
    path.write_bytes(content)
    assert np.asarray(source.read(4)).tolist() == images[4].tolist()
    np.savez(path, images=ROWS[:3])
    assert np.asarray(source.read(3)).max() == 77, "read already"


def test_an_npz_that_changed_after_opening_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=ROWS)
    source = open_source(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", images=ROWS[:3])
    with pytest.raises(DataError, match="changed while it was read"):
        source.read(0)


def test_images_and_labels_of_an_npz_are_found_by_their_keys_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=ROWS, y=np.array([["b"], ["a"], ["b"], ["b"], ["b"]]))
    assert [item.label for item in open_source(path).items] == ["b", "a", "b", "b", "b"]
    np.savez(path, pictures=ROWS, weights=np.ones(5))
    assert len(open_source(path).items) == 5
    np.savez(path, a=ROWS, b=ROWS)
    assert "which holds the images?" in message(path)
    np.savez(path, images=ROWS, labels=np.arange(4))
    assert "4 labels for 5 images" in message(path)
    np.savez(path, images=ROWS, labels=np.eye(5))
    assert "array labels: expected one whole number or text" in message(path)


@pytest.mark.parametrize(
    ("arrays", "labels"),
    [
        ({"x_train": ROWS, "y_train": np.arange(5)}, ("0", "1", "2", "3", "4")),
        ({"pictures": ROWS, "Target": np.array(list("abbaa"))}, ("a", "b")),
        ({"images": ROWS, "train_labels": np.zeros((5, 1), np.int64)}, ("0",)),
        ({"images": ROWS, "style": np.arange(5)}, ()),
        ({"images": ROWS, "y_train": np.arange(4)}, ()),
        ({"images": ROWS, "target": np.ones(5)}, ()),
        ({"images": ROWS, "coarse_labels": np.arange(5), "fine_labels": np.arange(5)}, ()),
    ],
)
def test_labels_of_an_npz_under_other_tools_names(
    tmp_path: Path, arrays: dict[str, np.ndarray], labels: tuple[str, ...]
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    assert open_source(path).label_names == labels


# IDX files


def idx(*sides: int, kind: int = 8, body: int | None = None) -> bytes:
    size = int(np.prod(sides)) if body is None else body
    return bytes([0, 0, kind, len(sides)]) + np.array(sides, ">u4").tobytes() + bytes(size)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not an IDX file of bytes"),
        (b"\x00\x00\x0d\x03" + bytes(40), "is not an IDX file of bytes"),
        (idx(5, 8, 8, body=100), "320"),
        (idx(5, 8, 8, body=400), "more found"),
        (idx(4_000_000_000, 60_000, 60_000, body=100), "only 100 found"),
        (idx(5, 8, 8)[:9], "is cut or damaged"),
    ],
    ids=["empty", "floats", "cut", "too long", "absurd", "cut header"],
)
@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_bad_idx_file_is_refused_with_what_is_wrong(
    tmp_path: Path, content: bytes, text: str, end: str
) -> None:
    path = tmp_path / f"train-images-idx3-ubyte{end}"
    path.write_bytes(gzip.compress(content) if end else content)
    expected = "5x8x8 bytes declared, only 100 found" if text == "320" else text
    if end and text == "only 100 found":
        expected = "more than 200 times as much"
    assert expected in message(tmp_path)


def test_a_cut_gzip_file(tmp_path: Path) -> None:
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b\x08\0")
    assert "is cut or damaged" in message(tmp_path)


def test_labels_of_idx_files_must_be_as_many_as_images(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(5, 8, 8))
    assert open_source(tmp_path).label_names == ()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(4))
    assert "4 labels for 5 images" in message(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(5))
    assert open_source(tmp_path).label_names == ("0",)
    assert read_idx(tmp_path / "train-labels-idx1-ubyte").shape == (5,)


# Parquet


def test_a_parquet_file_without_images_names_its_columns_and_bad_rows(tmp_path: Path) -> None:
    require_extra("parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x"], "number": [1]}), path)
    assert "no column `image`" in message(path)
    assert "text (string), number (int64)" in message(path)
    pq.write_table(pa.table({"image": [encoded(flat("L", 0)), None]}), path)
    source = open_source(path)
    assert source.read(0).size == (16, 16)
    with pytest.raises(UnusableImage, match="no image bytes in this row"):
        source.read(1)
    rows = [[[1, 2], [3]], [[1, 2], [3, None]], [[[0] * 9] * 9] * 9]
    pq.write_table(pa.table({"image": rows[:2]}), path)
    source = open_source(path)
    for index in range(2):
        with pytest.raises(
            UnusableImage, match="a number is missing, or its rows differ in length"
        ):
            source.read(index)
    pq.write_table(pa.table({"image": rows[2:]}), path)
    with pytest.raises(UnusableImage, match=r"shape \(9, 9, 9\), expected \(H, W\), "):
        open_source(path).read(0)
    pq.write_table(pa.table({"image": [[[[0] * 9] * 8] * 3]}), path)
    assert open_source(path).read(0).size == (9, 8)
    pq.write_table(pa.table({"image": [encoded(flat("L", 0))]}), tmp_path / "b.parquet")
    assert "holds images of another kind than" in message(tmp_path)
    (tmp_path / "b.parquet").unlink()
    features = b'{"info": {"features": {"label": {"names": ["zebra", "ant"]}}}}'
    table = pa.table({"image": [encoded(flat("L", 0)), encoded(flat("L", 0))], "label": [1, 0]})
    pq.write_table(table.replace_schema_metadata({"huggingface": features}), path)
    source = open_source(path)
    assert source.label_names == ("zebra", "ant")
    assert [item.label for item in source.items] == ["ant", "zebra"]
    features = b'{"info": {"features": {"a": {"names": ["x"]}, "b": {"names": ["y"]}}}}'
    table = pa.table({"image": [encoded(flat("L", 0))], "a": [0], "b": [0]})
    pq.write_table(table.replace_schema_metadata({"huggingface": features}), path)
    source = open_source(path)
    assert (source.label_names, source.unread_labels) == ((), ("a", "b"))
    path.write_bytes(path.read_bytes()[:50])
    assert f"cannot read {path}" in message(path)


def test_parquet_labels_under_other_tools_names_are_read_if_only_one_column_may_hold_them(
    tmp_path: Path,
) -> None:
    require_extra("parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = [encoded(flat("L", 0)), encoded(flat("L", 9))]
    fine, coarse = pa.array([1, 0]), pa.array(["ant", "bee"]).dictionary_encode()
    none = {"y": [4, 5], "target_size": [0.5, 0.1], "labelled": ["a", "b"]}
    read = [
        ({"fine_label": fine, **none}, ["1", "0"], ()),
        ({"Class": coarse, **none}, ["ant", "bee"], ()),
        (
            {"fine_label": fine, "coarse_label": coarse},
            [None, None],
            ("fine_label", "coarse_label"),
        ),
        (none, [None, None], ()),
    ]
    for columns, labels, unread in read:
        pq.write_table(pa.table({"image": image, **columns}), tmp_path / "a.parquet")
        source = open_source(tmp_path / "a.parquet")
        assert [item.label for item in source.items] == labels
        assert source.unread_labels == unread


def array_with_header(path: Path, header: str) -> Path:
    """An .npy, or an .npz with an array `images`, of five bytes with this header."""
    text = header.encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(5)
    if path.suffix == ".npy":
        path.write_bytes(content)
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", content)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4000000, 1000, 1000), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 8, 8, ",
        "{'descr': '|u1', 'fortran_order': False, 'shape': 5L 8L",
    ],
    ids=["declares more than there is", "cut", "no dictionary"],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_with_a_damaged_header(tmp_path: Path, header: str, suffix: str) -> None:
    path = array_with_header(tmp_path / f"a{suffix}", header)
    assert f"cannot read {path}: " in message(path)
