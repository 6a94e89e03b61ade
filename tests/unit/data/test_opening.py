"""Why a file cannot be used is said truly."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import zlib

import pytest

from ganvas.data.decoding import decode
from ganvas.data.opening import open_image
from ganvas.data.settings import DataSettings
from ganvas.data.source import UnusableImage

from .pictures import encoded, flat, photograph, png
from .tiffs import tiff

SETTINGS = DataSettings(size=(16, 16))
CONVERT = ", which cannot be read here; convert it to 8-bit grey or RGB"


def reason(content: bytes) -> str:
    with pytest.raises(UnusableImage) as caught:
        decode(open_image(content), SETTINGS, 3)
    return caught.value.reason


# Whole files that no reader knows


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (tiff(bands=5), "TIFF of 5 bands of 8 bits (RGB)"),
        (tiff(bands=8, bits=16), "TIFF of 8 bands of 16 bits (RGB)"),
        (tiff(bits=32, sample_format=3), "TIFF of 3 bands of 32 floating-point bits (RGB)"),
        (tiff(bits=32), "TIFF of 3 bands of 32 bits (RGB)"),
        (tiff(bits=12), "TIFF of 3 bands of 12 bits (RGB)"),
        (
            tiff(bands=1, photometric=1, sample_format=2),
            "TIFF of 1 band of 8 signed bits (grey)",
        ),
        (tiff(photometric=8, bits=16), "TIFF of 3 bands of 16 bits (Lab)"),
        (tiff(photometric=9), "TIFF of 3 bands of 8 bits (Lab)"),
        (tiff(bands=5, photometric=5, planar=2), "TIFF of 5 bands of 8 bits (CMYK, planar)"),
        (
            tiff(bands=1, photometric=1, bits=64, sample_format=6),
            "TIFF of 1 band of 64 complex bits (grey)",
        ),
        (tiff(bands=1, bits=1, photometric=4), "TIFF of 1 band of 1 bit (mask)"),
        (tiff(compression=6), "TIFF of 3 bands of 8 bits (RGB, old JPEG)"),
        (tiff(compression=34712), "TIFF of 3 bands of 8 bits (RGB, JPEG 2000)"),
        (tiff(compression=34887), "TIFF of 3 bands of 8 bits (RGB, LERC)"),
        (tiff(compression=50001), "TIFF of 3 bands of 8 bits (RGB, WebP)"),
        (tiff(compression=99), "TIFF of 3 bands of 8 bits (RGB, compression 99)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_tiff_that_no_reader_knows_is_described(content: bytes, kind: str) -> None:
    assert reason(content) == kind + CONVERT


def jpeg_with_frame(place: int, value: int) -> bytes:
    """A JPEG with one byte of its frame header changed."""
    content = bytearray(encoded(flat("RGB", "red"), "JPEG"))
    content[content.index(b"\xff\xc0") + place] = value
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (jpeg_with_frame(4, 12), "JPEG of 3 bands of 12 bits"),
        (jpeg_with_frame(9, 2), "JPEG of 2 bands of 8 bits"),
        (jpeg_with_frame(1, 0xC3), "lossless JPEG of 3 bands of 8 bits"),
        (jpeg_with_frame(1, 0xC5), "hierarchical JPEG of 3 bands of 8 bits"),
        (jpeg_with_frame(1, 0xCB), "arithmetic-coded lossless JPEG of 3 bands of 8 bits"),
        (jpeg_with_frame(1, 0xF7), "JPEG-LS of 3 bands of 8 bits"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_jpeg_that_no_reader_knows_is_described(content: bytes, kind: str) -> None:
    assert reason(content) == kind + CONVERT


def test_a_jpeg_2000_that_no_reader_knows_is_described() -> None:
    content = bytearray(encoded(flat("RGB", "red"), "JPEG2000"))
    content[content.index(b"\xff\x4f\xff\x51") + 41] = 5
    assert reason(bytes(content)).startswith("JPEG 2000 of 5 bands of ")


def test_a_bmp_that_no_reader_knows_is_described() -> None:
    content = bytearray(encoded(flat("RGB", "red"), "BMP"))
    content[28] = 64  # bits per pixel
    assert reason(bytes(content)).startswith("BMP (Unsupported BMP pixel depth (64)), which cannot")


@pytest.mark.parametrize(
    "content",
    [
        tiff(bands=1, bits=16, photometric=32803),  # PEF, DNG without preview
        tiff(more={50706: (1, 4, b"\1\4\0\0")}),  # DNG with a preview
        b"II*\0\x10\0\0\0CR\2\0" + tiff()[8:],
    ],
    ids=["sensor", "DNG", "CR2"],
)
def test_raw_photographs_are_not_taken_for_their_preview(content: bytes) -> None:
    assert reason(content).startswith("a raw photograph, which cannot be read here; develop it")


def test_a_raw_photograph_whose_preview_comes_first_is_told() -> None:
    """As NEF and ARW files are: the directory of the sensor's pixels hangs below the preview's."""
    sensor = struct.pack("<HHHIHHI", 1, 262, 3, 1, 32803, 0, 0)
    content = tiff(more={330: (4, 1, struct.pack("<I", len(tiff()) + 12))}) + sensor
    assert reason(content).startswith("a raw photograph")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC, which cannot be read here; convert it to"),
        (b"\0\0\0\x18ftypmif1" + bytes(50), "HEIC, which cannot be read here"),
        (b"\0\0\0\x18ftypcrx " + bytes(50), "a raw photograph (CR3), which cannot be read here"),
        (b"FUJIFILMCCD-RAW 0201", "a raw photograph (RAF)"),
        (b"\xff\x0a\x7f", "JPEG XL"),
        (b"8BPS\0\1", "a Photoshop document (PSD)"),
        (b"\x76\x2f\x31\x01", "OpenEXR with floating-point pixels, which"),
        (b"#?RADIANCE\n", "Radiance HDR with floating-point pixels"),
        (b"DDS |", "a DirectDraw texture (DDS)"),
        (b"\0\0\1\0\1\0\x20", "an icon (ICO)"),
        (encoded(flat("RGB", "red"), "TGA"), "TGA, which cannot be read here; convert it to"),
        (encoded(flat("L", 5).convert("P"), "TGA", compression="tga_rle"), "TGA"),
        (b"PF\n16 16\n-1.0\n", "a portable float map (PFM) in colour"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"%PDF-1.7", "a PDF document"),
        (
            b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns=''>",
            "SVG, which cannot be read here",
        ),
        (b"\xef\xbb\xbf<svg>", "SVG"),
        (b"\n<!DOCTYPE html><html>", "a web page (HTML), not an image; download it again"),
        (b"<HTML><HEAD>", "a web page (HTML)"),
        (b"<?xml version='1.0'?><Error>", "XML, not an image; download it again"),
        (b'{"error": 404}', "JSON, not an image"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, not an image; run `g",
        ),
        (b"\0\0\0\x20ftypisom", "a video, not an image; save its frames as image files"),
        (b"\x1aE\xdf\xa3", "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a sound file, not an image"),
        (b"PK\3\4", "a zip archive, not an image; unpack it"),
        (b"\x1f\x8b\x08", "a file compressed with gzip, not an image; unpack it"),
        (b"Rar!\x1a\x07\0", "a rar archive"),
        (bytes(257) + b"ustar\0", "a tar archive"),
        (b"\x93NUMPY\1\0", "a NumPy array (.npy), not an image; give that file itself"),
        (b"PAR1", "a parquet file"),
        (
            pickle.dumps({"data": 1}),
            "a Python pickle, which is never opened, not an image; save its",
        ),
        (
            bytes(1000),
            "only zero bytes, not an image; its content was never written, copy it again",
        ),
        (b"Some words.\n", "text, not an image"),
        (b"BMW makes cars, and this is text", "text, not an image"),
        (b"P1 is a name", "text, not an image"),
        (b"\0\xfa\7nothing known", "not an image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_of_another_kind_is_named(content: bytes, expected: str) -> None:
    assert reason(content).startswith(expected)


# Cut or damaged


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF"])
def test_a_whole_file_that_is_damaged_is_not_called_cut(kind: str) -> None:
    content = bytearray(encoded(photograph(64, 64), kind))
    start = {"GIF": 900, "WEBP": 20, "AVIF": 80}[kind]
    content[start : start + 30] = b"\xff\1\xff" * 10
    assert reason(bytes(content)).startswith("damaged (")


def test_pixels_that_end_too_early_in_a_whole_png_are_damage() -> None:
    assert reason(png(64, 64, zlib.compress(bytes(1000)))) == "damaged (its pixels end too early)"


def test_a_palette_image_without_palette_is_damaged() -> None:
    content = png(16, 16, zlib.compress(bytes(17 * 16)), colour_type=3)
    assert reason(content).startswith("damaged (a PNG without pixels, or without the palette")


def test_a_wrong_checksum_of_pixels_is_damage() -> None:
    content = bytearray(encoded(photograph(64, 64)))
    content[len(content) // 2] ^= 1
    assert reason(bytes(content)) == "damaged (wrong checksum in its IDAT chunk)"


@pytest.mark.parametrize("compression", [5, 7, 8, 32773])  # LZW, JPEG, Deflate, PackBits
def test_a_damaged_tiff_prints_nothing(compression: int, capfd: pytest.CaptureFixture[str]) -> None:
    """libtiff would print from C, without the name of the file."""
    content = tiff(compression=compression, pixels=b"nonsense" * 20)
    assert reason(content) == "damaged (its pixels cannot be unpacked)"
    assert capfd.readouterr() == ("", "")


def test_what_pillow_logs_is_not_printed() -> None:
    code = (
        "import logging, ganvas.data.opening\n"
        "logging.getLogger('PIL.TiffImagePlugin').error('More samples per pixel')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
