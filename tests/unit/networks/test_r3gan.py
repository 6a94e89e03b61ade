"""R3GAN's layers against closed forms: bilinear resampling, fix-up's first weights, no bounds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.generators import files as generator_files
from ganvas.latents.latents import Latents, generate, generate_batches
from ganvas.networks import Dimensions, Doubling, ImageShape, R3GANDiscriminator, R3GANGenerator
from ganvas.networks.grouped import BilinearDoubling, BilinearHalving, GroupedBlock
from ganvas.networks.r3gan import widths
from ganvas.recipes import build_networks
from ganvas.runs import Run
from tests.builders import run_files
from tests.builders.tiny import small, tiny_recipe

IMAGE = ImageShape(3, 32, 32)
Z = 10
DEPTH = 4 * 2
"""Blocks of either network at 32x32: grids of 4, 8, 16 and 32, two blocks each."""


def interpolated_up(images: Tensor) -> Tensor:
    """torch's own bilinear doubling, among zeros."""
    padded = F.interpolate(F.pad(images, (1, 1, 1, 1)), scale_factor=2.0, mode="bilinear")
    return padded[:, :, 2:-2, 2:-2]


def interpolated_down(images: Tensor) -> Tensor:
    """torch's own bilinear halving with antialiasing, among zeros."""
    padded = F.pad(images, (2, 2, 2, 2))
    halved = F.interpolate(padded, scale_factor=0.5, mode="bilinear", antialias=True)
    return halved[:, :, 1:-1, 1:-1]


@pytest.mark.parametrize(
    ("kind", "theirs"), [(BilinearDoubling, interpolated_up), (BilinearHalving, interpolated_down)]
)
@pytest.mark.parametrize("grid", [(4, 4), (6, 10)])
def test_resampling_equals_torchs_bilinear_with_zero_padding(kind, theirs, grid) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, *grid, dtype=torch.float64)
    torch.testing.assert_close(kind(3, 3).double()(images), theirs(images))


@pytest.mark.parametrize(
    ("kind", "theirs"), [(BilinearDoubling, interpolated_up), (BilinearHalving, interpolated_down)]
)
def test_resampling_has_a_1x1_convolution_if_the_channels_change(kind, theirs) -> None:
    torch.manual_seed(0)
    layer = kind(3, 5).double()
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    expected = F.conv2d(theirs(images), layer.convolution.weight)
    torch.testing.assert_close(layer(images), expected)
    assert layer.convolution.bias is None
    assert isinstance(kind(4, 4).convolution, nn.Identity)


@pytest.mark.parametrize(
    ("channels", "group_channels", "groups"),
    [(64, 16, 8), (8, 16, 1), (12, 16, 3), (4, 16, 1), (1, 16, 1), (1536, 32, 96), (3, 16, 3)],
)
def test_groups_have_the_given_channels_or_the_largest_common_divisor(
    channels: int, group_channels: int, groups: int
) -> None:
    with torch.device("meta"):
        spatial = GroupedBlock(channels, group_channels, DEPTH).body.get_submodule("spatial")
    assert isinstance(spatial, nn.Conv2d)
    assert spatial.groups == groups
    assert spatial.in_channels == spatial.out_channels == 2 * channels


@pytest.mark.parametrize(
    ("config", "doublings", "expected"),
    [
        (R3GANGenerator(width=768, full_grids=4), 3, [768, 768, 768, 768]),
        (R3GANGenerator(width=768, full_grids=4), 6, [768, 768, 768, 768, 384, 192, 96]),
        (R3GANGenerator(width=64, full_grids=2), 3, [64, 64, 32, 16]),
        (R3GANGenerator(width=3, full_grids=1), 3, [3, 1, 1, 1]),
    ],
)
def test_widths_halve_beyond_the_full_grids(
    config: R3GANGenerator, doublings: int, expected: list[int]
) -> None:
    assert widths(config, Doubling(4, 4, doublings)) == expected


def players() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    dimensions = Dimensions(IMAGE, Z)
    return (
        R3GANGenerator(width=32, full_grids=4).build(dimensions),
        R3GANDiscriminator(width=32, full_grids=4).build(dimensions),
    )


def blocks_of(network: nn.Module) -> list[GroupedBlock]:
    return [module for module in network.modules() if isinstance(module, GroupedBlock)]


def test_every_block_starts_as_the_identity() -> None:
    images = torch.randn(2, 32, 8, 8)
    for network in players():
        assert len(blocks_of(network)) == DEPTH
        for block in blocks_of(network):
            assert torch.equal(block(images), images)


