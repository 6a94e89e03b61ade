"""Films: pictures one after the other, as an endless GIF or WebP, or as an MP4."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from ganvas import storage
from ganvas.errors import GanvasError
from ganvas.extras import check_extra

ENDLESS = (".gif", ".webp")
FILMS = (*ENDLESS, ".mp4")
"""Suffixes of films. GIF has 256 colours a frame, WebP the exact pixels, MP4 is for players."""

FRAME_MILLISECONDS = 80
"""How long a frame of a film through latents is shown."""

QUALITY = "17"
"""H.264's constant rate factor: 0 is lossless, 23 usual; at 17 the eye sees no loss."""


def is_film(path: Path) -> bool:
    """Whether a path has the suffix of a film."""
    return path.suffix.lower() in FILMS


def check_film(path: Path, *others: str) -> None:
    """Raise a `GanvasError` unless a path has the suffix of a film that can be written here.

    Args:
        others: suffixes of what may be written instead.
    """
    suffixes = [*others, *FILMS]
    if path.suffix.lower() not in suffixes:
        raise GanvasError(f"{path}: expected a {', '.join(suffixes[:-1])} or {suffixes[-1]}")
    if path.suffix.lower() == ".mp4":
        instead = "A .gif or a .webp needs no extra"
        check_extra("video", f"writing {path}", "av", instead=instead)


def write_film(path: Path, frames: Iterable[Image.Image], milliseconds: int) -> None:
    """Write frames as the film that the suffix names, atomically: .gif, .webp or .mp4.

    Args:
        frames: of one size, at least one; L, LA, RGB or RGBA. In an MP4, transparency becomes
            white, and an odd side is a pixel longer: its last row or column twice. A GIF has no
            half-transparent pixels: from half opaque on they are drawn on white, others vanish.
        milliseconds: how long each is shown. A GIF counts in hundredths of a second.

    Raises:
        GanvasError: no such kind of film, or the extra `video` is missing.
        RunError: the place cannot be written.
    """
    check_film(path)
    suffix = path.suffix.lower()
    pictures = (clear_or_opaque(frame) if suffix == ".gif" else frame for frame in frames)
    first = next(pictures)
    with storage.atomic_file(path) as file:
        if suffix == ".mp4":
            _write_mp4(file, first, pictures, milliseconds)
        else:
            # Transparent frames replace the ones before, so that nothing shines through.
            first.save(
                file,
                format=suffix[1:],
                save_all=True,
                append_images=pictures,
                duration=milliseconds,
                loop=0,
                disposal=2 if first.has_transparency_data else 0,  # GIF
                lossless=True,  # WebP
            )


def _write_mp4(
    file: BinaryIO, first: Image.Image, following: Iterable[Image.Image], milliseconds: int
) -> None:
    """H.264 in the colours that every player knows, which want even sides."""
    import av

    width, height = first.size
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("h264", rate=Fraction(1000, milliseconds))
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": QUALITY}
        for picture in itertools.chain([first], following):
            pixels = np.asarray(on_white(picture))  # (H, W, 3)
            even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode())


def on_white(picture: Image.Image) -> Image.Image:
    """A picture as RGB, with white where it is transparent."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def clear_or_opaque(picture: Image.Image) -> Image.Image:
    """A picture with pixels that are wholly transparent or wholly opaque, as a GIF has them.

    Pillow would draw a pixel that is nearly transparent in its colour, opaque: usually black.
    """
    if not picture.has_transparency_data:
        return picture
    opaque = picture.convert("RGBA").getchannel("A").point(lambda alpha: 255 * (alpha > 127))
    clear = Image.new("RGBA", picture.size, (255, 255, 255, 0))
    clear.paste(on_white(picture), mask=opaque)
    return clear
