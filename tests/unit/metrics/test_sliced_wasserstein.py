"""The sliced Wasserstein distance against scipy, closed forms, and what is done to pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics import sliced_wasserstein as module
from ganvas.metrics.sliced_wasserstein import (
    downsample,
    extract_patches,
    laplacian_level,
    level_sizes,
    normalise_channels,
    sliced_wasserstein,
    upsample,
    wasserstein_1d,
)


@pytest.fixture(autouse=True)
def fewer_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth of the patches and a quarter of the directions: the same code in little time."""
    monkeypatch.setattr(module, "PATCHES", 2**13)
    monkeypatch.setattr(module, "DIRECTIONS", 128)


def pictures(count: int, seed: int, side: int = 32, channels: int = 3) -> Tensor:
    """Smooth random textures, each about a brightness of its own; uint8 (n, C, side, side)."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((count, channels, side, side))
    texture = ndimage.gaussian_filter(noise, (0, 0, 1.5, 1.5)) * 200
    brightness = random.standard_normal((count, 1, 1, 1)) * 15
    return torch.from_numpy((128 + brightness + texture).clip(0, 255).astype(np.uint8))


def blurred(images: Tensor) -> Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(images.numpy(), (0, 0, 1, 1)))


def noisy(images: Tensor, scale: float) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(9)) * scale
    return (images + noise).clamp(0, 255).to(torch.uint8)


def test_wasserstein_1d_of_equal_lengths_agrees_with_scipy() -> None:
    random = np.random.default_rng(0)
    x, y = np.sort(random.standard_normal((3, 200))), np.sort(random.standard_normal((3, 200)) * 2)
    expected = [stats.wasserstein_distance(a, b) for a, b in zip(x, y, strict=True)]
    distance = wasserstein_1d(torch.from_numpy(x), torch.from_numpy(y))
    np.testing.assert_allclose(distance, expected, rtol=1e-12)


@pytest.mark.parametrize(("p", "q"), [(3000, 400), (400, 3000), (1000, 999)])
def test_wasserstein_1d_of_different_lengths_compares_quantiles(p: int, q: int) -> None:
    random = np.random.default_rng(0)
    x, y = np.sort(random.standard_normal(p)), np.sort(random.standard_normal(q) * 2 + 1)
    distance = wasserstein_1d(torch.from_numpy(x)[None], torch.from_numpy(y)[None])
    assert float(distance) == pytest.approx(stats.wasserstein_distance(x, y), rel=0.01)


def test_each_of_few_values_is_compared_with_the_middle_of_its_share() -> None:
    """Of 6 sorted targets and 2 values: the first value with targets 0 to 2, whose middle is 1."""
    target = torch.tensor([[0.0, 10, 20, 30, 40, 50]])
    assert float(wasserstein_1d(target, torch.tensor([[10.0, 43]]))) == (0 + 3) / 2


def test_patches_come_from_all_of_an_image_that_is_no_square() -> None:
    rows, columns = torch.meshgrid(torch.arange(14), torch.arange(23), indexing="ij")
    image = torch.stack([rows, columns]).to(torch.uint8).expand(64, -1, -1, -1)
    assert level_sizes(14, 23) == [(14, 23)]  # so patches are of the image itself
    corners = extract_patches(image, 0, seed=0)[:, :, 0, 0]
    assert sorted(set(corners[:, 0].tolist())) == list(range(14 - 6))
    assert sorted(set(corners[:, 1].tolist())) == list(range(23 - 6))


@pytest.mark.parametrize("size", [(32, 32), (28, 20), (25, 13)])
def test_blur_agrees_with_scipys_mirrored_convolution(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (2, 3, *size))
    line = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(line, line)[None, None]
    down = ndimage.convolve(image, kernel, mode="mirror")[:, :, ::2, ::2]
    spread = np.zeros_like(image)
    spread[:, :, ::2, ::2] = down
    up = ndimage.convolve(spread, 4 * kernel, mode="mirror")
    tensor = torch.from_numpy(image)
    np.testing.assert_allclose(downsample(tensor), down, rtol=1e-10)
    np.testing.assert_allclose(upsample(torch.from_numpy(down), *size), up, rtol=1e-10)


@pytest.mark.parametrize("size", [(64, 64), (28, 28), (25, 50), (12, 12)])
def test_the_pyramid_sums_to_the_image(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size, dtype=torch.float64)
    sizes = level_sizes(*size)
    rebuilt = laplacian_level(image, len(sizes) - 1)
    for depth in reversed(range(len(sizes) - 1)):
        rebuilt = upsample(rebuilt, *sizes[depth]) + laplacian_level(image, depth)
    torch.testing.assert_close(rebuilt, image)


def test_levels_end_at_the_smallest_side() -> None:
    assert level_sizes(128, 128) == [(128, 128), (64, 64), (32, 32), (16, 16)]
    assert level_sizes(28, 28) == [(28, 28), (14, 14)]
    assert level_sizes(12, 12) == [(12, 12)]
    assert level_sizes(23, 40) == [(23, 40), (12, 20)]


def test_patches_come_from_their_image() -> None:
    """Each pixel of an image of one level says where it is, and each channel which it is."""
    side, channels = 20, 3
    place = torch.arange(channels * side * side).view(1, channels, side, side)
    images = (place % 251).to(torch.uint8).repeat(2, 1, 1, 1)
    cut = extract_patches(images, 0, seed=0)
    assert len(level_sizes(side, side)) == 1
    every = images[:1].float().unfold(2, 7, 1).unfold(3, 7, 1)  # (1, C, 14, 14, 7, 7)
    known = {tuple(patch.flatten().tolist()) for patch in every[0].flatten(1, 2).unbind(1)}
    found = {tuple(patch.flatten().tolist()) for patch in cut}
    assert found <= known
    assert len(found) > 100  # of 196 places, 256 draws


def test_patches_have_mean_zero_and_variance_one_in_each_channel() -> None:
    normalised = normalise_channels(torch.rand(50, 3, 7, 7) * 9 + 4).view(50, 3, 49)
    torch.testing.assert_close(normalised.mean((0, 2)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.var((0, 2), correction=0), torch.ones(3))


def test_distance_of_white_noise_and_of_constant_patches() -> None:
    """A closed form. Projected on a unit direction u, white noise is N(0, 1), and images of one
    brightness each are N(0, (sum u)^2); two centred normals are |s - t| sqrt(2 / pi) apart."""
    random = torch.Generator().manual_seed(0)
    white = (torch.randn(600, 1, 13, 13, generator=random) * 20 + 128).to(torch.uint8)
    flat = (torch.randn(600, 1, 1, 1, generator=random) * 20 + 128).to(torch.uint8)
    estimate = sliced_wasserstein(white, flat.expand(600, 1, 13, 13).contiguous(), seed=0)
    directions = np.random.default_rng(0).standard_normal((100_000, 49))
    lengths = directions.sum(1) / np.linalg.norm(directions, axis=1)
    expected = 1000 * np.abs(1 - np.abs(lengths)).mean() * np.sqrt(2 / np.pi)
    assert estimate.value == pytest.approx(expected, rel=0.12)
    assert estimate.interval[0] <= expected <= estimate.interval[1]


def test_a_set_has_distance_zero_to_itself_and_little_to_another() -> None:
    images = pictures(200, 0)
    assert sliced_wasserstein(images, images, seed=0).value == 0.0
    assert 0 < sliced_wasserstein(images, pictures(200, 1), seed=0).value < 40


def test_the_seed_decides_and_global_random_state_does_not_change() -> None:
    real, fake = pictures(60, 0), pictures(60, 1)
    before = torch.get_rng_state()
    first = sliced_wasserstein(real, fake, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert sliced_wasserstein(real, fake, seed=0) == first
    assert sliced_wasserstein(real, fake, seed=1).value != first.value


def test_noise_and_blur_show_at_their_levels() -> None:
    """Fine noise hardly changes the coarse level; a blur over a pixel changes both."""
    real, other = pictures(300, 0), pictures(300, 1)
    floor = sliced_wasserstein(real, other, seed=0)
    assert list(floor.details) == ["32x32", "16x16"]
    assert floor.value == pytest.approx(np.mean(list(floor.details.values())))
    noise = sliced_wasserstein(real, noisy(other, 12), seed=0)
    assert noise.interval[0] > floor.interval[1]
    assert noise.details["32x32"] > 1.5 * floor.details["32x32"]
    assert noise.details["16x16"] == pytest.approx(floor.details["16x16"], rel=0.1)
    blur = sliced_wasserstein(real, blurred(other), seed=0)
    assert blur.interval[0] > floor.interval[1]
    assert all(blur.details[level] > 1.25 * floor.details[level] for level in floor.details)


def test_different_counts_give_nearly_the_same_distance() -> None:
    real, damaged = pictures(300, 0), noisy(pictures(300, 1), 20)
    whole = sliced_wasserstein(real, damaged, seed=0).value
    assert sliced_wasserstein(real[:170], damaged, seed=0).value == pytest.approx(whole, rel=0.2)
    assert sliced_wasserstein(real, damaged[:170], seed=0).value == pytest.approx(whole, rel=0.2)


def test_the_interval_is_as_wide_as_new_samples_vary() -> None:
    real = pictures(150, 0, 20, 1)
    estimates = [
        sliced_wasserstein(real, noisy(pictures(150, 1 + s, 20, 1), 8), s) for s in range(40)
    ]
    students = stats.t.ppf(0.975, 9)
    measured = np.std([estimate.value for estimate in estimates], ddof=1)
    stated = np.mean([(estimate.interval[1] - estimate.value) / students for estimate in estimates])
    assert 0.6 < stated / measured < 1.8


def test_images_without_structure_give_a_warning() -> None:
    real = pictures(40, 0)
    black = sliced_wasserstein(real, torch.zeros_like(real), seed=0)
    assert np.isfinite(black.value)
    assert black.warnings == (
        "all generated images are of one colour, e.g. black: they have no patches",
    )
    same = sliced_wasserstein(real, real[:1].repeat(40, 1, 1, 1), seed=0)
    assert same.warnings == ("all 40 generated samples are identical",)


def test_unsuitable_sets_are_refused() -> None:
    good = pictures(4, 0)
    with pytest.raises(GanvasError, match=r"different shapes .* \(3, 32, 32\), generated \(1, 32"):
        sliced_wasserstein(good, pictures(4, 0, channels=1), 0)
    with pytest.raises(GanvasError, match="12 pixels at least are needed, got 11x11"):
        sliced_wasserstein(good[:, :, :11, :11], good[:, :, :11, :11], 0)
    with pytest.raises(GanvasError, match="generated: expected uint8 images"):
        sliced_wasserstein(good, good.float(), 0)
    with pytest.raises(GanvasError, match="generated: at least 2 images are needed, got 1"):
        sliced_wasserstein(good, good[:1], 0)
