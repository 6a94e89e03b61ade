"""The resampling convolutions compute what their plain two-step forms compute."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ganvas.architectures.blocks import PoolingConvolution, UpsamplingConvolution


def plain_up(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv2d(F.interpolate(images, scale_factor=2.0), weight, bias, padding=1)


def plain_down(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.avg_pool2d(F.conv2d(images, weight, bias, padding=1), 2)


@pytest.mark.parametrize(
    ("kind", "plain"), [(UpsamplingConvolution, plain_up), (PoolingConvolution, plain_down)]
)
@pytest.mark.parametrize("grid", [(4, 4), (6, 10), (2, 8)])
def test_one_step_equals_two(kind, plain, grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 5).double()
    images = torch.randn(2, 3, *grid, dtype=torch.float64, requires_grad=True)
    ours = layer(images)
    theirs = plain(images, layer.weight, layer.bias)
    torch.testing.assert_close(ours, theirs)
    watched = (images, layer.weight, layer.bias)
    pull = torch.randn_like(ours)
    gradients = [
        torch.autograd.grad((output * output * pull).sum(), watched, create_graph=True)
        for output in (ours, theirs)
    ]
    torch.testing.assert_close(*gradients)
    seconds = [torch.autograd.grad(first[0].square().sum(), layer.weight)[0] for first in gradients]
    torch.testing.assert_close(*seconds)
