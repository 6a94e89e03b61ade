"""Metadata of an image file never decides whether it can be used; its orientation stays."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ganvas.data.decoding import decode, upright_size
from ganvas.data.opening import open_image
from ganvas.data.settings import DataSettings
from tests.unit.data.test_opening import SETTINGS

from .pictures import encoded, flat, photograph, png_chunk
from .tiffs import tiff

ORIENTATION_6 = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # Exif


def colour(content: bytes) -> list[int]:
    """The colour of the pixel in the middle."""
    return [int(value) for value in decode(open_image(content), SETTINGS, 3)[:, 8, 8]]


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


TOO_LARGE = zlib.compress(bytes(2_000_000))  # more than Pillow unpacks of a text or profile

PNG_METADATA = {
    "large zTXt": png_chunk(b"zTXt", b"key\0\0" + TOO_LARGE),
    "large iTXt": png_chunk(b"iTXt", b"key\0\1\0\0\0" + TOO_LARGE),
    "large profile": png_chunk(b"iCCP", b"name\0\0" + TOO_LARGE),
    "broken profile": png_chunk(b"iCCP", b"name\0\0nonsense"),
    "wrong checksum of a text": png_chunk(b"tEXt", b"key\0words", checksum=5),
    "wrong checksum of a profile": png_chunk(b"iCCP", b"name\0\0nonsense", checksum=5),
    "large eXIf": png_chunk(b"eXIf", b"MM\0*" + bytes(3_000_000)),
    "broken eXIf": png_chunk(b"eXIf", b"nonsense"),
    "short gAMA": png_chunk(b"gAMA", b"\0"),
    "short cHRM": png_chunk(b"cHRM", b"\0"),
    "short sRGB": png_chunk(b"sRGB", b""),
    "short pHYs": png_chunk(b"pHYs", b"\0"),
    "short tRNS": png_chunk(b"tRNS", b"\0"),
    "wrong checksum of tRNS": png_chunk(b"tRNS", bytes(6), checksum=5),
    "short acTL": png_chunk(b"acTL", b"\0"),
    "broken animation": png_chunk(b"acTL", struct.pack(">II", 2, 0))
    + png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 9, 999, 999, 0, 0, 1, 1, 0, 0)),
    "unknown chunk": png_chunk(b"ABCD", b"\0"),
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", PNG_METADATA)
def test_metadata_of_a_png_never_decides(name: str, place: str) -> None:
    content = encoded(flat("RGB", (10, 200, 30)))
    at = content.index(b"IDAT") - 4 if place == "before" else content.index(b"IEND") - 4
    assert colour(content[:at] + PNG_METADATA[name] + content[at:]) == [10, 200, 30]


@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])
def test_a_png_is_turned_as_its_exif_says(place: bytes) -> None:
    content = encoded(photograph(64, 32))
    at = content.index(place) - 4
    turned = content[:at] + png_chunk(b"eXIf", ORIENTATION_6) + content[at:]
    assert upright_size(open_image(turned)) == (32, 64)


def test_a_png_without_its_end_chunk_has_all_pixels() -> None:
    assert colour(encoded(flat("RGB", (10, 200, 30)))[:-12]) == [10, 200, 30]


def test_the_size_of_a_png_is_known_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(image: Image.Image) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    assert upright_size(open_image(encoded(photograph(64, 32)))) == (64, 32)


def test_all_frames_of_an_animated_png_stay() -> None:
    frames = [flat("RGB", name) for name in ("red", "lime")]
    image = open_image(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    image.seek(1)
    assert image.convert("RGB").getpixel((0, 0)) == (0, 255, 0)


JPEG_METADATA = {
    "broken Exif": segment(0xE1, b"Exif\0\0nonsense"),
    "empty Exif": segment(0xE1, b"Exif\0\0"),
    "broken XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0nonsense"),
    "short profile": segment(0xE2, b"ICC_PROFILE\0"),
    "profile of no parts": segment(0xE2, b"ICC_PROFILE\0\1\0"),
    "broken index of pictures": segment(0xE2, b"MPF\0nonsense"),
    "empty index of pictures": segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "short JFIF": segment(0xE0, b"JFIF\0"),
    "short Adobe": segment(0xEE, b"Adobe"),
    "cut Photoshop": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed"),
    "no resolution": segment(
        0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x1a\0\x05\0\0\0\x01\0\0\xff\xff\0\0\0\0"
    ),
    "empty comment": segment(0xFE, b""),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # as where many images are read
@pytest.mark.parametrize("name", JPEG_METADATA)
def test_metadata_of_a_jpeg_never_decides(name: str) -> None:
    content = encoded(flat("L", 77), "JPEG")
    assert colour(content[:2] + JPEG_METADATA[name] + content[2:]) == [77, 77, 77]


def test_a_jpeg_opened_without_its_metadata_keeps_colours_and_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(photograph(64, 32).convert("CMYK"), "JPEG", exif=exif)
    broken = content[:2] + segment(0xE2, b"ICC_PROFILE\0") + content[2:]
    assert upright_size(open_image(broken)) == (32, 64)
    assert colour(broken) == colour(content)


@pytest.mark.parametrize(
    "tag",
    [
        (270, (2, 9, b"no end")),
        (282, (5, 1, struct.pack("<II", 1, 0))),
        (306, (7, 10**8, b"\1\2\3\4")),
        (700, (99, 3, b"abc")),
        (33723, (4, 2**31, b"\xff\xff\xff\xff")),
        (34675, (7, 3, b"ICC")),
        (34665, (4, 1, struct.pack("<I", 10**9))),
    ],
    ids=lambda tag: str(tag[0]),
)
def test_metadata_of_a_tiff_never_decides(
    tag: tuple[int, tuple[int, int, bytes]], capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = bytes([10, 200, 30] * 256)
    assert colour(tiff(pixels=pixels, more=dict([tag]))) == [10, 200, 30]
    packed = tiff(compression=8, pixels=zlib.compress(pixels), more=dict([tag]))
    assert colour(packed) == [10, 200, 30]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_keeps_its_orientation(compression: str | None) -> None:
    picture = Image.new("L", (64, 32))
    picture.paste(255, (0, 0, 32, 16))  # the top left quarter
    content = encoded(picture, "TIFF", compression=compression, tiffinfo={274: 6, 270: "words"})
    assert upright_size(open_image(content)) == (32, 64)
    pixels = decode(open_image(content), DataSettings(size=(16, 16), fit="stretch"), 1)[0]
    assert pixels[4::8, 4::8].tolist() == [[0, 255], [0, 0]]


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_keeps_its_pages(big: bool) -> None:
    pages = [photograph(64, 32), photograph(32, 64), photograph(16, 16)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    image = open_image(content)
    for number, page in enumerate(pages):
        image.seek(number)
        assert image.tobytes() == page.tobytes()
    with pytest.raises(EOFError):
        image.seek(len(pages))


def test_metadata_of_a_webp_never_decides() -> None:
    image = flat("RGB", (10, 200, 30))
    content = encoded(image, "WEBP", lossless=True, icc_profile=bytes(100), exif=ORIENTATION_6)
    assert colour(content) == colour(content[:-9]) == [10, 200, 30]
    assert colour(encoded(image, "WEBP", lossless=True, exif=b"nonsense")) == [10, 200, 30]


def test_broken_exif_of_an_avif_never_decides() -> None:
    exif = b"MM\0*\0\0\0\x08" + bytes(6)
    content = bytearray(encoded(flat("L", 77), "AVIF", exif=exif))
    place = content.index(exif)
    content[place - 4 : place + len(exif)] = b"\xff" * (4 + len(exif))
    np.testing.assert_allclose(colour(bytes(content)), 77, atol=2)


def test_broken_boxes_of_a_jp2_never_decide() -> None:
    content = bytearray(encoded(flat("L", 77), "JPEG2000"))
    content[content.index(b"colr") - 1] = 90  # bytes; longer than the box that it lies in
    assert colour(bytes(content)) == [77, 77, 77]


def test_comments_of_a_gif_never_decide() -> None:
    content = encoded(flat("L", 77), "GIF", comment=b"words" * 60)
    assert colour(content) == [77, 77, 77]
    assert colour(content[:-1] + b"\x21\xfe\x05no") == [77, 77, 77]


def test_the_users_own_settings_of_pillow_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert colour(encoded(flat("RGB", (10, 200, 30)))) == [10, 200, 30]
    assert Image.MAX_IMAGE_PIXELS == 10
