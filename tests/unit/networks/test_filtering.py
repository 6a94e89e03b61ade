"""Filters of each channel: the convolution, and derivatives of every order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from ganvas.networks.filtering import filter_channels
from ganvas.networks.grouped import BilinearHalving


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize(("padding", "stride"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("learned", [True, False])
def test_each_channel_has_its_own_kernel(padding: int, stride: int, learned: bool) -> None:
    kernels, images = normal(3, 1, 4, 4, seed=1), normal(2, 3, 6, 8).requires_grad_(learned)
    filtered = filter_channels(images, kernels, stride, padding)
    for channel, kernel in enumerate(kernels):
        expected = F.conv2d(images[:, channel : channel + 1], kernel[None], None, stride, padding)
        torch.testing.assert_close(filtered[:, channel : channel + 1], expected)


@pytest.mark.parametrize(("padding", "stride"), [(1, 1), (2, 1), (1, 2)])
def test_all_derivatives_are_finite_differences(padding: int, stride: int) -> None:
    kernels = normal(2, 1, 4, 4, seed=1)
    images = normal(1, 2, 5, 6).requires_grad_()

    def squared(images: Tensor) -> Tensor:
        return filter_channels(images, kernels, stride, padding).square()

    assert gradcheck(squared, images)
    assert gradgradcheck(squared, images)


class CountConvolutions(TorchDispatchMode):
    """Counts the convolutions that run while it is entered, of every derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        self.count += "convolution" in str(function)
        return function(*arguments, **(options or {}))


def test_penalties_do_not_go_through_halvings_channel_by_channel() -> None:
    """torch's own second derivative does, for the gradient of a filter that needs none."""
    images = normal(1, 16, 4, 4).requires_grad_()
    halving = BilinearHalving(16, 16).double()
    with CountConvolutions() as convolutions:
        (slope,) = torch.autograd.grad(
            halving(images.square()).square().sum(), images, create_graph=True
        )
        torch.autograd.grad(slope.square().sum(), images)
    assert convolutions.count == 4