def test_generator_starts_as_a_doubled_basis_times_a_linear_function_of_latents() -> None:
    generator, _ = players()
    latents = torch.randn(5, Z, generator=torch.Generator().manual_seed(1))
    linear, _, basis = generator.get_submodule("grid")
    assert basis.weight.shape == (32, 1, 4, 4)
    grid = linear(latents)[:, :, None, None] * basis.weight[:, 0]  # (5, 32, 4, 4)
    for _ in range(3):
        grid = interpolated_up(grid)
    expected = F.conv2d(grid, generator.get_submodule("image").weight)
    torch.testing.assert_close(generator(latents), expected, rtol=1e-4, atol=1e-5)


def test_discriminator_starts_as_depthwise_and_linear_layers_of_halved_images() -> None:
    _, discriminator = players()
    images = torch.rand((5, 3, 32, 32), generator=torch.Generator().manual_seed(1)) * 2 - 1
    seen = F.conv2d(images, discriminator.get_submodule("image").weight)
    for _ in range(3):
        seen = interpolated_down(seen)
    depthwise, _, linear, _ = discriminator.get_submodule("logit")
    features = (seen * depthwise.weight[:, 0]).sum((2, 3))  # (5, 32)
    expected = features @ linear.weight[0]
    torch.testing.assert_close(discriminator(images), expected, rtol=1e-4, atol=1e-5)


def test_initial_weights_have_the_variance_of_fix_up() -> None:
    """Huang 2024's code: gain sqrt(2 / 1.04) L^(-1/4) over sqrt(fan-in), and zero."""
    gain = math.sqrt(2 / 1.04) * DEPTH**-0.25
    for network in players():
        stacks = {
            name: torch.stack(
                [block.body.get_submodule(name).weight.detach() for block in blocks_of(network)]
            )
            for name in ("widen", "spatial", "narrow")
        }
        assert float(stacks["widen"].std()) == pytest.approx(gain / math.sqrt(32), rel=0.03)
        assert float(stacks["spatial"].std()) == pytest.approx(gain / math.sqrt(16 * 9), rel=0.03)
        assert not stacks["narrow"].any()


def test_each_layer_of_a_block_scales_the_mean_square_by_the_root_of_the_depth() -> None:
    """The leaky ReLU's gain keeps it, fix-up divides it by sqrt(L) a layer: L at the last one."""
    torch.manual_seed(0)
    block = GroupedBlock(128, 16, DEPTH)
    inputs = torch.randn(8, 128, 12, 12)
    with torch.no_grad():
        once = block.body[:2](inputs)
        twice = block.body[2:4](once.clone())[:, :, 1:-1, 1:-1]  # away from the border's zeros
    assert float(once.square().mean()) == pytest.approx(DEPTH**-0.5, rel=0.1)
    assert float(twice.square().mean()) == pytest.approx(1 / DEPTH, rel=0.1)


def test_only_layers_before_activations_have_biases_which_start_at_zero() -> None:
    for network in players():
        biases = {name: p for name, p in network.named_parameters() if p.ndim == 1}
        assert len(biases) == 2 * DEPTH
        assert all(name.endswith(("widen.bias", "spatial.bias")) for name in biases)
        assert not any(bias.any() for bias in biases.values())
        assert not any(isinstance(module, nn.Tanh) for module in network.modules())


def test_unbounded_output_is_clamped_in_pictures(
    tmp_path: Path,
) -> None:
    recipe = tiny_recipe(small("r3gan"))
    torch.manual_seed(0)
    shape = ImageShape(1, 16, 16)
    network, _ = build_networks(recipe, shape, num_labels=0)
    with torch.no_grad():
        network.get_submodule("image").weight.mul_(100)
    latents = Latents(torch.randn(4, recipe.latent_dim))
    made = torch.cat(list(generate_batches(network, latents)))
    pixels = torch.from_numpy(generate(network, latents)).permute(0, 3, 1, 2)
    assert made.abs().max() > 1
    assert (pixels[made >= 1] == 255).all()
    assert (pixels[made <= -1] == 0).all()
    run = Run.create(tmp_path / "run", recipe, {"seed": 0}, run_files.data())
    generator_files.write_generator(run, recipe, network, shape, images_seen=0)
    config = json.loads((run.generator_directory / "config.json").read_text())
    assert config["output"].endswith("to be clamped to [-1, 1]")
