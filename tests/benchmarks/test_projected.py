"""The experiment of discriminators on frozen features: what is frozen, and what learns."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ganvas.metrics.lite0 import published_network
from ganvas.networks import Dimensions
from ganvas.networks.sizes import ImageShape
from tests.extras import require_extra

PROJECTED = Path(__file__).parents[2] / "benchmarks" / "projected"
sys.path.insert(0, str(PROJECTED))

require_extra("features")
from projected_network import TAPS, Features, Projected, ProjectedDiscriminator


def test_the_taps_are_the_published_networks_maps() -> None:
    """Its blocks are called one by one here, batch norms and all."""
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    network = published_network().eval()
    with torch.no_grad():
        # The weights were trained for images whose right and lower edges are padded; the house's
        # folding turns images and kernels by half a turn instead.
        maps, expected = network._swish(network._bn0(network._conv_stem(images))), []
        for block in network._blocks:
            if block._depthwise_conv.stride[0] == 2 and maps.shape[-1] <= 16:
                expected.append(maps)
            maps = block(maps)
        taps = images.flip(2, 3).contiguous(memory_format=torch.channels_last)
        found = []
        for stage in Features().stages:
            taps = stage(taps)
            found.append(taps.flip(2, 3))
    assert [it.shape[1] for it in expected] == list(TAPS)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_only_heads_and_pixels_learn() -> None:
    network = ProjectedDiscriminator(with_pixels=True).build(
        Dimensions(image=ImageShape(1, 64, 64), latent_dim=8)
    )
    assert isinstance(network, Projected)
    before = {name: value.clone() for name, value in network.features.state_dict().items()}
    network.train()
    images = torch.rand(2, 1, 64, 64, requires_grad=True)
    logits = network(images)
    logits.mean().backward()
    assert logits.shape == (2, 6)
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert not network.features.training
    assert not any(it.requires_grad for it in network.features.parameters())
    learn = {name.split(".")[0] for name, it in network.named_parameters() if it.requires_grad}
    assert learn == {"heads", "pixels"}
    assert all(
        torch.equal(before[it], value) for it, value in network.features.state_dict().items()
    )


def test_pixels_are_half_of_the_loss() -> None:
    network = Projected(64, torch.nn.Flatten(0))
    network.pixels = _Constant()
    logits = network(torch.rand(2, 3, 64, 64))
    assert (logits[:, : logits.shape[1] // 2] == 7).all()


class _Constant(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.full((len(images),), 7.0)
