"""Every pixel mode against a known answer; every fault of one image against its reason."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.data.decoding import background_problem, decode, is_grey, upright_size
from ganvas.data.opening import open_image
from ganvas.data.settings import DataSettings

from .pictures import encoded, flat, photograph

SETTINGS = DataSettings(size=(16, 16))
Pixels = npt.NDArray[np.uint8]


def one_colour(pixels: Pixels) -> list[int]:
    """The colour of an image that has only one."""
    assert (pixels == pixels[:, :1, :1]).all()
    return [int(value) for value in pixels[:, 0, 0]]


@pytest.mark.parametrize(
    ("image", "channels", "expected"),
    [
        (flat("1", 1), 1, [255]),
        (flat("L", 77), 1, [77]),
        (flat("L", 77), 3, [77, 77, 77]),
        (flat("L", 77), 2, [77, 255]),
        (flat("L", 77), 4, [77, 77, 77, 255]),
        (flat("LA", (100, 0)), 1, [255]),
        (flat("LA", (100, 255)), 3, [100, 100, 100]),
        (flat("LA", (100, 128)), 2, [100, 128]),
        (flat("La", (50, 128)), 2, [99, 128]),
        (flat("RGB", (10, 20, 30)), 3, [10, 20, 30]),
        (flat("RGB", (255, 0, 0)), 1, [76]),  # ITU-R 601
        (flat("RGB", (10, 20, 30)), 4, [10, 20, 30, 255]),
        (flat("RGBA", (200, 0, 0, 0)), 3, [255, 255, 255]),
        (flat("RGBA", (0, 0, 0, 51)), 3, [204, 204, 204]),
        (flat("RGBA", (200, 10, 0, 51)), 4, [200, 10, 0, 51]),
        (flat("CMYK", (0, 255, 255, 0)), 3, [255, 0, 0]),
        (flat("YCbCr", (255, 128, 128)), 3, [255, 255, 255]),
        (flat("HSV", (0, 255, 255)), 3, [255, 0, 0]),
        (flat("I", 65535), 1, [255]),
        (flat("I", 257), 1, [1]),
        (flat("I;16", 32896), 1, [128]),
        (flat("I;16B", 65535), 3, [255, 255, 255]),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_every_mode_gives_the_known_colour(
    image: Image.Image, channels: int, expected: list[int]
) -> None:
    assert one_colour(decode(image, SETTINGS, channels)) == expected


def test_lab_gives_srgb() -> None:
    lab_of_red = flat("LAB", (136, 128 + 80, 128 + 67))  # L* 53, a* 80, b* 67
    colour = np.array(one_colour(decode(lab_of_red, SETTINGS, 3)))
    np.testing.assert_allclose(colour, [255, 0, 0], atol=12)


@pytest.mark.parametrize("background", ["black", "#ff0000", "white"])
def test_transparent_pixels_show_the_background(background: str) -> None:
    chosen = DataSettings(size=(16, 16), background=background)
    pixels = decode(flat("RGBA", (0, 0, 255, 0)), chosen, 3)
    expected = {"black": [0, 0, 0], "#ff0000": [255, 0, 0], "white": [255, 255, 255]}
    assert one_colour(pixels) == expected[background]


def test_sixteen_bit_png_file_keeps_its_range() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    pixels = decode(open_image(encoded(Image.fromarray(ramp))), SETTINGS, 1)
    np.testing.assert_array_equal(pixels[0].ravel(), np.arange(256))


def palette_image() -> Image.Image:
    image = flat("P", 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


def test_palette_with_and_without_transparency() -> None:
    plain = open_image(encoded(palette_image()))
    assert one_colour(decode(plain, SETTINGS, 3)) == [10, 200, 30]
    transparent = open_image(encoded(palette_image(), transparency=1))
    assert one_colour(decode(transparent, SETTINGS, 4))[3] == 0
    assert one_colour(decode(transparent, SETTINGS, 3)) == [255, 255, 255]


def test_colour_key_is_transparency() -> None:
    keyed = open_image(encoded(flat("RGB", (1, 2, 3)), transparency=(1, 2, 3)))
    assert one_colour(decode(keyed, SETTINGS, 3)) == [255, 255, 255]


def test_animation_gives_its_first_frame() -> None:
    frames = [flat("RGB", colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert one_colour(decode(open_image(content), SETTINGS, 3)) == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    upright = np.zeros((32, 16), np.uint8)
    upright[:16, :8] = 255  # top left quarter
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = open_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif))
    assert upright_size(image) == (16, 32)
    pixels = decode(image, DataSettings(size=(32, 16)), 1)
    np.testing.assert_array_equal(pixels[0], upright)


def test_an_image_with_damaged_exif_is_used() -> None:
    image = flat("L", 9)
    image.info["exif"] = b"Exif\0\0nonsense"
    assert one_colour(decode(image, SETTINGS, 1)) == [9]


def wide() -> Image.Image:
    """Red, green, blue thirds, 96x32."""
    pixels = np.zeros((32, 96, 3), np.uint8)
    for third in range(3):
        pixels[:, third * 32 : third * 32 + 32, third] = 255
    return Image.fromarray(pixels)


def test_crop_keeps_the_middle() -> None:
    pixels = decode(wide(), DataSettings(size=(32, 32), fit="crop"), 3)
    assert one_colour(pixels) == [0, 255, 0]


def test_pad_keeps_everything_and_adds_a_border() -> None:
    chosen = DataSettings(size=(48, 48), fit="pad", background="#010203")
    pixels = decode(wide(), chosen, 3)
    assert one_colour(pixels[:, :16]) == one_colour(pixels[:, 32:]) == [1, 2, 3]
    assert pixels[:, 24, 4].tolist() == [255, 0, 0]
    assert pixels[:, 24, 44].tolist() == [0, 0, 255]


def test_pad_with_alpha_adds_a_transparent_border() -> None:
    chosen = DataSettings(size=(48, 48), fit="pad", background="black")
    pixels = decode(wide(), chosen, 4)
    assert one_colour(pixels[:, :16]) == [0, 0, 0, 0]
    assert (pixels[3, 16:32] == 255).all()


def test_stretch_keeps_everything_distorted() -> None:
    pixels = decode(wide(), DataSettings(size=(48, 48), fit="stretch"), 3)
    assert pixels[:, 0, 4].tolist() == [255, 0, 0]
    assert pixels[:, 47, 44].tolist() == [0, 0, 255]


def test_resizing_is_antialiased() -> None:
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = decode(Image.fromarray(checkers), SETTINGS, 1)
    assert np.abs(pixels.astype(int) - 127).max() <= 2


def test_transparent_colour_does_not_bleed_into_the_edge() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :33] = (0, 255, 0, 255)
    pixels[:, 33:] = (255, 0, 0, 0)
    chosen = DataSettings(size=(16, 16), background="black")
    assert decode(Image.fromarray(pixels), chosen, 3)[0].max() == 0


def test_reduced_jpeg_decoding_is_near_the_exact_one() -> None:
    image = photograph(1600, 1200)
    cheap = decode(open_image(encoded(image, "JPEG", quality=95)), SETTINGS, 3)
    exact = np.asarray(
        image.resize((16, 16), Image.Resampling.LANCZOS, box=(200, 0, 1400, 1200))
    ).transpose(2, 0, 1)
    difference = np.abs(cheap.astype(int) - exact)
    assert difference.mean() < 1.5
    assert difference.max() <= 8


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    "chosen",
    [
        DataSettings(size=(32, 32)),
        DataSettings(size=(24, 48)),
        DataSettings(size=(48, 24), fit="pad"),
        DataSettings(size=(48, 24), fit="stretch"),
    ],
    ids=lambda chosen: f"{chosen.fit} {chosen.size}",
)
def test_a_jpeg_is_decoded_at_the_smallest_sufficient_size(
    chosen: DataSettings, orientation: int
) -> None:
    """Fine detail is the hard case: here white noise lies over a photograph."""
    soft = np.asarray(photograph(1600, 1200), np.int16)
    noise = np.random.default_rng(1).integers(-40, 41, (1200, 1600, 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray((soft + noise).clip(0, 255).astype(np.uint8))
    content = encoded(picture, "JPEG", quality=95, exif=exif)
    reduced, whole = open_image(content), open_image(content)
    whole.load()
    difference = decode(reduced, chosen, 3).astype(int) - decode(whole, chosen, 3)
    assert np.abs(difference).mean() < 1.5  # of 255 grey levels; 0.5 but for the distorted one
    assert np.abs(difference).max() <= 8
    assert whole.size == (1600, 1200)
    assert reduced.width <= 800
    assert min(reduced.size) >= 3 * max(chosen.size)


@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "YCbCr"]),
    width=st.integers(8, 70),
    height=st.integers(8, 70),
    size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    channels=st.integers(1, 4),
    fit=st.sampled_from(["crop", "pad", "stretch"]),
)
@settings(max_examples=150, deadline=None)
def test_any_image_becomes_the_requested_shape(
    mode: str,
    width: int,
    height: int,
    size: tuple[int, int],
    channels: int,
    fit: Literal["crop", "pad", "stretch"],
) -> None:
    pixels = decode(Image.new(mode, (width, height)), DataSettings(size=size, fit=fit), channels)
    assert pixels.shape == (channels, *size)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (flat("L", 0), True),
        (flat("LA", (0, 0)), True),
        (flat("I;16", 0), True),
        (flat("1", 0), True),
        (flat("RGB", 0), False),
        (flat("CMYK", 0), False),
        (palette_image(), False),
        (flat("L", 5).convert("P"), True),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_grey_is_told_from_colour(image: Image.Image, expected: bool) -> None:
    assert is_grey(image, SETTINGS) is expected


@pytest.mark.parametrize("good", ["white", "#123456", "#abc", "rgb(1, 2, 3)"])
def test_opaque_colours_are_accepted_as_background(good: str) -> None:
    assert background_problem(good) is None


def test_bad_backgrounds_are_explained() -> None:
    assert "Did you mean white?" in (background_problem("whit") or "")
    assert "not a colour" in (background_problem("#12") or "")
    assert "transparent itself" in (background_problem("#11223344") or "")
