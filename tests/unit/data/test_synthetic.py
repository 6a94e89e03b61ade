"""Points in the plane: their modes, their moments by closed form, and that they stay the same."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.generated import frozen_random
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.stream import ImageStream
from ganvas.data.synthetic import MIXTURES, POINTS, TRAINING_POINTS, Mixture
from ganvas.errors import DataError
from ganvas.images import to_signed

SETTINGS = DataSettings(size=(1, 1))
ROOM = 4.5
"""Standard errors that an honest draw may be away; one in 150,000 is further."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedData]:
    cache = tmp_path_factory.mktemp("cache")
    return {name: prepare(points, SETTINGS, cache) for name, points in POINTS.items()}


def plane(data: PreparedData) -> np.ndarray:  # (N, 2)
    assert data.images.dtype == np.float32
    assert data.images.shape[1:] == (2, 1, 1)
    return data.images[:, :, 0, 0].astype(np.float64)


def test_centres_are_those_of_the_papers() -> None:
    ring, grid = MIXTURES["ring"], MIXTURES["grid"]
    assert (ring.sigma, grid.sigma) == (0.01, 0.05)
    np.testing.assert_allclose(np.hypot(*ring.centres.T), 1)
    turns = np.diff(np.unwrap(np.arctan2(ring.centres[:, 1], ring.centres[:, 0])))
    np.testing.assert_allclose(turns, math.pi / 4)
    assert len(ring.centres) == 8
    expected = set(itertools.product((-4, -2, 0, 2, 4), repeat=2))
    assert {tuple(centre) for centre in grid.centres.tolist()} == expected
    assert len(grid.centres) == 25


@pytest.mark.parametrize("name", MIXTURES)
def test_every_point_is_labelled_by_its_mode(name: str, prepared: dict[str, PreparedData]) -> None:
    data, points = prepared[name], plane(prepared[name])
    distances = np.linalg.norm(points[:, None] - MIXTURES[name].centres, axis=2)  # (N, K)
    assert data.labels is not None
    np.testing.assert_array_equal(distances.argmin(1), data.labels)
    assert len(data.label_names) == MIXTURES[name].modes


@pytest.mark.parametrize("name", MIXTURES)
def test_the_fraction_within_three_sigma_is_the_closed_form(
    name: str, prepared: dict[str, PreparedData]
) -> None:
    """The published measure of quality: perfect is 1 - exp(-9/2) = 98.89 %."""
    mixture, data = MIXTURES[name], prepared[name]
    for side in (data.training, data.held_out):
        offsets = plane(data)[side] - mixture.centres[data.labels[side]]  # type: ignore[index]
        share = (np.linalg.norm(offsets, axis=1) < 3 * mixture.sigma).mean()
        expected = 1 - math.exp(-4.5)
        assert expected == pytest.approx(0.9889, abs=1e-4)
        room = ROOM * math.sqrt(expected * (1 - expected) / len(side))
        assert share == pytest.approx(expected, abs=room)


@pytest.mark.parametrize("name", MIXTURES)
def test_modes_are_equally_likely_and_round(name: str, prepared: dict[str, PreparedData]) -> None:
    mixture, data, points = MIXTURES[name], prepared[name], plane(prepared[name])
    assert data.labels is not None
    share = 1 / mixture.modes
    for mode in range(mixture.modes):
        chosen = data.labels == mode
        room = ROOM * math.sqrt(share * (1 - share) / len(points))
        assert chosen.mean() == pytest.approx(share, abs=room)
        offsets = (points[chosen] - mixture.centres[mode]) / mixture.sigma
        error = 1 / math.sqrt(len(offsets))
        np.testing.assert_allclose(offsets.mean(0), 0, atol=ROOM * error)
        covariance = offsets.T @ offsets / len(offsets)
        np.testing.assert_allclose(covariance, np.eye(2), atol=ROOM * error * math.sqrt(2))


@pytest.mark.parametrize(("name", "spread"), [("ring", 1 / 2), ("grid", 8.0)])
def test_the_whole_has_the_variance_of_centres_and_modes(
    name: str, spread: float, prepared: dict[str, PreparedData]
) -> None:
    points = plane(prepared[name])
    expected = spread + MIXTURES[name].sigma ** 2
    np.testing.assert_allclose(points.var(axis=0), expected, rtol=0.02)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.05)


