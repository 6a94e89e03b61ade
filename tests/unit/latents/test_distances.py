"""Distances of images: zero for equal ones, as defined otherwise, with gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganvas.latents.distances import (
    FeatureDistance,
    PixelDistance,
    described,
    feature_distance,
    root_mean_square,
    seen_by_lite0,
    structural_similarity,
    total,
)
from ganvas.metrics.features import resized, to_rgb
from tests.extras import require_extra


def pixels(count: int, channels: int, side: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    shape = (count, channels, side, side)
    return torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)


def signed(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1


class TestPixelDistance:
    def test_it_is_the_mean_over_all_sizes(self) -> None:
        """A checkerboard differs from grey at full size alone: 16, 8 and 4 pixels."""
        board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2 - 1).float()
        images, grey = board.view(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)
        distance = PixelDistance()
        terms = distance.terms(distance.describe(images), distance.describe(grey))
        assert total(terms).tolist() == pytest.approx([1 / 3])
        constant = distance.describe(grey + 0.5)
        assert total(distance.terms(constant, distance.describe(grey))).tolist() == [0.5]

    def test_one_target_is_compared_with_many_images(self) -> None:
        images = signed(pixels(3, 3, 16))
        distance = PixelDistance()
        every = distance.describe(images)
        one = tuple(level[1:2] for level in every)
        distances = total(distance.terms(every, one))
        assert distances[1] == 0
        assert (distances[[0, 2]] > 0.1).all()


class TestStructuralSimilarity:
    def test_it_is_that_of_torchmetrics(self) -> None:
        from torchmetrics.functional.image import structural_similarity_index_measure as theirs

        images = pixels(3, 3, 20)
        others = (images.float() * 0.6 + pixels(3, 3, 20, seed=1).float() * 0.4).to(torch.uint8)
        ours = structural_similarity(images, others)
        _, maps = theirs(
            images.double(),
            others.double(),
            data_range=255.0,
            reduction="none",
            return_full_image=True,
        )
        assert isinstance(maps, Tensor)
        inside = maps[..., 5:-5, 5:-5]  # it reflects images at the border
        assert torch.allclose(ours, inside.mean((1, 2, 3)), atol=1e-6)

    @pytest.mark.parametrize("side", [8, 12])
    def test_equal_images_have_1_at_any_size(self, side: int) -> None:
        images = pixels(2, 4, side)
        assert structural_similarity(images, images).tolist() == pytest.approx([1, 1])


def test_the_root_mean_square_is_in_grey_levels() -> None:
    images = torch.zeros(1, 1, 2, 2, dtype=torch.uint8)
    others = torch.tensor([[[[10, 0], [0, 10]]]], dtype=torch.uint8)
    assert root_mean_square(images, others).tolist() == pytest.approx([50**0.5])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_features_see_what_the_metric_sees(channels: int) -> None:
    """The input of the network is that of `metrics/lite0.py`, which rounds alpha to levels."""
    for side, seen_at in ((32, 64), (80, 96)):
        check_input(pixels(2, channels, side), seen_at)


def check_input(images: Tensor, side: int) -> None:
    ours = seen_by_lite0(signed(images))
    levels = resized(to_rgb(images), (side, side))
    expected = levels.sub(127).div(128).flip(2, 3)
    assert torch.allclose(ours, expected, atol=(0.03 if images.shape[1] in (2, 4) else 1e-4))


class TestFeatureDistance:
    def test_squares_are_summed_over_channels_and_averaged_over_places_and_depths(self) -> None:
        """Opposite directions differ by 4, orthogonal ones by 2, however many channels there are
        (Zhang 2018, eq. 1)."""
        first, second = torch.zeros(1, 5, 2, 2), torch.zeros(1, 5, 2, 2)
        first[:, 0], second[:, 0] = 1, 1
        second[:, 0, 0, 0] = -1  # one place of four
        other, orthogonal = torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
        other[:, 0], orthogonal[:, 1] = 1, 1
        distance = FeatureDistance(nn.Sequential())
        terms = distance.terms((first, other), (second, orthogonal))
        assert terms["features"].tolist() == [(4 / 4 + 2) / 2]

    def test_maps_come_from_four_depths_and_gradients_reach_the_images(self) -> None:
        require_extra("features")
        distance = feature_distance(torch.device("cpu"))
        images = signed(pixels(1, 1, 28)).requires_grad_()
        target = described(distance, signed(pixels(1, 1, 28, seed=1)))
        shapes = [tuple(part.shape[1:]) for part in target[:4]]
        assert shapes == [(24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)]
        terms = distance.terms(distance.describe(images), target)
        assert sorted(terms) == ["features", "pixels"]
        total(terms).sum().backward()  # type: ignore[no-untyped-call]
        assert images.grad is not None
        assert images.grad.abs().sum() > 0
        same = distance.terms(target, target)
        assert total(same).tolist() == [0]
