"""What each kind of source finds, and the message for everything that cannot be opened."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ganvas.data.image_files import is_candidate
from ganvas.data.source import UnusableImage, sorted_labels
from ganvas.data.sources import FASHION_LABELS, open_source
from ganvas.errors import DataError


def png(value: int = 0, side: int = 16) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (side, side), value).save(buffer, "PNG")
    return buffer.getvalue()


def fill(folder: Path, *names: str) -> Path:
    for value, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(value))
    return folder


def message(data: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        open_source(data)
    return str(caught.value)


def test_fashion_ships_with_the_package() -> None:
    source = open_source("fashion")
    assert len(source.items) == 10_000
    assert source.label_names == FASHION_LABELS
    assert source.items[0] == ("t10k[0]", "Ankle boot")  # as published: class 9
    assert source.read(0).size == (28, 28)
    assert (source.name, source.location) == ("fashion", "fashion")


def test_a_path_called_fashion_is_reached_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "fashion", "a.png")
    monkeypatch.chdir(tmp_path)
    assert open_source("fashion").location == "fashion"
    for path in ("./fashion", Path("fashion"), f"fashion{os.sep}"):
        assert open_source(path).location == str(tmp_path / "fashion")


def test_a_folder_without_sub_folders_has_no_labels(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "b.JPG", "a.png", ".hidden.png", "notes.txt", "LICENSE"))
    assert [item.name for item in source.items] == ["a.png", "b.JPG"]
    assert source.label_names == ()


def test_files_that_are_no_images_are_listed(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "a.png", "film.mp4", "no-suffix", ".git/x.png"))
    assert [item.name for item in source.items] == ["a.png", "film.mp4", "no-suffix"]


def test_class_order_counts_numbers_by_value() -> None:
    assert sorted_labels(["10", "9", "b", None, "a", "9"]) == ("9", "10", "a", "b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", True),
        ("A.TIFF", True),
        ("a.mp4", True),
        ("__MACOSX/a.png", False),
        ("x/.DS_Store", False),
        ("labels.csv", False),
        ("README", False),
        ("LICENSE-MIT", False),
    ],
)
def test_which_files_count_as_images(name: str, expected: bool) -> None:
    assert is_candidate(name) is expected


def test_cyclic_links_are_entered_once(tmp_path: Path) -> None:
    fill(tmp_path / "real", "a.png")
    fill(tmp_path / "data", "b.png")
    try:
        (tmp_path / "data" / "linked").symlink_to(tmp_path / "real")
        (tmp_path / "data" / "round").symlink_to(tmp_path / "data")
    except OSError:
        pytest.skip("this system lets us make no links")
    names = [item.name for item in open_source(tmp_path / "data").items]
    assert names == ["b.png", "linked/a.png"]


def test_an_undecodable_file_name_can_be_printed(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(png())
    except OSError:
        pytest.skip("this file system takes only text")
    source = open_source(tmp_path)
    assert source.items[0].name.encode("utf-8")
    assert source.read(0).size == (16, 16)


def test_an_unreadable_file_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(fill(tmp_path, "a.png"))

    def denied(self: Path) -> bytes:  # tests may run as root, whom no permission stops
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(UnusableImage, match="cannot be read: permission denied"):
        source.read(0)


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(fill(tmp_path, "a.png") / "pipe.png")
    with pytest.raises(UnusableImage, match="not a regular file"):
        open_source(tmp_path).read(1)


def test_a_broken_link_says_so(tmp_path: Path) -> None:
    source = open_source(fill(tmp_path, "a.png"))
    (tmp_path / "a.png").unlink()
    with pytest.raises(UnusableImage, match="missing"):
        source.content(0)


def test_missing_paths_name_similar_ones(tmp_path: Path) -> None:
    fill(tmp_path / "photos", "a.png")
    text = message(f"{tmp_path}/photo")
    assert "no such file or folder" in text
    assert f"Did you mean {tmp_path}/photos?" in text
    assert "Did you mean fashion?" in message("fashon")
    assert "no data given" in message("")


def test_folders_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no images" in message(tmp_path / "empty")
    (tmp_path / "empty" / "notes.txt").write_text("only a note")
    assert "holds no images" in message(tmp_path / "empty")
    (tmp_path / "empty" / "photos.zip").write_bytes(b"")
    assert "but photos.zip: give that file instead" in message(tmp_path / "empty")


def test_one_file_instead_of_a_folder(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "video.mp4", "train-images-idx3-ubyte.gz")
    assert "is one image; give the folder" in message(tmp_path / "a.png")
    assert "is of no type that can be read (.mp4)" in message(tmp_path / "video.mp4")
    assert "is one IDX file" in message(tmp_path / "train-images-idx3-ubyte.gz")


@pytest.mark.parametrize("call", ["os.listdir", "os.walk"])
def test_a_folder_without_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def denied(top: Path, onerror: Callable[[OSError], None] | None = None, **_: bool) -> Any:
        error = PermissionError(13, "Permission denied", str(top))
        if onerror is None:
            raise error
        onerror(error)

    monkeypatch.setattr(call, denied)
    assert "permission denied" in message(fill(tmp_path, "a.png"))


# Zip archives


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../a.png", "x/../../a.png", "/a.png", "C:/a.png", "c:a.png", "..\\a.png", "\\a.png"]
)
def test_an_archive_with_an_entry_outside_its_root_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "a.zip", **{"good.png": png(), name: png()})
    text = message(path)
    assert "leads out of the archive" in text
    assert repr(name) in text


def test_archives_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"this is no zip archive")
    assert "is not a zip archive, or was cut" in message(tmp_path / "no.zip")
    assert "holds no images" in message(zipped(tmp_path / "a.zip", **{"__MACOSX/._a.png": png()}))
    content = bytearray(zipped(tmp_path / "b.zip", **{"a.png": png()}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted entry
    (tmp_path / "b.zip").write_bytes(content)
    assert "is encrypted (entry 'a.png')" in message(tmp_path / "b.zip")


def test_a_zip_entry_of_absurd_size_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.data.image_files.LARGEST_FILE", 2_000_000)
    source = open_source(zipped(tmp_path / "a.zip", **{"a.png": bytes(3_000_000)}))
    with pytest.raises(UnusableImage, match="3 MB is too large, at most 2 MB"):
        source.read(0)


def test_a_damaged_zip_entry_is_one_unusable_image(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", **{"a.png": png(1), "b.png": png(2)})
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    source = open_source(path)
    with pytest.raises(UnusableImage, match="damaged in the archive"):
        source.read(0)
    assert source.read(1).size == (16, 16)


def test_a_zip_made_on_windows_has_folders_too(tmp_path: Path) -> None:
    source = open_source(zipped(tmp_path / "a.zip", **{"x\\1.png": png(), "y\\2.png": png()}))
    assert source.label_names == ("x", "y")


def test_preparation_imports_no_torch() -> None:
    code = (
        "import sys, ganvas.data.preparation, ganvas.data.inspection, ganvas.data.sources\n"
        "sys.exit(str({'torch', 'pyarrow'} & set(sys.modules) or '') or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
