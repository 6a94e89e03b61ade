"""The resampling convolutions compute what their plain two-step forms compute."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks.blocks import PoolingConvolution, UpsamplingConvolution, fold_kernels
from ganvas.networks.grouped import LearnedConstant, WeightedPool


def plain_up(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.conv2d(F.interpolate(images, scale_factor=2.0), weight, bias, padding=1)


def plain_down(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.avg_pool2d(F.conv2d(images, weight, bias, padding=1), 2)


@pytest.mark.parametrize(
    ("kind", "plain"), [(UpsamplingConvolution, plain_up), (PoolingConvolution, plain_down)]
)
@pytest.mark.parametrize("grid", [(4, 4), (6, 10), (2, 8)])
def test_fused_resampling_equals_resampling_and_convolution(
    kind, plain, grid: tuple[int, int]
) -> None:
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


@pytest.mark.parametrize(
    ("kind", "plain", "shape"),
    [
        (LearnedConstant, nn.ConvTranspose2d, (2, 6, 1, 1)),
        (WeightedPool, nn.Conv2d, (2, 6, 4, 3)),
    ],
)
def test_depthwise_layers_equal_grouped_convolutions(kind, plain, shape) -> None:
    """Values, gradients, and the gradient of a gradient."""
    torch.manual_seed(0)
    layer = kind(6, (4, 3)).double()
    theirs = plain(6, 6, (4, 3), groups=6, bias=False).double()
    theirs.load_state_dict(layer.state_dict())
    inputs = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    results = []
    for network in (layer, theirs):
        outputs = network(inputs)
        (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, create_graph=True)
        second = torch.autograd.grad(gradient.square().sum(), network.weight)
        results.append([outputs, gradient, *second])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("bias", [True, False])
def test_folded_kernels_compute_the_same(bias: bool) -> None:
    layer = UpsamplingConvolution(3, 5, bias=bias)
    network = nn.Sequential(nn.ReLU(), nn.Sequential(layer, nn.Tanh())).eval()
    images = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    expected = network(images)
    folded = fold_kernels(network)
    assert not any(isinstance(module, UpsamplingConvolution) for module in folded.modules())
    assert torch.equal(folded(images), expected)
