"""What each kind of source finds, and the message for everything that cannot be opened."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
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
    fill(tmp_path, "a.png", "without-suffix")
    (tmp_path / "images.data").write_bytes(b"\1\2\3")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16)))
    assert "is one image; give the folder" in message(tmp_path / "a.png")
    assert "is one image; give the folder" in message(tmp_path / "without-suffix")
    assert "is of no type that can be read (.data)" in message(tmp_path / "images.data")
    assert "is one IDX file" in message(tmp_path / "train-images-idx3-ubyte.gz")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tar.gz", gzip.compress(b"tar"), "is a file compressed with gzip; unpack it. Expected"),
        ("a.tar", bytes(257) + b"ustar", "is not a tar archive, or was cut: truncated header"),
        ("a.tar", gzip.compress(b"tar"), "is not a tar archive but a file compressed with gzip; "),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it. Expected a folder"),
        ("a.rar", b"Rar!\x1a\x07", "is a rar archive; unpack it. Expected a folder"),
        ("a.cbz", b"PK\3\4", "is a zip archive; unpack it. Expected a folder"),
        ("a.h5", b"\x89HDF\r\n", "is an HDF5 file; save its images as image files or as an .npz"),
        ("a.mp4", b"\0\0\0\x20ftypisom", "is a video; save its frames as image files. Expected"),
        ("a.txt", b"some words", "is text. Expected a folder of images, or a file .zip"),
        ("a.zip", b"Rar!\x1a\x07", "is not a zip archive but a rar archive; unpack it"),
        ("a.zip", b"PK\3\4", "is not a zip archive, or was cut: File is not a zip file"),
        ("a.zip", bytes(100), "is not a zip archive but only zero bytes; its content was never"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_file_is_named_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert f"{tmp_path / name} {expected}" in message(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.zip"], "but b.zip: give that file instead: ROOT/b.zip"),
        (
            ["b.npz", "x/c.npz", "labels.csv"],
            "but b.npz and 1 more: give one of them instead: ROOT/b.npz",
        ),
        (["a.tar.gz"], "but a.tar.gz: unpack it, and give the folder that it becomes"),
        (["a.7z", "b.rar"], "but a.7z and 1 more: unpack it"),
        (["a.h5"], "but a.h5: save its images as image files or as an .npz file"),
        (
            ["x/train-images-idx3-ubyte.gz", "x/train-labels-idx1-ubyte.gz"],
            "but IDX files: give the folder that holds them: ROOT/x",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else value[0],
)
def test_a_folder_of_containers_says_what_to_do(
    tmp_path: Path, names: list[str], expected: str
) -> None:
    text = message(fill(tmp_path, *names))
    assert "holds no image files " + expected.replace("ROOT", str(tmp_path)) in text


def test_what_macos_keeps_beside_the_files_of_a_folder_is_passed_over(tmp_path: Path) -> None:
    """On disks that are not its own: `._NAME` for each file."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(fill(tmp_path / "images", "a.png", "b.png"), "images")
    shards = tmp_path / "shards"
    shards.mkdir()
    (tmp_path / "a.tar").rename(shards / "a.tar")
    idx = tmp_path / "idx"
    idx.mkdir()
    (idx / "images-idx3-ubyte").write_bytes(b"\0\0\x08\3" + b"\0\0\0\2" * 3 + bytes(8))
    for path in (shards / "a.tar", idx / "images-idx3-ubyte", shards / "cover.png"):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7")
    assert [item.name for item in open_source(shards).items] == ["images/a.png", "images/b.png"]
    assert len(open_source(idx).items) == 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cats.zip"], "but cats.zip: unpack this archive, and give cats.zip itself"),
        (
            ["x/a.zip", "x/b.zip"],
            "but x/a.zip and 1 more: unpack this archive, and give one of them",
        ),
        (["a.npz", "README.md"], "but a.npz: unpack this archive, and give a.npz itself"),
        (["x/a.parquet"], "but x/a.parquet: unpack this archive, and give a.parquet itself"),
        (["a.tar"], "but a.tar: unpack this archive, and give a.tar itself"),
        (["a.tar.gz"], "but a.tar.gz: unpack both, and give the folder of images"),
        (["a.h5"], "but a.h5: save its images as image files or as an .npz file"),
        (
            ["train-labels-idx1-ubyte", "train-images-idx3-ubyte"],
            "but train-images-idx3-ubyte and 1 more: unpack this archive, and give the folder th",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else value[0],
)
def test_an_archive_of_containers_says_what_to_do(
    tmp_path: Path, names: list[str], expected: str
) -> None:
    path = zipped(tmp_path / "a.zip", **dict.fromkeys(names, b"content"))
    assert f"{path} holds no images {expected}" in message(path)


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
    (tmp_path / "no.zip").write_bytes(b"\1\2\3")
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


@pytest.mark.parametrize("name", ["", "\0.png"])
def test_a_zip_entry_without_a_name_is_named(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", b"an image")
        nameless = zipfile.ZipInfo("2.png")
        nameless.filename = name
        archive.writestr(nameless, b"an image")
    with pytest.raises(DataError, match=r"a\.zip is damaged: its entry .* has no name"):
        open_source(tmp_path / "a.zip")


def test_a_damaged_zip_entry_is_one_unusable_image(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", **{"a.png": png(1), "b.png": png(2)})
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    source = open_source(path)
    with pytest.raises(UnusableImage, match="damaged in the archive"):
        source.read(0)
    assert source.read(1).size == (16, 16)


def patched(path: Path, place: int, value: int) -> Path:
    """The archive with one byte of an entry changed, in the directory and before the content."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + place] = value
    content[content.index(b"PK\3\4") + place - 2] = value
    path.write_bytes(content)
    return path


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    source = open_source(patched(zipped(tmp_path / "a.zip", **{"a.png": png()}), 10, 9))
    with pytest.raises(
        UnusableImage, match="compressed with Deflate64, which cannot be read here; u"
    ):
        source.read(0)


def test_an_archive_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = patched(zipped(tmp_path / "a.zip", **{"a.png": png()}), 6, 99)
    assert "is a zip archive of a kind that cannot be read here (zip file version 9.9)" in message(
        path
    )


def test_an_archive_in_zip64_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:  # noqa: SIM117
        with archive.open("a.png", "w", force_zip64=True) as entry:
            entry.write(png())
    assert open_source(tmp_path / "a.zip").read(0).size == (16, 16)


def test_a_zip_made_on_windows_has_folders_too(tmp_path: Path) -> None:
    source = open_source(zipped(tmp_path / "a.zip", **{"x\\1.png": png(), "y\\2.png": png()}))
    assert source.label_names == ("x", "y")


def test_preparation_imports_no_torch() -> None:
    code = (
        "import sys, ganvas.data.preparation, ganvas.data.inspection, ganvas.data.sources\n"
        "sys.exit(str({'torch', 'pyarrow', 'huggingface_hub'} & {*sys.modules} or '') or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
