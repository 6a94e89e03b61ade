"""Constraints on weights, measured with numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ganvas.networks import DISCRIMINATORS, Dimensions, Discriminator, ImageShape
from ganvas.objectives.constraints import clip_weights, spectral_norm
from tests.builders.tiny import SIDE, fill_zero_weights, narrow, same, weights_of

IMAGE = ImageShape(3, SIDE, SIDE)
ENOUGH_FORWARDS = 300


def discriminator(kind: type[Discriminator]) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = narrow(kind).build(Dimensions(IMAGE, 6))
    return network


def largest_singular_value(weight: torch.Tensor) -> float:
    matrix = weight.detach().double().numpy().reshape(len(weight), -1)
    return float(np.linalg.svd(matrix, compute_uv=False)[0])


EVERY_DISCRIMINATOR = pytest.mark.parametrize("kind", DISCRIMINATORS.values(), ids=DISCRIMINATORS)


@EVERY_DISCRIMINATOR
def test_clipping_bounds_every_weight_and_keeps_those_within(kind: type[Discriminator]) -> None:
    network = discriminator(kind)
    before = weights_of(network)
    clip_weights(network, 0.01)
    for old, new in zip(before, weights_of(network), strict=True):
        assert np.array_equal(
            new.numpy(), np.clip(old.numpy(), -np.float32(0.01), np.float32(0.01))
        )
    assert not same(before, network.parameters())


@EVERY_DISCRIMINATOR
def test_spectral_norm_makes_every_largest_singular_value_one(kind: type[Discriminator]) -> None:
    network = fill_zero_weights(discriminator(kind))
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    directions = [layer.weight.detach().clone() for layer in layers]
    spectral_norm(network)
    noise = torch.rand((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(noise)
        for layer in layers * ENOUGH_FORWARDS:
            assert layer.weight.isfinite().all()  # what a forward pass does, without the images
    network.eval()
    assert layers
    for layer, before in zip(layers, directions, strict=True):
        assert largest_singular_value(layer.weight) == pytest.approx(1.0, abs=1e-3)
        expected = before / largest_singular_value(before)
        torch.testing.assert_close(layer.weight.detach(), expected, atol=1e-3, rtol=1e-3)


def test_spectral_norm_initialises_a_weight_of_zeros() -> None:
    layer = nn.Conv2d(3, 5, 1)
    nn.init.zeros_(layer.weight)
    torch.manual_seed(0)
    spectral_norm(nn.Sequential(layer))
    with torch.no_grad():
        for _ in range(ENOUGH_FORWARDS):
            weight = layer.weight
    assert largest_singular_value(weight) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("layer", [nn.Linear(12, 7), nn.Conv2d(3, 5, 4)], ids=["linear", "conv"])
def test_spectral_norm_divides_the_weight_and_keeps_the_bias(layer: nn.Module) -> None:
    with torch.no_grad():
        layer.weight.mul_(30)
    bias = layer.bias.detach().clone()
    network = nn.Sequential(layer)
    spectral_norm(network)
    for _ in range(ENOUGH_FORWARDS):
        weight = layer.weight
    assert largest_singular_value(weight) == pytest.approx(1.0, abs=1e-3)
    assert torch.equal(layer.bias, bias)


def test_eval_mode_does_not_advance_the_power_iteration() -> None:
    network = nn.Sequential(nn.Linear(5, 4))
    spectral_norm(network)
    network.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network(torch.rand(2, 5))
    assert same(before.values(), network.state_dict().values())


def test_gradient_through_spectral_norm_follows_miyato_2018_equation_12() -> None:
    """dV/dW at W of norm s: (G - <G, W/s> u v') / s, with u, v the first singular vectors."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 4, bias=False).double()
    spectral_norm(nn.Sequential(layer))
    with torch.no_grad():
        for _ in range(ENOUGH_FORWARDS):
            _ = layer.weight
    upstream = torch.randn(4, 5).double()
    (layer.weight * upstream).sum().backward()
    original = layer.parametrizations.weight.original
    left, values, right = np.linalg.svd(original.detach().numpy())
    first = np.outer(left[:, 0], right[0])
    inner = (upstream.numpy() * original.detach().numpy() / values[0]).sum()
    expected = (upstream.numpy() - inner * first) / values[0]
    torch.testing.assert_close(original.grad, torch.from_numpy(expected), atol=1e-6, rtol=1e-5)