def test_the_roll_has_the_moments_of_its_formula(prepared: dict[str, PreparedData]) -> None:
    """The band is t (cos t, sin t) / 7.5 with t even over [a, b]: integrals by hand."""
    points, a, b = plane(prepared["swiss-roll"]), 1.5 * math.pi, 4.5 * math.pi
    assert prepared["swiss-roll"].labels is None
    even = 1 / (b - a)
    across = even * (math.cos(b) + b * math.sin(b) - math.cos(a) - a * math.sin(a))
    up = even * (math.sin(b) - b * math.cos(b) - math.sin(a) + a * math.cos(a))
    squared = even * (b**3 - a**3) / 3 + 2 * 0.25**2
    room = ROOM * math.sqrt(squared / 7.5**2 / len(points))
    np.testing.assert_allclose(points.mean(0), [across / 7.5, up / 7.5], atol=room)
    assert (points**2).sum(1).mean() == pytest.approx(squared / 7.5**2, rel=0.01)


def test_the_rolls_noise_lies_across_the_band(prepared: dict[str, PreparedData]) -> None:
    """Away from its ends, the distance to the band is normal with deviation 0.25 / 7.5."""
    points = plane(prepared["swiss-roll"])[:4000] * 7.5
    t = np.linspace(1.5 * math.pi, 4.5 * math.pi, 4001)
    band = np.stack([t * np.cos(t), t * np.sin(t)], axis=1)
    distances = np.array([np.linalg.norm(point - band, axis=1).min() for point in points])
    radius = np.linalg.norm(points, axis=1)
    inner = distances[(radius > 5.5) & (radius < 13.5)]
    assert math.sqrt((inner**2).mean()) == pytest.approx(0.25, rel=0.05)


@pytest.mark.parametrize("name", POINTS)
def test_papers_count_to_train_on_and_others_held_out(
    name: str, prepared: dict[str, PreparedData], tmp_path: Path
) -> None:
    data = prepared[name]
    assert (len(data.training), len(data.held_out)) == (100_000, 10_000)
    training = {point.tobytes() for point in data.images[data.training]}
    assert not any(point.tobytes() in training for point in data.images[data.held_out])
    none = prepare(POINTS[name], replace(SETTINGS, held_out=0.0), tmp_path)
    assert len(none.held_out) == 0
    np.testing.assert_array_equal(none.images, data.images[data.training])


def test_random_numbers_never_change() -> None:
    """The first standard normal of seed 0, as printed in numpy's own documentation since 2008."""
    assert frozen_random(0).standard_normal() == pytest.approx(1.764052345967664, abs=1e-15)


def test_fingerprints_of_point_sets_differ(prepared: dict[str, PreparedData]) -> None:
    assert len({data.fingerprint for data in prepared.values()}) == len(POINTS)
    wider = replace(MIXTURES["ring"], sigma=0.02)
    metadata, _ = wider.draw_dataset(SETTINGS)
    assert metadata.fingerprint != prepared["ring"].fingerprint


def test_points_are_not_rescaled(prepared: dict[str, PreparedData]) -> None:
    data = prepared["grid"]
    batch = ImageStream(data, seed=0).next(TRAINING_POINTS)
    assert torch.equal(to_signed(batch.images), batch.images)
    assert batch.images.dtype == torch.float32
    drawn = np.sort(batch.images.numpy().reshape(-1, 2), axis=0)
    np.testing.assert_array_equal(drawn, np.sort(data.images[data.training].reshape(-1, 2), axis=0))
    assert batch.labels is not None
    offsets = batch.images.flatten(1).numpy() - MIXTURES["grid"].centres[batch.labels.numpy()]
    assert np.abs(offsets).max() < 6 * 0.05


def test_summary_speaks_of_points(prepared: dict[str, PreparedData]) -> None:
    assert prepared["ring"].summary() == (
        "ring: 110,000 points in 2 dimensions, 8 labels; 100,000 to train on, 10,000 held out"
    )


@pytest.mark.parametrize("name", POINTS)
def test_the_drawn_square_has_room_for_outliers(
    name: str, prepared: dict[str, PreparedData]
) -> None:
    extent, furthest = prepared[name].extent, np.abs(plane(prepared[name])).max()
    assert extent is not None
    assert 1.4 * furthest < extent < 1.6 * furthest


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            DataSettings(),
            "recipe is for images of 32x32. Take a recipe for points, such as points-modern",
        ),
        (replace(SETTINGS, channels="3"), "two coordinates, but the recipe asks for 3"),
    ],
)
def test_settings_for_images_are_refused(
    settings: DataSettings, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        prepare(POINTS["ring"], settings, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_mixtures_are_the_points_with_modes() -> None:
    assert {n: p for n, p in POINTS.items() if isinstance(p, Mixture)} == MIXTURES
    assert [POINTS[name].modes for name in ("ring", "grid", "swiss-roll")] == [8, 25, 0]
