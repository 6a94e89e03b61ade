"""The classifier two-sample test: chance for equal distributions, the best rule for known ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics import two_samples
from ganvas.metrics.two_samples import two_sample_test

SIDE, NOISE = 12, 20.0


def noise(count: int, seed: int, brightness: float = 128.0, channels: int = 1) -> Tensor:
    """Pixels (N, C, SIDE, SIDE) that are independent and normal, rounded."""
    random = torch.Generator().manual_seed(seed)
    pixels = brightness + NOISE * torch.randn(count, channels, SIDE, SIDE, generator=random)
    return pixels.round().clamp(0, 255).to(torch.uint8)


def flat(count: int, seed: int, brightness: float) -> Tensor:
    """Images (N, 1, SIDE, SIDE) of one grey level each, which is normal."""
    random = torch.Generator().manual_seed(seed)
    levels = brightness + NOISE * torch.randn(count, 1, 1, 1, generator=random)
    return levels.round().clamp(0, 255).to(torch.uint8).expand(-1, -1, SIDE, SIDE)


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_samples, "IMAGES_SEEN", 2_000)


def test_equal_distributions_give_chance_in_19_of_20_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of a network that has learnt its few training images by heart."""
    monkeypatch.setattr(two_samples, "IMAGES_SEEN", 1_000)
    missed = 0
    for seed in range(10):
        low, high = two_sample_test(noise(100, 2 * seed), noise(100, 2 * seed + 1), seed).interval
        missed += not low <= 0.5 <= high
    assert missed <= 2  # more have a probability of 1 %


def test_comes_near_the_best_rule_for_two_gaussians_and_never_beyond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Means 2 standard deviations apart: the best rule is right with Phi(1) = 0.841."""
    monkeypatch.setattr(two_samples, "IMAGES_SEEN", 4_000)
    real, fake = (flat(1_000, seed, level) for seed, level in ((0, 100.0), (1, 100.0 + 2 * NOISE)))
    estimate = two_sample_test(real, fake, 0)
    low, _ = estimate.interval
    assert low <= 0.841
    assert estimate.value > 0.8
    assert estimate.details == {"test_images": 1_000}


def test_finds_repeated_images_by_their_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_samples, "IMAGES_SEEN", 4_000)
    repeated = noise(10, 5)[torch.arange(400) % 10]
    assert two_sample_test(noise(400, 0), repeated, 0).value > 0.9


@pytest.mark.usefixtures("briefly")
class TestInput:
    def test_uses_as_many_samples_as_real_images(self) -> None:
        few, many = noise(120, 0), noise(300, 1, 200.0)
        some = two_sample_test(few, many[:120], 0)
        assert two_sample_test(few, many, 0) == some
        assert two_sample_test(noise(300, 0)[:120], many[:120], 0).details["test_images"] == 120
        odd = two_sample_test(few[:101], many, 0)  # 50 of each are trained on
        assert (odd.details["test_images"], odd.value) == (102, 1)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_sees_a_difference_in_any_number_of_channels(self, channels: int) -> None:
        dark, bright = (noise(200, seed, level, channels) for seed, level in ((0, 60), (1, 200)))
        assert two_sample_test(dark, bright, 0).value == 1

    @pytest.mark.parametrize("size", [(12, 40), (100, 80), (256, 256)])
    def test_takes_images_of_any_size(
        self, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(two_samples, "IMAGES_SEEN", 130)
        images = torch.zeros(100, 1, *size, dtype=torch.uint8)
        assert 0 <= two_sample_test(images, images + 255, 0).value <= 1

    def test_too_few_and_too_small_images_are_refused(self) -> None:
        with pytest.raises(GanvasError, match="at least 100 samples and as many held-out images"):
            two_sample_test(noise(99, 0), noise(200, 1), 0)
        with pytest.raises(GanvasError, match="c2st needs images of at least 12x12 pixels"):
            two_sample_test(noise(200, 0)[..., :11], noise(200, 1)[..., :11], 0)

    def test_the_seed_decides_everything_and_nothing_else_is_drawn(self) -> None:
        real, fake = noise(200, 0), noise(200, 1, 131.0)
        first = two_sample_test(real, fake, 3)
        torch.manual_seed(99)
        state = torch.get_rng_state()
        assert two_sample_test(real, fake, 3) == first
        assert torch.equal(torch.get_rng_state(), state)
        assert any(two_sample_test(real, fake, seed) != first for seed in (4, 5, 6))
