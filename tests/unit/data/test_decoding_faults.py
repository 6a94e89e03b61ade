"""Images that cannot be decoded: bombs, cut files, garbage, and what is said of them."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.data.decoding import decode, is_grey, upright_size
from ganvas.data.opening import open_image
from ganvas.data.settings import DataSettings
from ganvas.data.source import UnusableImage
from tests.unit.data.test_decoding import SETTINGS

from .pictures import bomb_png, encoded, flat, huge_jpeg, photograph, png, png_chunk


def reason(content: bytes) -> str:
    with pytest.raises(UnusableImage) as caught:
        decode(open_image(content), SETTINGS, 3)
    return caught.value.reason


def test_names_the_reason_of_each_fault() -> None:
    assert reason(b"") == "zero bytes"
    assert reason(b"\0\1\2 nothing known") == "not an image"
    assert reason(encoded(flat("L", 0, 1))) == "1x1 pixels is too small, at least 8x8"
    assert reason(b"\0\0\0\x18ftypheic" + bytes(50)).startswith("HEIC, which cannot be read here")
    assert reason(encoded(flat("F", 0.5), "TIFF")).startswith("floating-point pixels")
    assert reason(encoded(flat("I", 70000), "TIFF")).startswith("integer pixels outside")


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(image: Image.Image) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize("side", [10_000, 40_000])  # where Pillow warns, and where it refuses
def test_decompression_bombs_are_never_decoded(side: int) -> None:
    millions = side * side // 1_000_000
    assert reason(bomb_png(side, side)) == (
        f"{millions:,} megapixels to decode, at most 90 are allowed; "
        f"--max-megapixels {millions} allows it"
    )


@pytest.mark.usefixtures("no_decoding")
def test_a_palette_is_not_read_from_a_decompression_bomb() -> None:
    content = png(
        20_000, 20_000, zlib.compress(bytes(1000)), png_chunk(b"PLTE", bytes(6)), colour_type=3
    )
    with pytest.raises(UnusableImage, match="400 megapixels to decode, at most 90"):
        is_grey(open_image(content), SETTINGS)


def test_the_palette_of_a_cut_image_is_unusable() -> None:
    content = encoded(photograph(64, 64), "GIF")
    with pytest.raises(UnusableImage, match="cut after 2 kB"):
        is_grey(open_image(content[:2000]), SETTINGS)


def test_a_large_jpeg_counts_as_it_is_decoded() -> None:
    """108 megapixels, of which an eighth of each side is enough for small images."""
    image = open_image(huge_jpeg(12_000, 9_000))
    assert upright_size(image) == (12_000, 9_000)
    assert decode(image, SETTINGS, 1).shape == (1, 16, 16)
    assert image.size == (1_500, 1_125)


@pytest.mark.usefixtures("no_decoding")
@pytest.mark.parametrize(
    ("content", "size"),
    [
        (huge_jpeg(12_000, 9_000), 4096),  # needed whole
        (huge_jpeg(12_000, 9_000, progressive=True), 16),  # held in memory whole, then reduced
    ],
    ids=["large training images", "progressive"],
)
def test_a_large_jpeg_that_takes_memory_for_all_pixels_is_refused(
    content: bytes, size: int
) -> None:
    with pytest.raises(UnusableImage, match="108 megapixels to decode, at most 90 are allowed"):
        decode(open_image(content), DataSettings(size=(size, size)), 1)


def test_the_limit_of_pixels_can_be_set() -> None:
    content = encoded(flat("L", 7, 1200))
    lower = DataSettings(size=(16, 16), max_megapixels=1)
    with pytest.raises(
        UnusableImage, match=r"1\.44 megapixels to decode, at most 1 are allowed; --max"
    ):
        decode(open_image(content), lower, 3)
    assert decode(open_image(content), replace(lower, max_megapixels=2), 3).shape == (3, 16, 16)


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "WEBP"), ("F", "TIFF"), ("I", "TIFF")])
def test_pixels_that_take_twice_the_memory_count_twice(mode: str, kind: str) -> None:
    content = encoded(Image.new(mode, (1_000, 700)), kind)
    settings = DataSettings(size=(16, 16), max_megapixels=1, pixel_range="0:255")
    message = "0.7 megapixels to decode, at most 0.5 of this kind are allowed; --max-megapixels 2"
    with pytest.raises(UnusableImage, match=message):
        decode(open_image(content), settings, 3)
    assert decode(open_image(content), replace(settings, max_megapixels=2), 3).shape == (3, 16, 16)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_pillows_own_limit_inside_a_format_is_named(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    frames = [flat("L", 5, 32), flat("L", 6, 32)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    if kind == "GIF":  # a frame that reaches beyond the image
        place = content.index(b"\x2c\0\0\0\0\x20\0\x20\0")
        content = content[: place + 5] + b"\x40\0\x40\0" + content[place + 9 :]
    assert (
        reason(content) == f"more pixels than Pillow decodes in {kind}; convert it to PNG or JPEG"
    )


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "AVIF", "JPEG2000"]
)
@pytest.mark.parametrize("fraction", [0.4, 0.9])
def test_cut_files_say_after_how_much(kind: str, fraction: float) -> None:
    content = encoded(photograph(160, 160), kind)
    kept = content[: int(len(content) * fraction)]
    expected = f"cut after {len(kept) / 1000:.0f} kB"
    assert reason(kept) == expected


def test_a_cut_header_is_reported_as_cut() -> None:
    assert reason(encoded(photograph(64, 64), "JPEG")[:100]) == "cut after 100 bytes"
    assert reason(encoded(photograph(64, 64), "PNG")[:20]) == "cut after 20 bytes"


@given(
    content=st.binary(min_size=1, max_size=300), kind=st.sampled_from(["", "PNG", "JPEG", "GIF"])
)
@settings(max_examples=100, deadline=None)
def test_garbage_is_unusable(content: bytes, kind: str) -> None:
    start = encoded(flat("RGB", "red"), kind)[:40] if kind else b""
    assert reason(start + content)
