"""Stacked digits: what lies in which channel, the split by digits, the floor of real stacks."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.sources import open_source, source_exists
from ganvas.data.stacking import Stacked, base_settings, open_stacked
from ganvas.errors import DataError

SETTINGS = DataSettings(size=(8, 8), held_out=0.2)
PER_CLASS = 15


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """150 images of ten classes; the grey level of image k is k, so it is known wherever it is."""
    levels = np.arange(10 * PER_CLASS, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None], (len(levels), 8, 8))
    np.savez(tmp_path / "digits.npz", images=images, labels=levels % 10)
    return tmp_path / "digits.npz"


@pytest.fixture
def small(digits: Path) -> Stacked:
    """Few stacks, not a multiple of what is written at a time."""
    return replace(stacked(digits), training=3000, held_out=500)


def stacked(data: Path | str) -> Stacked:
    source = open_source(f"stacked:{data}")
    assert isinstance(source, Stacked)
    return source


def levels_of(data: PreparedData) -> npt.NDArray[np.int64]:
    """Which image lies in each channel, (N, 3)."""
    assert (data.images == data.images[:, :, :1, :1]).all()
    return data.images[:, :, 0, 0].astype(np.int64)


def test_the_label_counts_the_classes_in_the_channels(small: Stacked, tmp_path: Path) -> None:
    data = prepare(small, SETTINGS, tmp_path / "cache")
    classes = levels_of(data) % 10
    assert data.images.shape == (3500, 3, 8, 8)
    assert data.images.dtype == np.uint8
    assert data.labels is not None
    np.testing.assert_array_equal(
        data.labels, 100 * classes[:, 0] + 10 * classes[:, 1] + classes[:, 2]
    )
    assert data.label_names[407] == "407"
    assert len(data.label_names) == 1000


def test_no_held_out_digit_is_in_any_channel_to_train_on(small: Stacked, tmp_path: Path) -> None:
    single = prepare(small.base, base_settings(SETTINGS), tmp_path / "cache")
    data = prepare(small, SETTINGS, tmp_path / "cache")
    kept_back = set(single.images[single.held_out, 0, 0, 0].tolist())
    assert len(kept_back) == 0.2 * 10 * PER_CLASS
    assert (len(data.training), len(data.held_out)) == (3000, 500)
    for channel in range(3):
        assert set(levels_of(data)[data.held_out, channel].tolist()) <= kept_back
        seen = set(levels_of(data)[data.training, channel].tolist())
        assert seen == set(range(10 * PER_CLASS)) - kept_back


def test_channels_are_drawn_evenly_and_apart_from_each_other(
    small: Stacked, tmp_path: Path
) -> None:
    data = prepare(small, SETTINGS, tmp_path / "cache")
    drawn = levels_of(data)[data.training].astype(float)
    error = 1 / math.sqrt(len(drawn))
    correlation = np.corrcoef(drawn.T) - np.eye(3)
    assert np.abs(correlation).max() < 4.5 * error
    even = np.unique(drawn)
    assert np.abs(drawn.mean(0) - even.mean()).max() < 4.5 * error * even.std()


def test_the_papers_counts_of_fashion(tmp_path: Path) -> None:
    data = prepare(stacked("fashion"), DataSettings(size=(12, 12)), tmp_path)
    assert data.summary() == (
        "stacked-fashion: 154,000 images 12x12 colour, 1,000 labels; "
        "128,000 to train on, 26,000 held out"
    )
    assert (data.name, data.location) == ("stacked-fashion", "stacked:fashion")
    single = prepare(stacked("fashion").base, base_settings(DataSettings(size=(12, 12))), tmp_path)
    assert single.labels is not None
    assert data.labels is not None
    for side, digits in ((data.training, single.training), (data.held_out, single.held_out)):
        shares = np.bincount(single.labels[digits]) / len(digits)
        modes = np.einsum("a,b,c->abc", shares, shares, shares).ravel()
        pieces = np.array_split(data.labels[side], len(side) // 26_000)
        divergence = np.mean([reverse_kl(piece) for piece in pieces])
        # The divergence of the modes' own shares, and what a finite count adds (Miller 1955).
        expected = (modes * np.log(1000 * modes)).sum() + 999 / (2 * len(pieces[0]))
        # A perfectly even sampler's 26,000 scatter by 0.0008 around 0.0194; uneven shares by more.
        assert divergence == pytest.approx(expected, abs=4.5 * 0.0013 / math.sqrt(len(pieces)))


def reverse_kl(labels: npt.NDArray[np.int64]) -> float:
    """KL from the shares of 1000 modes to even ones."""
    shares = np.bincount(labels, minlength=1000) / len(labels)
    shares = shares[shares > 0]
    return float((shares * np.log(1000 * shares)).sum())


def test_stacks_are_always_the_same(small: Stacked, tmp_path: Path) -> None:
    first, second = (prepare(small, SETTINGS, tmp_path / name) for name in ("one", "other"))
    np.testing.assert_array_equal(first.images, second.images)
    assert first.fingerprint == second.fingerprint


def test_stacks_are_reused_until_their_digits_change(digits: Path) -> None:
    reports: list[tuple[str, int]] = []

    def prepared(settings: DataSettings = SETTINGS) -> tuple[PreparedData, bool]:
        reports.clear()
        source = replace(stacked(digits), training=3000, held_out=500)
        cache = digits.parent / "cache"
        data = prepare(
            source, settings, cache, lambda stage, done, _: reports.append((stage, done))
        )
        return data, any(stage != "reading" for stage, _ in reports)

    first, was_made = prepared()
    assert was_made
    assert reports[-1] == ("generating", 3500)
    assert not prepared()[1]
    assert prepared(replace(SETTINGS, held_out=0.4))[1]
    moved = shutil.move(digits, digits.with_name("moved.npz"))
    digits = Path(moved)
    again, was_made = prepared()
    assert not was_made
    assert (again.name, again.location) == ("stacked-moved", f"stacked:{moved}")
    with np.load(digits) as file:
        images, labels = file["images"].copy(), file["labels"]
    images[0] += 1
    np.savez(digits, images=images, labels=labels)
    changed, was_made = prepared()
    assert was_made
    assert changed.fingerprint != first.fingerprint


def test_without_held_out_digits_there_are_no_held_out_stacks(
    small: Stacked, tmp_path: Path
) -> None:
    data = prepare(small, replace(SETTINGS, held_out=0.0), tmp_path / "cache")
    assert (len(data.training), len(data.held_out)) == (3000, 0)


def test_colour_digits_are_converted_to_grey(tmp_path: Path) -> None:
    images = np.zeros((20, 8, 8, 3), np.uint8)
    images[..., 0] = 200  # red, of luma 0.299
    images[:, 0, 0, 0] = np.arange(20)
    np.savez(tmp_path / "red.npz", images=images, labels=np.arange(20) % 10)
    source = replace(stacked(tmp_path / "red.npz"), training=10, held_out=10)
    data = prepare(source, replace(SETTINGS, held_out=0.0), tmp_path / "cache")
    assert int(data.images[0, 0, 4, 4]) == pytest.approx(0.299 * 200, abs=1)


def test_broken_digits_are_left_out_and_listed(tmp_path: Path, digits: Path) -> None:
    from PIL import Image

    with np.load(digits) as file:
        for index, (image, label) in enumerate(zip(file["images"], file["labels"], strict=True)):
            (tmp_path / "folder" / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / "folder" / str(label) / f"{index:03}.png")
    (tmp_path / "folder" / "3" / "broken.png").write_bytes(b"")
    source = replace(stacked(tmp_path / "folder"), training=100, held_out=10)
    data = prepare(source, SETTINGS, tmp_path / "cache")
    assert [problem.file for problem in data.unusable] == ["3/broken.png"]
    for path in (tmp_path / "folder" / "3").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no usable image to train on of the label 3;"):
        prepare(source, SETTINGS, tmp_path / "cache")


# Bad input


def data_with(place: Path, labels: list[int] | None) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    arrays = {"images": images} if labels is None else {"images": images, "labels": labels}
    np.savez(place / "data.npz", **arrays)
    return place / "data.npz"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "30 images have no label, but stacking takes labelled images of ten classes"),
        ([0, 1, 2] * 10, "has 3 labels, but stacking takes labelled images of ten classes"),
        (list(range(30)), "has 30 labels"),
    ],
)
def test_stacking_needs_ten_classes(labels: list[int] | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        open_source(f"stacked:{data_with(tmp_path, labels)}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("stacked:", "no data given"),
        ("stacked:ring", "ring cannot be stacked"),
        ("stacked:stacked:fashion", "stacked:fashion cannot be stacked"),
        ("stacked:fashon", r"fashon: no such file or folder.*Did you mean fashion\?"),
    ],
)
def test_sources_that_cannot_be_stacked(data: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (1, 1)}, "the recipe makes points.*such as stacked-modern"),
        ({"channels": "1"}, "three images in three channels, but the recipe asks for 1"),
        ({"labels": "off"}, "its labels are needed as they are, but the recipe says off"),
    ],
)
def test_settings_that_do_not_suit(
    small: Stacked, change: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        prepare(small, replace(SETTINGS, **change), tmp_path / "cache")  # type: ignore[arg-type]
    assert not (tmp_path / "cache").exists()


def test_a_measured_range_is_that_of_the_digits(digits: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, pixel_range="measured")
    data = prepare(stacked(digits), settings, tmp_path / "cache")
    assert data.pixel_range == f"0:{10 * PER_CLASS - 1}"
    known = replace(SETTINGS, pixel_range=data.pixel_range)
    assert prepare(stacked(digits), known, tmp_path / "cache").key == data.key


def test_a_stacked_location_exists_while_its_digits_do(digits: Path) -> None:
    location = stacked(digits).location
    assert location == f"stacked:{digits}"
    assert source_exists(location)
    assert source_exists("stacked:fashion")
    digits.unlink()
    assert not source_exists(location)


def test_the_base_of_stacks_is_accessible(digits: Path) -> None:
    base = stacked(digits).base
    assert isinstance(base, Source)
    assert open_stacked(base).location == f"stacked:{digits}"
