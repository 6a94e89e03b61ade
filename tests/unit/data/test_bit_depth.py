"""Pixels of more, or less, than 8 bits: what becomes black and white, and what check says of it."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ganvas.data import bit_depth
from ganvas.data.bit_depth import (
    DeepImage,
    measure_values,
    parse_pixel_range,
    picture_of,
    pixel_range_problem,
    to_eight_bits,
)
from ganvas.data.cache import default_cache
from ganvas.data.decoding import decode
from ganvas.data.inspecting import inspect
from ganvas.data.inspection import Inspection
from ganvas.data.opening import open_image
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import UnusableImage
from ganvas.data.sources import open_source
from ganvas.errors import DataError
from ganvas.recipes.recommendation import recommend

from ...extras import require_extra
from .pictures import encoded, flat

Numbers = npt.NDArray[Any]
SIXTEEN = (16, 16)
COUNT = 6


def numbers(top: float, dtype: str, channels: int = 1) -> Numbers:  # (N, 16, 16, C)
    """Images with values from 0 to `top`."""
    values = np.random.default_rng(3).random((COUNT, *SIXTEEN, channels)) * top
    values[0, 0, 0, 0], values[1, 1, 1, -1] = 0, top
    return values.astype(dtype)


def write(place: Path, kind: str, images: Numbers) -> Path:
    """The images in an .npy, .npz or .parquet file, or as .png files in a folder."""
    path = place / f"data.{kind}"
    if kind == "npy":
        np.save(path, images)
    elif kind == "npz":
        np.savez(path, images=images)
    elif kind == "parquet":
        write_parquet(path, images)
    else:
        path = place / "data"
        path.mkdir()
        for number, image in enumerate(images):
            (path / f"{number}.png").write_bytes(encoded(Image.fromarray(image[:, :, 0])))
    return path


def write_parquet(path: Path, images: Numbers) -> None:
    require_extra("parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    inner = pa.from_numpy_dtype(images.dtype)
    schema = pa.schema({"image": pa.list_(pa.list_(pa.list_(inner)))})
    pq.write_table(pa.table({"image": images.tolist()}, schema), path)


def prepared(data: Path, pixel_range: str = "full", cache: Path | None = None) -> PreparedData:
    settings = DataSettings(size=SIXTEEN, held_out=0.0, pixel_range=pixel_range)
    return prepare(open_source(data), settings, cache)


def check(data: Path, pixel_range: str = "full") -> Inspection:
    return inspect(open_source(data), DataSettings(size=SIXTEEN, pixel_range=pixel_range))


def levels(images: Numbers, low: float, high: float) -> Numbers:  # (N, C, H, W)
    """What the images become: an independent formula."""
    spread = (images.astype(np.longdouble) - low) / (high - low) * 255
    return np.rint(spread.clip(0, 255)).astype(np.uint8).transpose(0, 3, 1, 2)


ARRAYS = ["npy", "npz", "parquet"]


@pytest.mark.parametrize("kind", [*ARRAYS, "folder"])
def test_sixteen_bits_are_spread_over_all_that_they_hold(tmp_path: Path, kind: str) -> None:
    images = numbers(65535, "uint16")
    data = prepared(write(tmp_path, kind, images))
    np.testing.assert_array_equal(data.images, levels(images, 0, 65535))


def test_every_value_of_sixteen_bits_becomes_the_nearest_level() -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = (ramp.astype(int) * 255 + 32767) // 65535
    for picture in (DeepImage(ramp[:, :, None]), Image.fromarray(ramp)):
        np.testing.assert_array_equal(to_eight_bits(picture, "full"), expected)


@pytest.mark.parametrize("kind", [*ARRAYS, "folder"])
def test_twelve_bits_in_sixteen_fill_the_range_that_is_measured(tmp_path: Path, kind: str) -> None:
    images = numbers(4095, "uint16")
    data = prepared(write(tmp_path, kind, images), "measured")
    np.testing.assert_array_equal(data.images, levels(images, 0, 4095))
    assert data.pixel_range == "0:4095"


@pytest.mark.parametrize("kind", [*ARRAYS, "folder"])
def test_check_says_how_dark_twelve_bits_in_sixteen_are(tmp_path: Path, kind: str) -> None:
    data = write(tmp_path, kind, numbers(4095, "uint16"))
    inspection = check(data)
    assert (
        "dark images: the brightest pixel is 6 % of what 16 bits hold. Train with --pixel-range "
        "measured: 0 to 4,095 become black to white"
    ) in inspection.lines()
    assert inspection.to_json()["narrow"] == [{"type": "16 bits", "low": 0, "high": 4095}]
    stretched = check(data, "measured")
    assert not any("dark images" in line for line in stretched.lines())
    assert "--pixel-range measured" in recommend(inspection).command
    assert "  pixel values          0 to 4,095 become black to white" in stretched.lines()
    assert stretched.to_json()["pixel_range"] == "0:4095"


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_in_colour_and_with_alpha(tmp_path: Path, channels: int) -> None:
    images = numbers(4000, "uint16", channels)
    source = open_source(write(tmp_path, "npy", images))
    settings = DataSettings(size=SIXTEEN, pixel_range="0:4000")
    expected = levels(images, 0, 4000)
    if channels in (2, 4):  # alpha keeps what 16 bits hold
        expected[:, -1] = levels(images, 0, 65535)[:, -1]
    for index in range(COUNT):
        pixels = decode(source.read(index), settings, channels)
        np.testing.assert_array_equal(pixels, expected[index])


def test_check_names_what_an_array_holds(tmp_path: Path) -> None:
    assert check(write(tmp_path, "npy", numbers(65535, "uint16", 3))).modes == {
        "16-bit colour": 1.0
    }
    assert check(write(tmp_path, "npz", numbers(1, "float32", 2))).modes == {
        "float32 grey with alpha": 1.0
    }


def test_the_number_type_is_part_of_the_content(tmp_path: Path) -> None:
    sixteen = numbers(65535, "uint16")
    np.save(tmp_path / "a.npy", sixteen)
    np.save(tmp_path / "b.npy", sixteen.view(np.int16))
    contents = [open_source(tmp_path / name).content(0) for name in ("a.npy", "b.npy")]
    assert contents[0] != contents[1]


# Floats and other integers


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_from_0_to_1_are_black_to_white(tmp_path: Path, kind: str, dtype: str) -> None:
    images = numbers(1, dtype)
    data = prepared(write(tmp_path, kind, images))
    np.testing.assert_array_equal(data.images, levels(images, 0, 1))


@pytest.mark.parametrize("kind", ARRAYS)
def test_floats_outside_0_to_1_are_refused_with_what_was_found(tmp_path: Path, kind: str) -> None:
    images = numbers(2, "float32", 3) - 1
    data = write(tmp_path, kind, images)
    for use in (prepared, check):
        with pytest.raises(DataError) as caught:
            use(data)
        assert str(caught.value) == (
            f"{data}: its pixels are float32 from -1 to 1, and floats must lie in 0 to 1. Say "
            "which values become black and white: --pixel-range -1:1. --pixel-range measured takes "
            "the lowest and highest of all images"
        )
    np.testing.assert_array_equal(prepared(data, "-1:1").images, levels(images, -1, 1))
    assert prepared(data, "measured").pixel_range == "-1:1"


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint32", "uint64"])
def test_integers_that_mean_nothing_agreed_need_a_range(tmp_path: Path, dtype: str) -> None:
    images = numbers(101, dtype)
    data = write(tmp_path, "npy", images)
    with pytest.raises(DataError, match=f"are {dtype} from 0 to 101, .* --pixel-range 0:101. "):
        prepared(data)
    np.testing.assert_array_equal(prepared(data, "measured").images, levels(images, 0, 101))


def test_true_is_white(tmp_path: Path) -> None:
    images = numbers(1, "float64") > 0.5
    data = prepared(write(tmp_path, "npz", images))
    np.testing.assert_array_equal(data.images, levels(images.astype(float), 0, 1))


def test_zeros_and_ones_of_8_bits_are_spoken_of_and_can_be_used(tmp_path: Path) -> None:
    images = (numbers(1, "float64") > 0.5).astype(np.uint8)
    data = write(tmp_path, "npz", images)
    assert any("is under 1 % of what 8 bits hold" in warning for warning in check(data).warnings)
    np.testing.assert_array_equal(prepared(data, "measured").images, levels(images, 0, 1))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ARRAYS)
def test_an_image_with_nan_or_infinity_is_named_and_left_out(
    tmp_path: Path, kind: str, wrong: float
) -> None:
    images = numbers(1, "float32")
    images[3, 5, 5] = wrong
    data = write(tmp_path, kind, images)
    for found in (prepared(data).unusable, prepared(data, "measured").unusable):
        (problem,) = found
        assert problem.file.endswith("[3]")
        assert problem.reason == "1 of its values are NaN or infinite"
    assert check(data).unusable == prepared(data).unusable


def test_flat_images_are_spoken_of(tmp_path: Path) -> None:
    data = write(tmp_path, "npy", (numbers(6000, "uint16") + 30000).astype(np.uint16))
    assert any(
        "flat images: all pixels lie between 46 % and 55 % of what 16 bits hold" in warning
        for warning in check(data).warnings
    )


def test_images_that_use_their_bits_are_not_spoken_of(tmp_path: Path) -> None:
    for kind, top, dtype in (("npy", 40000, "uint16"), ("npz", 200, "uint8")):
        assert check(write(tmp_path, kind, numbers(top, dtype))).spans.narrow == ()


def test_float_files_need_a_range(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    images = numbers(3, "float32")
    for number, image in enumerate(images):
        (tmp_path / "data" / f"{number}.tif").write_bytes(
            encoded(Image.fromarray(image[:, :, 0]), "TIFF")
        )
    reasons = {reason for _, reason in check(tmp_path / "data").unusable}
    assert all("floating-point pixels have no agreed range (here" in text for text in reasons)
    assert all("--pixel-range measured uses them" in text for text in reasons)
    data = prepared(tmp_path / "data", "0:3")
    np.testing.assert_array_equal(data.images, levels(images, 0, 3))


# One range for a data set


def test_a_range_of_16_bits_is_not_laid_over_8_bits(tmp_path: Path) -> None:
    data = write(tmp_path, "npy", numbers(255, "uint8"))
    with pytest.raises(DataError, match="8-bit pixels, but 0 to 4,095 is a range of more bits"):
        prepared(data, "0:4095")


NAMES_BOTH = (
    r"mixes images of 16 bits \(0 to 4,095; 6 images, such as \S+\) and "
    r"8 bits \(0 to 255; 1 image: z.png\)"
)


def test_no_range_is_measured_over_several_number_types(tmp_path: Path) -> None:
    data = write(tmp_path, "folder", numbers(4095, "uint16"))
    (data / "z.png").write_bytes(encoded(flat("RGB", (255, 9, 0))))
    with pytest.raises(DataError, match=NAMES_BOTH):
        prepared(data, "measured")
    (warning,) = [line for line in check(data).warnings if "bits hold" in line]
    assert "the brightest pixel of the images with 16 bits is 6 %" in warning
    assert "--pixel-range" not in warning


def test_a_range_that_one_odd_file_prevents_is_not_advised(tmp_path: Path) -> None:
    data = write(tmp_path, "folder", numbers(4095, "uint16"))
    (data / "z.tif").write_bytes(encoded(Image.fromarray(np.eye(16, dtype="float32")), "TIFF"))
    inspection = check(data)
    (warning,) = [line for line in inspection.warnings if "bits hold" in line]
    assert "take those of other number types away" in warning
    assert not inspection.spans.suits_one_range
    with pytest.raises(DataError, match=r"and floating-point \(0 to 1; 1 image: z.tif\)"):
        prepared(data, "measured")


def test_a_constant_data_set_has_no_range(tmp_path: Path) -> None:
    data = write(tmp_path, "npy", np.full((3, *SIXTEEN, 1), 7, np.uint16))
    with pytest.raises(DataError, match="every pixel is 7, so there is no range to measure"):
        prepared(data, "measured")


def test_a_range_is_measured_once_and_shares_prepared_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cache = write(tmp_path, "npz", numbers(4095, "uint16")), tmp_path / "cache"
    first = prepared(data, "measured", cache)
    stages: list[str] = []
    settings = DataSettings(size=SIXTEEN, held_out=0.0, pixel_range="measured")
    again = prepare(open_source(data), settings, cache, lambda stage, *_: stages.append(stage))
    assert not {"measuring pixels", "decoding"} & set(stages)
    assert again.key == first.key == prepared(data, "0:4095", cache).key
    assert prepared(data, "full", cache).key != first.key


def test_a_damaged_measurement_is_made_anew(tmp_path: Path) -> None:
    data = write(tmp_path, "npz", numbers(4095, "uint16"))
    prepared(data, "measured")
    (stored,) = default_cache().glob("range-*.json")
    for damaged in (b"", b"[]", b'{"format": 2, "ranges": {"16 bits": [1]}}'):
        stored.write_bytes(damaged)
        assert prepared(data, "measured").pixel_range == "0:4095"


def test_colours_of_16_bit_files_are_cut_to_their_upper_8_bits() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check_sum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check_sum

    row = b"\0" + np.full((16, 3), 0x01FF, ">u2").tobytes()
    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    content = io.BytesIO()
    content.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    content.write(chunk(b"IDAT", zlib.compress(row * 16)) + chunk(b"IEND", b""))
    pixels = decode(open_image(content.getvalue()), DataSettings(size=SIXTEEN), 3)
    assert (pixels == 1).all()  # rounded it were 2


# The setting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("full", None),
        ("0:4095", (0, 4095)),
        ("-1.5:1e3", (-1.5, 1000)),
        (" 0.25 : .5", (0.25, 0.5)),
    ],
)
def test_a_pixel_range_is_the_same_as_text_and_back(
    text: str, expected: tuple[float, float] | None
) -> None:
    found = parse_pixel_range(text)
    assert found == expected
    assert found is None or parse_pixel_range(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", "auto", "4095", "0:", "1:1", "2:1", "0:nan", "0:inf", "0:1e999"]
)
def test_what_is_no_range_is_explained(text: str) -> None:
    assert repr(text) in (pixel_range_problem(text) or "")
    assert pixel_range_problem("measured") is None


def test_a_range_that_is_none_is_found_before_reading(tmp_path: Path) -> None:
    data = write(tmp_path, "npy", numbers(255, "uint8"))
    with pytest.raises(DataError, match="pixel_range: 'x' is no range; give full, measured, or"):
        prepared(data, "x", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_an_image_of_8_bits_is_stretched_without_its_alpha() -> None:
    picture = picture_of(np.full((16, 16, 4), (0, 7, 14, 9), np.uint8))
    pixels = np.asarray(to_eight_bits(picture, "0:14"))
    assert pixels[0, 0].tolist() == [0, 128, 255, 9]
    with pytest.raises(UnusableImage, match="a range of more bits"):
        to_eight_bits(picture, "0:256")


def test_values_are_scaled_in_blocks_as_they_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(128, 512)
    whole = np.asarray(to_eight_bits(Image.fromarray(values), "full"))
    monkeypatch.setattr(bit_depth, "_BLOCK", 1_000)
    assert np.array_equal(np.asarray(to_eight_bits(Image.fromarray(values), "full")), whole)


@pytest.mark.parametrize(("mode", "colour"), [("LA", (7, 250)), ("RGBA", (7, 9, 8, 250))])
def test_alpha_is_no_value_of_a_picture(mode: str, colour: tuple[int, ...]) -> None:
    values = measure_values(Image.new(mode, (4, 4), colour))
    assert (values.low, values.high) == (7, max(colour[:-1]))
