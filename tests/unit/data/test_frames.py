"""Animations and documents: the first frame or all, which are copies, what is held out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data.cache import default_cache
from ganvas.data.frames import count_frames
from ganvas.data.inspecting import inspect
from ganvas.data.inspection import Inspection
from ganvas.data.opening import open_image
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source

from ...extras import require_extra
from .pictures import encoded, flat

FIRST = DataSettings(size=(16, 16), held_out=0.0)
ALL = DataSettings(size=(16, 16), held_out=0.0, frames="all")
FORMATS = ["GIF", "PNG", "WEBP", "TIFF", "AVIF"]


def animation(kind: str, levels: Sequence[int], mode: str = "RGB") -> bytes:
    """A file with a flat frame of each level; its corner differs, so that no two can be merged."""
    frames = []
    for number, level in enumerate(levels):
        frame = Image.new("L", (16, 16), level)
        frame.putpixel((0, 0), number)
        frames.append(frame.convert(mode))
    exact = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    options: dict[str, object] = exact.get(kind, {})
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)


def folder(place: Path, **files: bytes) -> Path:
    place.mkdir(exist_ok=True)
    for name, content in files.items():
        (place / name.replace("_", ".")).write_bytes(content)
    return place


def prepared(data: Path, settings: DataSettings = ALL) -> PreparedData:
    return prepare(open_source(data), settings)


def check(data: Path, settings: DataSettings = ALL) -> Inspection:
    return inspect(open_source(data), settings)


def centres(data: PreparedData) -> list[int]:
    """The grey level in the middle of each image."""
    return [int(level) for level in data.images[:, 0, 8, 8]]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_first_frame_is_used_and_check_says_so(tmp_path: Path, kind: str) -> None:
    data = folder(tmp_path / "a", a_gif=animation(kind, [10, 90, 170]), b_png=encoded(flat("L", 5)))
    assert centres(prepared(data, FIRST)) == [10, 5]
    inspection = check(data, FIRST)
    assert (
        "  1 file has frames     the first of each is used; --frames all uses all 3: a.gif 3"
    ) in inspection.lines()
    assert inspection.to_json()["frames"] == {"a.gif": 3}


@pytest.mark.parametrize("kind", FORMATS)
def test_all_frames_are_items_of_their_own(tmp_path: Path, kind: str) -> None:
    data = folder(tmp_path / "a", a_gif=animation(kind, [10, 90, 170]), b_png=encoded(flat("L", 5)))
    assert centres(prepared(data)) == [10, 90, 170, 5]
    inspection = check(data)
    assert (inspection.usable, inspection.distinct) == (4, 4)
    assert any("all are used (--frames all)" in line for line in inspection.lines())
    assert inspection.to_json()["frames"] == {"a.gif": 3}


def test_frames_have_the_labels_of_their_file_and_numbers_in_their_names(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("cat/a.gif", animation("GIF", [10, 90]))
        archive.writestr("cat/cut.gif", animation("GIF", [11, 91, 171])[:-120])
        archive.writestr("dog/b.png", encoded(flat("L", 5)))
    data = prepared(tmp_path / "a.zip")
    assert data.labels is not None
    assert [data.label_names[n] for n in data.labels][:2] == ["cat", "cat"]
    assert data.label_names[data.labels[-1]] == "dog"
    assert data.unusable == check(tmp_path / "a.zip").unusable
    assert all(problem.file.startswith("cat/cut.gif[") for problem in data.unusable)


def test_frames_of_images_in_parquet_files(tmp_path: Path) -> None:
    require_extra("parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [animation("GIF", [10, 90]), encoded(flat("L", 5))]
    pq.write_table(pa.table({"image": images}), tmp_path / "a.parquet")
    assert centres(prepared(tmp_path / "a.parquet")) == [10, 90, 5]


def test_arrays_have_no_frames(tmp_path: Path) -> None:
    pixels = np.arange(3 * 64, dtype=np.uint32).view(np.uint8).reshape(3, 16, 16)
    np.save(tmp_path / "a.npy", pixels)
    assert prepared(tmp_path / "a.npy").key == prepared(tmp_path / "a.npy", FIRST).key


def test_frames_that_are_the_same_count_once(tmp_path: Path) -> None:
    frames = [flat("RGB", colour) for colour in ("red", "blue", "red")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    data = folder(tmp_path / "a", a_gif=content, b_gif=animation("GIF", [10, 90]), c_gif=content)
    found = prepared(data)
    assert (len(found.images), found.duplicates) == (4, 4)
    assert check(data).duplicates == (
        ("a.gif[0]", "a.gif[2]", "c.gif[0]", "c.gif[2]"),
        ("a.gif[1]", "c.gif[1]"),
    )


def test_a_grey_animation_is_prepared_in_grey(tmp_path: Path) -> None:
    data = folder(tmp_path / "a", a_gif=animation("GIF", [10, 90, 170], "L"))
    assert str(prepared(data).shape) == "16x16, grey"


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
def test_frames_of_one_file_lie_on_one_side_of_the_split(tmp_path: Path, fraction: float) -> None:
    files = {f"{n}_gif": animation("GIF", [20 * n, 20 * n + 5, 20 * n + 9]) for n in range(10)}
    data = prepared(
        folder(tmp_path / "a", **files),
        DataSettings(size=(16, 16), held_out=fraction, frames="all"),
    )
    held_out = {level // 20 for level in np.array(centres(data))[data.held_out]}
    training = {level // 20 for level in np.array(centres(data))[data.training]}
    assert len(data.held_out) == 30 * fraction
    assert held_out.isdisjoint(training)


def test_check_counts_what_can_be_held_out_of_a_few_long_animations(tmp_path: Path) -> None:
    files = {f"{n}_gif": animation("GIF", range(60 * n, 60 * n + 50)) for n in range(3)}
    data = folder(tmp_path / "a", **files)
    settings = DataSettings(size=(16, 16), frames="all")
    inspection = inspect(open_source(data), settings)
    assert inspection.held_out == len(prepared(data, settings).held_out) == 0
    assert inspection.fraction_for_scores == 0.4  # the first that holds out 50 of 150
    assert any("Train with --held-out 0.4" in warning for warning in inspection.warnings)


def test_a_smaller_copy_and_a_mask_in_a_tiff_are_no_pages() -> None:
    content = io.BytesIO()
    pages = [(200, 0), (100, 1), (201, 2), (202, 4)]
    first, *others = (flat("L", level) for level, _ in pages)
    for image, (_, kind) in zip((first, *others), pages, strict=True):
        image.encoderinfo = {"tiffinfo": {254: kind}}  # type: ignore[attr-defined]
    first.save(content, "TIFF", save_all=True, append_images=others, tiffinfo={254: 0})
    assert count_frames(open_image(content.getvalue())) == 2


def test_a_second_picture_in_a_jpeg_is_no_frame(tmp_path: Path) -> None:
    pair = [flat("RGB", "red"), flat("RGB", "blue")]
    content = encoded(pair[0], "MPO", save_all=True, append_images=pair[1:])
    data = folder(tmp_path / "a", a_jpg=content, b_jpg=encoded(flat("RGB", "green"), "JPEG"))
    assert check(data, FIRST).frames == {}
    assert len(prepared(data).images) == 2


def test_frames_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = folder(tmp_path / "a", a_gif=animation("GIF", [10, 90]), b_png=encoded(flat("L", 5)))
    first = prepared(data)
    monkeypatch.setattr("ganvas.data.frames._numbers", None)
    assert prepared(data).key == first.key
    assert prepared(data).key != prepared(data, FIRST).key


def test_a_damaged_memory_of_frames_is_made_anew(tmp_path: Path) -> None:
    data = folder(tmp_path / "a", a_gif=animation("GIF", [10, 90]))
    key = prepared(data).key
    (stored,) = default_cache().glob("frames-*.npz")
    whole = stored.read_bytes()
    for damaged in (b"", whole[:100], whole[:-40]):
        stored.write_bytes(damaged)
        assert prepared(data).key == key


def test_a_file_that_changed_has_new_frames(tmp_path: Path) -> None:
    data = folder(tmp_path / "a", a_gif=animation("GIF", [10, 90]))
    assert centres(prepared(data)) == [10, 90]
    folder(tmp_path / "a", a_gif=animation("GIF", [20, 30, 40]))
    assert centres(prepared(data)) == [20, 30, 40]


def test_frames_larger_than_allowed_are_left_out_and_named(tmp_path: Path) -> None:
    frames = [Image.new("L", (1100, 1000), level) for level in (3, 200)]
    content = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    data = folder(tmp_path / "a", a_tif=content, b_png=encoded(flat("L", 5)))
    found = prepared(
        data, DataSettings(size=(16, 16), held_out=0.0, frames="all", max_megapixels=1)
    )
    assert [problem.file for problem in found.unusable] == ["a.tif[0]", "a.tif[1]"]
    assert all("megapixels to decode" in problem.reason for problem in found.unusable)
    assert len(prepared(data).images) == 3


def test_sixteen_bit_pages_keep_their_range(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((16, 16), level, np.uint16)) for level in (0, 4095)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    settings = DataSettings(size=(16, 16), held_out=0.0, frames="all", pixel_range="measured")
    found = prepared(folder(tmp_path / "a", a_tif=content), settings)
    assert (centres(found), found.pixel_range) == ([0, 255], "0:4095")
