"""Images in .tar archives: groups, labels, shards, and what is wrong with an archive."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from ganvas.data.source import Source, UnusableImage
from ganvas.data.sources import open_source, source_exists
from ganvas.data.tar_files import expand_braces, without_braces
from ganvas.errors import DataError


def png(grey: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16, 16), grey).save(buffer, "PNG")
    return buffer.getvalue()


def tar(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def opened(data: Path | str) -> Source:
    source = open_source(data)
    assert isinstance(source, Source)
    return source


def listed(data: Path | str) -> list[tuple[str, str | None]]:
    return [tuple(item) for item in opened(data).items]


def message(data: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        open_source(data)
    return str(caught.value)


def test_a_member_beside_an_image_of_its_group_is_no_image(tmp_path: Path) -> None:
    path = tar(
        tmp_path / "a.tar",
        ("x/1.png", png()),
        ("x/1.txt", b"a caption"),
        ("x/1.depth.npy", b"numbers"),
        ("x/2.dat", b"alone"),
        ("x/.hidden.png", png()),
    )
    assert [name for name, _ in listed(path)] == ["x/1.png", "x/2.dat"]
    with pytest.raises(UnusableImage, match="text, not an image"):
        opened(path).read(1)


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        ("1.cls", b"7\n", "7"),
        ("1.CLS", b"cat", "cat"),
        ("1.json", b'{"label": "cat", "class": 3}', "cat"),
        ("1.json", b'{"caption": "a cat", "class": 3}', "3"),
        ("1.json", b'{"label": [1, 2]}', None),
        ("1.json", b"damaged {", None),
        ("1.cls", b"", None),
        ("2.cls", b"7", None),
    ],
)
def test_the_label_is_that_of_the_group(
    tmp_path: Path, name: str, content: bytes, label: str | None
) -> None:
    path = tar(tmp_path / "a.tar", (name, content), ("1.png", png()))
    assert listed(path) == [("1.png", label)]


def test_folders_are_labels_where_no_group_has_one(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("./all/cat/1.png", png()), ("./all/dog/1.png", png()))
    assert listed(path) == [("all/cat/1.png", "cat"), ("all/dog/1.png", "dog")]


def test_of_two_members_with_one_name_the_later_counts(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("1.png", png(1)), ("1.png", png(2)))
    source = opened(path)
    assert len(source.items) == 1
    assert source.content(0) == png(2)


def test_shards_in_braces_are_one_source(tmp_path: Path) -> None:
    for number in range(8, 12):
        tar(tmp_path / f"shard-{number:03}.tar", ("1.png", png(number)), ("1.cls", b"0"))
    location = f"{tmp_path}/shard-{{008..011}}.tar"
    source = opened(location)
    assert [item.name for item in source.items] == [f"1.png[shard-{n:03}]" for n in range(8, 12)]
    assert [source.content(index) for index in range(4)] == [png(n) for n in range(8, 12)]
    assert (source.name, source.location) == ("shard", location)
    assert source_exists(location)
    (tmp_path / "shard-009.tar").unlink()
    assert not source_exists(location)
    assert message(location) == f"{location}: shard-009.tar is missing"


def test_braces_count_with_as_many_digits_as_the_first_number() -> None:
    assert expand_braces("a-{8..10}.tar") == ["a-8.tar", "a-9.tar", "a-10.tar"]
    assert expand_braces("{0..1}/{00..01}") == ["0/00", "0/01", "1/00", "1/01"]
    assert expand_braces("{a,b}.tar") == ["{a,b}.tar"]
    assert [without_braces(stem) for stem in ("a-{0..9}", "{0..9}")] == ["a", "shards"]


def test_a_link_is_listed_and_cannot_be_used(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("1.png", png()))
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("2.png")
        link.type, link.linkname = tarfile.SYMTYPE, "1.png"
        archive.addfile(link)
    with pytest.raises(UnusableImage, match=r"a link to 1\.png inside the archive"):
        opened(path).content(1)


def test_an_archive_that_was_cut_is_refused_with_the_last_whole_entry(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("1.png", png()), ("2.png", bytes(5_000)))
    content = path.read_bytes()
    path.write_bytes(content[:3_000])
    assert message(path) == f"{path} was cut after its entry '2.png'. Copy it again"


def test_a_damaged_header_does_not_end_an_archive_silently(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("1.png", png()), ("2.png", png()))
    content = bytearray(path.read_bytes())
    content[1024 + 150] ^= 1  # the checksum of the second header
    path.write_bytes(content)
    assert message(path) == f"{path} is damaged after its entry '1.png'. Copy it again"


def test_an_archive_that_is_cut_after_it_was_opened_names_itself(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", ("1.png", png()))
    source = opened(path)
    path.write_bytes(path.read_bytes()[:520])
    with pytest.raises(UnusableImage, match=r"a\.tar was cut meanwhile"):
        source.content(0)
    path.unlink()
    with pytest.raises(UnusableImage, match=r"cannot be read from a\.tar: no such file"):
        source.content(0)


@pytest.mark.parametrize("name", ["../1.png", "/1.png", "a/../../1.png"])
def test_an_entry_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    assert "leads out of the archive" in message(tar(tmp_path / "a.tar", (name, png())))


def test_an_archive_without_images(tmp_path: Path) -> None:
    assert "holds no images" in message(tar(tmp_path / "a.tar", ("README.md", b"text")))
