"""Which images `check` advises to mirror: photographs, and never digits, letters or shoes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont

from ganvas.data.inspecting import inspect
from ganvas.data.mirroring import (
    ALIKE,
    FEWEST,
    SAMPLE,
    UNLIKE,
    against_mirroring,
    mirrored_farther,
    sampled,
    shows_signs,
    thumbnail,
)
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.recipes.recommendation import Recommendation, recommend

Pixels = npt.NDArray[np.uint8]

SIDE = 16
RANDOM = np.random.default_rng(0)


def photograph() -> Pixels:
    """Smooth colours, brighter at the top: left and right are equally likely. (H, W, 3)."""
    blobs = RANDOM.normal(size=(4, 4, 3)) * 40
    smooth = [
        np.asarray(Image.fromarray(blobs[:, :, channel].astype(np.float32)).resize((SIDE, SIDE)))
        for channel in range(3)
    ]
    sky = np.linspace(60, -60, SIDE)[:, None, None]
    return np.clip(128 + np.stack(smooth, 2) + sky, 0, 255).astype(np.uint8)


def digit(number: int) -> Pixels:
    """A digit at a random place and angle, in grey. (H, W)."""
    picture = Image.new("L", (32, 32))
    at = (9 + RANDOM.integers(-2, 3), 2 + RANDOM.integers(-2, 3))
    ImageDraw.Draw(picture).text(at, str(number), fill=255, font=ImageFont.load_default(size=24))
    turned = picture.rotate(float(RANDOM.normal(0, 6))).resize((SIDE, SIDE))
    return np.asarray(turned)


def test_ties_count_half() -> None:
    """Where each image is there twice, and so is its mirror image."""
    images = np.random.default_rng(1).integers(0, 16, (60, SIDE, SIDE)).astype(np.float32)
    both = np.concatenate([images, images[:, :, ::-1]])
    assert mirrored_farther([*both, *both]) == 0.5


@pytest.fixture(scope="module")
def photographs() -> Pixels:
    return np.stack([photograph() for _ in range(300)])


@pytest.fixture(scope="module")
def digits() -> Pixels:
    return np.stack([digit(index % 10) for index in range(300)])


def recommended(path: Path, pixels: Pixels, *flags: str) -> Recommendation:
    np.save(path, pixels)
    settings = DataSettings(size=(SIDE, SIDE))
    return recommend(inspect(open_source(path), settings, 2, flags=flags))


def fraction(pixels: Pixels) -> float:
    """`mirrored_farther` of images (N, H, W) or (N, H, W, 3)."""
    channels_first = pixels.reshape(*pixels.shape[:3], -1).transpose(0, 3, 1, 2)
    measured = mirrored_farther([thumbnail(image) for image in channels_first])
    assert measured is not None
    return measured


def test_few_photographs_are_to_be_mirrored(tmp_path: Path, photographs: Pixels) -> None:
    recommendation = recommended(tmp_path / "photos.npy", photographs)
    assert "--flip" in recommendation.flags
    assert recommendation.settings.flip
    assert any(reason.startswith("--flip as mirrored") for reason in recommendation.reasons)
    given = recommended(tmp_path / "again.npy", photographs, "--flip")
    assert given.flags.count("--flip") == 1


def test_digits_are_told_from_their_mirror_images(tmp_path: Path, digits: Pixels) -> None:
    """By the images alone: the name says nothing."""
    recommendation = recommended(tmp_path / "images.npy", digits)
    assert "--flip" not in recommendation.flags
    (reason,) = [text for text in recommendation.reasons if "--flip" in text]
    assert reason.startswith("no --flip as mirrored images look unlike the others: ")
    warned = recommended(tmp_path / "again.npy", digits, "--flip")
    assert any(text.startswith("--flip was given, but") for text in warned.reasons)


def test_the_name_of_a_data_set_of_signs_is_enough(tmp_path: Path, photographs: Pixels) -> None:
    recommendation = recommended(tmp_path / "svhn.npy", photographs)
    assert "--flip" not in recommendation.flags
    assert any("digits or letters" in reason for reason in recommendation.reasons)


def test_grey_photographs_and_too_few_get_no_advice(tmp_path: Path, photographs: Pixels) -> None:
    for name, pixels in (
        ("grey", photographs[:, :, :, 0]),
        ("few", photographs[: FEWEST - 1]),
    ):
        recommendation = recommended(tmp_path / f"{name}.npy", pixels)
        assert not any("--flip" in reason for reason in recommendation.reasons)
        assert "--flip" not in recommendation.flags


def test_shoes_that_all_point_one_way_are_not_mirrored() -> None:
    source = open_source("fashion")
    pixels = np.stack([np.asarray(source.read(index)) for index in range(300)])
    assert fraction(pixels) > UNLIKE


def test_fraction_is_that_of_a_search_over_all_pairs(photographs: Pixels, digits: Pixels) -> None:
    for pixels in (photographs[:FEWEST, :, :, 0], digits[:FEWEST]):
        images = pixels.astype(np.float64)
        farther = []
        for index, image in enumerate(images):
            others = np.delete(images, index, 0)
            own, mirrored = (
                ((others - other) ** 2).sum((1, 2)).min() for other in (image, image[:, ::-1])
            )
            farther.append(float(mirrored > own) + float(mirrored == own) / 2)
        assert fraction(pixels) == pytest.approx(np.mean(farther), abs=0.01)
    assert fraction(digits) > UNLIKE
    assert fraction(photographs) < ALIKE


def test_images_that_are_their_own_mirror_images_are_not_measured() -> None:
    flat = [np.full((SIDE, SIDE), value % 256, np.float32) for value in range(FEWEST)]
    assert mirrored_farther(flat) is None


def test_a_sample_is_spread_over_all_images() -> None:
    assert sampled(10) == set(range(10))
    large = sorted(sampled(100_000))
    assert SAMPLE / 2 < len(large) <= SAMPLE
    assert large[-1] > 99_000


@pytest.mark.parametrize(
    ("name", "labels", "signs"),
    [
        ("mnist", [], True),
        ("kmnist-train", [], True),
        ("MY_Letters", [], True),
        ("fashion-mnist", [], False),
        ("fashion", ["coat", "bag"], False),
        ("photos", [str(number) for number in range(10)], True),
        ("photos", ["a", "b", "c"], True),
        ("photos", ["Zero", "one"], True),
        ("photos", ["a", "boat"], False),
        ("photos", ["7"], False),
        ("photos", [], False),
    ],
)
def test_names_of_digits_and_letters_are_known(name: str, labels: list[str], signs: bool) -> None:
    assert shows_signs(name, labels) == signs


def test_numbers_of_classes_are_not_called_digits() -> None:
    """As in a dataset.json: they may be digits, which their mirror images would tell."""
    labels = ["0", "1", "2"]
    unsure = against_mirroring("photos", labels, None)
    assert unsure is not None
    assert unsure.startswith("the labels 0 to 2 may be digits")
    assert "add --flip if they only number classes" in unsure
    for name in ("photos", "fashion-mnist"):
        measured = against_mirroring(name, labels, 0.8)
        assert measured is not None
        assert measured.startswith("mirrored images look unlike the others: 80 %")
    for name, signs in (("mnist", labels), ("photos", ["a", "b"])):
        named = against_mirroring(name, signs, None)
        assert named is not None
        assert named.startswith("the names are those of digits or letters")
    assert against_mirroring("photos", ["boat", "car"], None) is None
