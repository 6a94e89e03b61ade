"""Films that other programs can read again: every frame, its size and its time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ganvas.drawing.films import check_film, is_film, on_white, write_film
from ganvas.drawing.grids import to_pillow
from ganvas.errors import GanvasError, RunError
from ganvas.images import Pixels
from tests.extras import require_extra

COUNT, HEIGHT, WIDTH = 5, 7, 9
"""Odd sides, which H.264 does not take."""


def frames(channels: int) -> Pixels:
    """A grey or coloured ramp that gets lighter; with alpha, a transparent column that moves."""
    ramp = np.arange(WIDTH)[None, :] + 40 * np.arange(COUNT)[:, None]  # (T, W)
    pixels = np.zeros((COUNT, HEIGHT, WIDTH, channels), np.uint8)
    pixels += ramp[:, None, :, None].astype(np.uint8)
    if channels in (2, 4):
        pixels[..., -1] = 255
        for index in range(COUNT):
            pixels[index, :, index, -1] = 0
    return pixels


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_endless_film_has_every_frame(tmp_path: Path, suffix: str, channels: int) -> None:
    path = tmp_path / f"walk{suffix}"
    pictures = [to_pillow(frame) for frame in frames(channels)]
    write_film(path, iter(pictures), milliseconds=80)
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        assert film.size == (WIDTH, HEIGHT)
        assert film.n_frames == COUNT  # type: ignore[attr-defined]
        read = [np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(film)]
        assert film.info["duration"] == 80
    for frame, picture in zip(read, pictures, strict=True):
        expected = np.asarray(picture.convert("RGBA"))
        assert np.array_equal(frame[..., 3], expected[..., 3]), "transparency"
        seen = expected[..., 3] > 0
        tolerance = 0 if suffix == ".webp" or channels in (1, 3) else 8  # a palette of 256 colours
        assert np.abs(frame[seen].astype(int) - expected[seen]).max() <= tolerance


def test_a_gif_shows_no_colour_of_what_is_nearly_transparent(tmp_path: Path) -> None:
    alphas = [0, 8, 120, 136, 247, 255]
    pixels = np.zeros((4, len(alphas), 4), np.uint8)  # black
    pixels[..., 3] = alphas
    path = tmp_path / "sprites.gif"
    write_film(path, iter([to_pillow(pixels)] * 2), milliseconds=80)
    with Image.open(path) as film:
        for frame in ImageSequence.Iterator(film):
            read = np.asarray(frame.convert("RGBA")).astype(int)
            assert (read[..., 3] == [0, 0, 0, 255, 255, 255]).all()
            assert np.abs(read[:, 3:, 0] - [119, 8, 0]).max() <= 8, "as on white"


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_mp4_has_every_frame_and_even_sides(tmp_path: Path, channels: int) -> None:
    require_extra("video")
    import av

    path = tmp_path / "walk.mp4"
    pictures = [to_pillow(frame) for frame in frames(channels)]
    write_film(path, iter(pictures), milliseconds=80)
    with av.open(path) as film:
        assert film.streams.video[0].average_rate == 12.5
        read = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(read) == COUNT
    for index, frame in enumerate(read):
        assert frame.shape == (HEIGHT + 1, WIDTH + 1, 3)
        grey = frame[-1, WIDTH - 3 :].astype(int)  # the last row is there twice
        assert np.abs(grey - (40 * index + WIDTH - 2)).max() <= 12
    if channels in (2, 4):
        assert read[0][2, 0].min() > 100, "what is transparent becomes white, as far as it is sharp"


def test_transparency_becomes_white() -> None:
    for channels, clear, opaque in ((2, 255, 49), (4, 255, 49)):
        picture = on_white(to_pillow(frames(channels)[1]))
        assert picture.mode == "RGB"
        pixels = np.asarray(picture)
        assert pixels[0, 1].tolist() == [clear] * 3
        assert pixels[0, -1].tolist() == [opaque - 1] * 3
    assert on_white(to_pillow(frames(1)[0])).mode == "RGB"


def test_unknown_films_and_bad_places_leave_nothing(tmp_path: Path) -> None:
    pictures = [to_pillow(frame) for frame in frames(1)]
    with pytest.raises(GanvasError, match=r"walk.avi: expected a .gif, .webp or .mp4"):
        write_film(tmp_path / "walk.avi", pictures, 80)
    with pytest.raises(GanvasError, match=r"expected a .png, .gif, .webp or .mp4"):
        check_film(tmp_path / "walk", ".png")
    with pytest.raises(RunError, match="cannot write"):
        write_film(tmp_path / "absent" / "walk.gif", pictures, 80)

    def cut() -> object:
        yield pictures[0]
        raise RuntimeError("the second frame fails")

    for name in ("walk.gif", "walk.webp"):
        with pytest.raises(RuntimeError, match="second frame"):
            write_film(tmp_path / name, cut(), 80)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    assert is_film(Path("A.GIF"))
    assert not is_film(Path("a.png"))
