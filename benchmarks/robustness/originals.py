"""Whole inputs of every kind that ganvas reads: images, arrays, archives, recipes, studies."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.parquet
from PIL import Image

RECIPE = """
name = "small"
images = 320
batch = 16
latent_dim = 8
ema_half_life = 200
[generator.network]
name = "dcgan"
width = 4
[discriminator.network]
name = "dcgan"
width = 4
norm = "batch"
[data]
size = [16, 16]
flip = true
[evaluation]
every = 192
samples = 100
metrics = ["swd"]
[intervals]
history = 32
probes = 96
samples = 160
checkpoint = 96
"""
"""A recipe that writes every kind of file within a fraction of a second."""

STUDY = """
base = "small.toml"
data = "images.npz"
images = 160
seeds = 2
metrics = ["swd"]
samples = 100
evaluations = 1
[[arms]]
name = "hinge"
objective.loss = "hinge"
"""

Pixels = npt.NDArray[np.uint8]


def pictures(count: int, side: int = 16, channels: int = 3, seed: int = 0) -> Pixels:
    """Smooth coloured pictures (count, side, side, channels), which every format compresses."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, channels), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, side // 4, axis=1), side // 4, axis=2)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def image_files() -> dict[str, list[tuple[str, bytes]]]:
    """Of every format that is decoded: whole files, as (name, bytes)."""
    colour = Image.fromarray(pictures(1, 32)[0])
    other = Image.fromarray(pictures(1, 32, seed=1)[0])
    grey, clear = colour.convert("L"), colour.convert("RGBA")
    clear.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [other]}
    lossless = {"lossless": True}
    files = {
        "PNG": [
            encode(colour, "PNG"),
            encode(clear, "PNG"),
            encode(deep, "PNG"),
            encode(colour.quantize(16), "PNG", transparency=0),
            encode(colour, "PNG", icc_profile=b"profile" * 64, exif=exif),
        ],
        "JPEG": [
            encode(colour, "JPEG", exif=exif),
            encode(grey, "JPEG", progressive=True),
            encode(colour.convert("CMYK"), "JPEG"),
        ],
        "MPO": [encode(colour, "MPO", **frames)],
        "GIF": [encode(colour, "GIF"), encode(grey, "GIF", **frames)],
        "WEBP": [
            encode(colour, "WEBP"),
            encode(clear, "WEBP", **lossless),
            encode(colour, "WEBP", **frames),
        ],
        "TIFF": [
            encode(colour, "TIFF"),
            encode(deep, "TIFF", compression="tiff_lzw"),
            encode(clear, "TIFF", compression="tiff_deflate"),
            encode(grey.convert("1"), "TIFF", compression="group4"),
            encode(colour, "TIFF", compression="jpeg"),
            encode(grey.convert("F"), "TIFF"),
        ],
        "BMP": [encode(colour, "BMP"), encode(grey, "BMP"), encode(clear, "BMP")],
        "PPM": [encode(colour, "PPM"), encode(grey, "PPM"), b"P3 16 16 255 " + b"7 99 255 " * 256],
        "AVIF": [encode(colour, "AVIF"), encode(clear, "AVIF")],
        "JPEG2000": [
            encode(colour, "JPEG2000"),
            encode(grey, "JPEG2000", no_jp2=True),
            encode(deep, "JPEG2000"),
        ],
    }
    return {
        kind: [(f"{number}.{kind.lower()}", content) for number, content in enumerate(contents)]
        for kind, contents in files.items()
    }


def write_arrays(folder: Path) -> None:
    """images.npy, images.npz, packed.npz with labels, and IDX files, plain and packed."""
    pixels = pictures(5)
    labels = np.arange(5) % 2
    np.save(folder / "images.npy", pixels)
    np.savez(folder / "images.npz", images=pixels)
    np.savez_compressed(folder / "packed.npz", images=pixels, labels=labels)
    for name in ("idx", "idx-gz"):
        (folder / name).mkdir()
    header = struct.pack(">4B3I", 0, 0, 8, 3, 5, 16, 16)
    body = header + pixels[..., 0].tobytes()
    numbers = struct.pack(">4BI", 0, 0, 8, 1, 5) + labels.astype(np.uint8).tobytes()
    for name, content in (("images-idx3-ubyte", body), ("labels-idx1-ubyte", numbers)):
        (folder / "idx" / name).write_bytes(content)
        (folder / "idx-gz" / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))


def write_archives(folder: Path) -> None:
    """stored.zip and packed.zip, with labels as folders; images.parquet and packed.parquet."""
    files = [encode(Image.fromarray(picture), "PNG") for picture in pictures(6)]
    for name, method in (("stored", zipfile.ZIP_STORED), ("packed", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", method) as archive:
            for number, content in enumerate(files):
                archive.writestr(f"label-{number % 2}/{number}.png", content)
    rows = [{"bytes": content, "path": None} for content in files]
    table = pyarrow.table({"image": rows, "label": [number % 2 for number in range(6)]})
    metadata = {
        "huggingface": '{"info": {"features": {"label": {"names": ["cat", "dog"]}}}}',
    }
    table = table.replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(table, folder / "images.parquet", compression="none")
    pyarrow.parquet.write_table(
        table, folder / "packed.parquet", compression="zstd", row_group_size=2
    )


def write_texts(folder: Path) -> None:
    """small.toml, the study study.toml, and the images that both are for."""
    (folder / "small.toml").write_text(RECIPE)
    (folder / "study.toml").write_text(STUDY)
    np.savez(folder / "images.npz", images=pictures(520))


HUGE_FILES = 22
"""How many `huge_files` gives."""


def huge_files() -> Iterator[tuple[str, bytes]]:
    """Files under 1 MB of very many pixels or bytes, each whole: what a bomb is made of."""
    just_below, far_above = (9_400, 9_400), (60_000, 60_000)
    for mode in ("1", "L", "P", "RGB", "RGBA", "I;16", "I", "F"):
        image = Image.new(mode, just_below)
        if mode not in ("I", "F"):
            yield f"huge-{mode.replace(';', '')}.png", encode(image, "PNG")
        if mode != "P":
            yield (
                f"huge-{mode.replace(';', '')}.tiff",
                encode(image, "TIFF", compression="tiff_deflate"),
            )
    colour = Image.new("RGB", just_below)
    yield "huge.gif", encode(Image.new("L", just_below), "GIF")
    yield "huge.webp", encode(colour, "WEBP", lossless=True, method=0)
    yield "half.webp", encode(colour.crop((0, 0, 9_400, 4_700)), "WEBP", lossless=True, method=0)
    yield "half-F.tiff", encode(Image.new("F", (9_400, 4_700)), "TIFF", compression="tiff_deflate")
    yield "huge.jpg", encode(colour, "JPEG", quality=1)
    yield "progressive.jpg", encode(colour, "JPEG", quality=1, progressive=True)
    yield "huge.jp2", encode(Image.new("L", just_below), "JPEG2000")
    yield "larger.jpg", encode(Image.new("L", (12_000, 9_000)), "JPEG", quality=1)
    yield "bilevel.tiff", encode(Image.new("1", far_above), "TIFF", compression="group4")
