"""Four published residual networks: shapes, convolutions, parameter counts, arithmetic of a block.

Sources: Miyato 2018 (pfnet-research/sngan_projection) and Gulrajani 2017
(igul222/improved_wgan_training: gan_cifar_resnet.py, gan_64x64.py); the unconditional networks.
The tables are written down from them; counts follow by closed arithmetic. Two details are not
ours, and the expected counts say so: SNGAN's 32x32 critic has no bias at its logit, and the 64x64
network of Gulrajani has none at a block's first convolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks import Dimensions, ImageShape, ResNetDiscriminator, ResNetGenerator
from ganvas.networks.blocks import PreactivationBlock

Z = 128
Row = tuple[str, int, int, int]  # what ("up", "down", "same", "optimized"), in, out, side after it


@dataclass(frozen=True)
class Published:
    """A published pair of networks, as its tables give it."""

    networks: tuple[ResNetGenerator, ResNetDiscriminator]
    side: int
    generator: list[Row]
    discriminator: list[Row]
    stem: bool
    last_grid_inputs: int
    biases_it_lacks: tuple[int, int] = (0, 0)


PUBLISHED = {
    "sngan-32": Published(
        networks=(
            ResNetGenerator(width=256, largest_multiplier=1),
            ResNetDiscriminator(width=128, largest_multiplier=1),
        ),
        side=32,
        generator=[("up", 256, 256, 8), ("up", 256, 256, 16), ("up", 256, 256, 32)],
        discriminator=[
            ("optimized", 3, 128, 16),
            ("down", 128, 128, 8),
            ("same", 128, 128, 8),
            ("same", 128, 128, 8),
        ],
        stem=False,
        last_grid_inputs=128,
        biases_it_lacks=(0, 1),
    ),
    "wgan-gp-32": Published(
        networks=(
            ResNetGenerator(width=128, largest_multiplier=1),
            ResNetDiscriminator(width=128, largest_multiplier=1, head="mean"),
        ),
        side=32,
        generator=[("up", 128, 128, 8), ("up", 128, 128, 16), ("up", 128, 128, 32)],
        discriminator=[
            ("optimized", 3, 128, 16),
            ("down", 128, 128, 8),
            ("same", 128, 128, 8),
            ("same", 128, 128, 8),
        ],
        stem=False,
        last_grid_inputs=128,
    ),
    "wgan-gp-64": Published(
        networks=(
            ResNetGenerator(width=64, largest_multiplier=8),
            ResNetDiscriminator(
                width=64,
                largest_multiplier=8,
                norm="layer",
                stem="convolution",
                final_grid="base",
                final_blocks=0,
                head="flatten",
            ),
        ),
        side=64,
        generator=[
            ("up", 512, 512, 8),
            ("up", 512, 256, 16),
            ("up", 256, 128, 32),
            ("up", 128, 64, 64),
        ],
        discriminator=[
            ("down", 64, 128, 32),
            ("down", 128, 256, 16),
            ("down", 256, 512, 8),
            ("down", 512, 512, 4),
        ],
        stem=True,
        last_grid_inputs=4 * 4 * 512,
        biases_it_lacks=(512 + 256 + 128 + 64, 64 + 128 + 256 + 512),
    ),
    "sngan-64": Published(
        networks=(
            ResNetGenerator(width=64, largest_multiplier=16),
            ResNetDiscriminator(width=64, largest_multiplier=16, final_grid="half", final_blocks=0),
        ),
        side=64,
        generator=[
            ("up", 1024, 512, 8),
            ("up", 512, 256, 16),
            ("up", 256, 128, 32),
            ("up", 128, 64, 64),
        ],
        discriminator=[
            ("optimized", 3, 64, 32),
            ("down", 64, 128, 16),
            ("down", 128, 256, 8),
            ("down", 256, 512, 4),
            ("down", 512, 1024, 2),
        ],
        stem=False,
        last_grid_inputs=1024,
    ),
}
CASES = pytest.mark.parametrize("published", PUBLISHED.values(), ids=PUBLISHED)


def built(published: Published) -> tuple[nn.Sequential, nn.Sequential]:
    with torch.device("meta"):  # shapes and counts without a gigabyte of weights
        dimensions = Dimensions(ImageShape(3, published.side, published.side), Z)
        generator, discriminator = (network.build(dimensions) for network in published.networks)
    assert isinstance(generator, nn.Sequential)
    assert isinstance(discriminator, nn.Sequential)
    return generator, discriminator


def rows_of(network: nn.Sequential, data: Tensor) -> list[Row]:
    """What each block does, found by running it."""
    rows: list[Row] = []
    for stage in network:
        before, data = data, stage(data)
        if not isinstance(stage, PreactivationBlock):
            continue
        side, seen = data.shape[-1], before.shape[-1]
        what = {2 * seen: "up", seen // 2: "down", seen: "same"}[side]
        # The optimized block is the one that does not rectify what it sees: it sees an image.
        if not any(isinstance(part, nn.ReLU) for part in stage.enter.modules()):
            assert what == "down"
            what = "optimized"
        rows.append((what, before.shape[1], data.shape[1], side))
    return rows


def convolution_count(ins: int, outs: int, kernel: int) -> int:
    return ins * outs * kernel * kernel + outs


def block_count(row: Row, normalised: bool) -> int:
    """Parameters of one block: two 3x3 convolutions, a 1x1 where the shape changes, two norms."""
    what, ins, outs, _ = row
    inner = ins if what in ("down", "same") else outs
    shortcut = convolution_count(ins, outs, 1) if ins != outs or what != "same" else 0
    norms = 2 * ins + 2 * inner if normalised else 0
    convolutions = convolution_count(ins, inner, 3) + convolution_count(inner, outs, 3)
    return convolutions + shortcut + norms


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@CASES
def test_grids_and_channels_are_those_of_the_papers_tables(published: Published) -> None:
    generator, discriminator = built(published)
    images = torch.empty(2, 3, published.side, published.side, device="meta")
    latents = torch.empty(2, Z, device="meta")
    assert generator[0](latents).shape[2:] == (4, 4)
    assert rows_of(generator, latents) == published.generator
    assert rows_of(discriminator, images) == published.discriminator
    assert generator(latents).shape == images.shape
    assert discriminator(images).shape == (2,)
    assert published.stem == isinstance(discriminator[0], nn.Conv2d)


@CASES
def test_parameter_counts_follow_from_the_papers_tables(published: Published) -> None:
    generator, discriminator = built(published)
    first, last = published.generator[0][1], published.generator[-1][2]
    in_generator = [
        (Z + 1) * first * 4 * 4,
        *(block_count(row, normalised=True) for row in published.generator),
        2 * last,
        convolution_count(last, 3, 3),
    ]
    normalised = published.networks[1].norm != "none"
    in_discriminator = [
        convolution_count(3, published.discriminator[0][1], 3) if published.stem else 0,
        *(block_count(row, normalised) for row in published.discriminator),
        published.last_grid_inputs + 1,
    ]
    assert (count(generator), count(discriminator)) == (sum(in_generator), sum(in_discriminator))


def test_the_biases_that_ours_has_more() -> None:
    assert PUBLISHED["sngan-32"].biases_it_lacks == (0, 1)
    network = PUBLISHED["wgan-gp-64"]
    after_first_convolutions = (
        sum(outs for _, _, outs, _ in network.generator),
        sum(ins for _, ins, _, _ in network.discriminator),
    )
    assert network.biases_it_lacks == after_first_convolutions == (960, 960)


# What the authors' own networks hold: the biases they lack are taken off.
@pytest.mark.parametrize(
    ("name", "generator_count", "discriminator_count"),
    [
        ("sngan-32", 4_276_739, 1_053_824),
        ("wgan-gp-32", 1_204_483, 1_053_825),
        ("wgan-gp-64", 8_540_483, 7_491_841),
        ("sngan-64", 12_220_675, 10_141_441),
    ],
)
def test_parameter_counts_are_those_of_the_authors_networks(
    name: str, generator_count: int, discriminator_count: int
) -> None:
    generator, discriminator = built(PUBLISHED[name])
    more_in_generator, more_in_discriminator = PUBLISHED[name].biases_it_lacks
    assert count(generator) - more_in_generator == generator_count
    assert count(discriminator) - more_in_discriminator == discriminator_count


@CASES
def test_heads_activate_before_the_sum_or_mean_and_not_before_the_flattened_grid(
    published: Published,
) -> None:
    """ReLU before the sum or mean over the last grid; nothing before the flattened one."""
    torch.manual_seed(0)
    grid = torch.randn(2, *last_grid(published))
    with torch.device("meta"):
        dimensions = Dimensions(ImageShape(3, published.side, published.side), Z)
        stage = published.networks[1].build(dimensions)[-1]
    stage = stage.to_empty(device="cpu")
    linear = next(module for module in stage.modules() if isinstance(module, nn.Linear))
    nn.init.normal_(linear.weight)
    nn.init.zeros_(linear.bias)
    features = {
        "sum": grid.clamp(min=0).sum(dim=(2, 3)),
        "mean": grid.clamp(min=0).mean(dim=(2, 3)),
        "flatten": grid.reshape(2, -1),
    }[published.networks[1].head]
    torch.testing.assert_close(stage(grid), (features @ linear.weight.T)[:, 0])


def last_grid(published: Published) -> tuple[int, int, int]:
    _, _, channels, side = published.discriminator[-1]
    return channels, side, side


def published_block(what: str, images: Tensor, state: dict[str, Tensor]) -> Tensor:
    """A block step by step in the order of the authors' code, without normalisation."""

    def convolved(values: Tensor, name: str, padding: int) -> Tensor:
        return F.conv2d(values, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    values = images if what == "optimized" else images.clamp(min=0)
    if what == "up":
        values = values.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    values = convolved(convolved(values, "convolution1", 1).clamp(min=0), "convolution2", 1)
    around = images
    if what == "up":
        around = images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    if "shortcut.convolution.weight" in state:
        around = convolved(around, "shortcut.convolution", 0)
    if what in ("down", "optimized"):
        values, around = F.avg_pool2d(values, 2), F.avg_pool2d(around, 2)
    return values + around


@pytest.mark.parametrize("what", ["up", "down", "same", "optimized"])
@pytest.mark.parametrize("outs", [3, 5])
def test_the_arithmetic_of_a_block(what: str, outs: int) -> None:
    torch.manual_seed(0)
    resampling = {"up": "up", "down": "down", "same": "none", "optimized": "down"}[what]
    block = PreactivationBlock(
        3, outs, resampling, "none", residual=True, sees_images=what == "optimized"
    ).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(block(images), published_block(what, images, block.state_dict()))


def test_first_weights_are_glorot_uniform_with_zero_biases() -> None:
    """Glorot-uniform: gain sqrt 2 in a block's 3x3 convolutions, 1 elsewhere; biases zero."""
    torch.manual_seed(0)
    for network in (ResNetGenerator(), ResNetDiscriminator(stem="convolution", norm="layer")):
        player = network.build(Dimensions(ImageShape(3, 32, 32), Z))
        for name, module in player.named_modules():
            if not isinstance(module, nn.Conv2d | nn.Linear):
                continue
            gain = math.sqrt(2) if "convolution1" in name or "convolution2" in name else 1.0
            ins, outs = module.weight.shape[1], module.weight.shape[0]
            taps = module.weight[0, 0].numel() if module.weight.ndim == 4 else 1
            largest = gain * math.sqrt(6 / ((ins + outs) * taps))
            assert 0.9 * largest < module.weight.abs().max() <= largest, name
            assert module.bias is not None
            assert not module.bias.any()
