"""The networks of the tutorial, layer by layer: its tables 1 and 2 and its residual block."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks import DCGANDiscriminator, DCGANGenerator, Dimensions, ImageShape
from ganvas.networks.blocks import PostactivationBlock
from ganvas.recipes import dcgan_tutorial

NOISE = 100

# layer, in, out, kernel, stride, padding, bias; then what follows. IMAGE stands for image_dim.
IMAGE = -1
TABLE_1 = [
    ("transposed", NOISE, 128, 4, 1, 0, False, ["BatchNorm2d", "ReLU"]),
    ("transposed", 128, 64, 4, 2, 1, False, ["BatchNorm2d", "ReLU"]),
    ("transposed", 64, 32, 4, 2, 1, False, ["BatchNorm2d", "ReLU"]),
    ("transposed", 32, IMAGE, 4, 2, 1, False, ["Tanh"]),
]
TABLE_2 = [
    ("convolution", IMAGE, 32, 4, 2, 1, True, ["LeakyReLU"]),
    ("convolution", 32, 64, 4, 2, 1, True, ["LeakyReLU"]),
    ("convolution", 64, 128, 4, 2, 1, True, ["LeakyReLU"]),
    ("convolution", 128, 1, 4, 1, 0, True, []),
]
LAYERS = {"transposed": nn.ConvTranspose2d, "convolution": nn.Conv2d}
RESHAPING = (nn.Flatten, nn.Unflatten, nn.Identity)


def table_of(network: nn.Module, image_channels: int) -> list[tuple[object, ...]]:
    """A network written down as the tutorial writes it."""
    rows: list[tuple[object, ...]] = []
    for module in network.modules():
        if any(module.children()) or isinstance(module, RESHAPING):
            continue
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            ins, outs = (
                IMAGE if channels == image_channels else channels
                for channels in (module.in_channels, module.out_channels)
            )
            sides = (module.kernel_size, module.stride, module.padding)
            assert all(side[0] == side[1] for side in sides)
            after: list[str] = []
            bias = module.bias is not None
            kind = next(name for name, layer in LAYERS.items() if isinstance(module, layer))
            rows.append((kind, ins, outs, *(s[0] for s in sides), bias, after))
        else:
            after.append(type(module).__name__)
    return rows


def written_out(table: list[tuple], image_channels: int) -> nn.Sequential:
    """The tutorial's network as a plain chain made from its table."""
    layers: list[nn.Module] = []
    for kind, ins, outs, kernel, stride, padding, bias, after in table:
        ins, outs = (image_channels if c == IMAGE else c for c in (ins, outs))
        layers.append(LAYERS[kind](ins, outs, kernel, stride, padding, bias=bias))
        made = {
            "BatchNorm2d": lambda outs=outs: nn.BatchNorm2d(outs),
            "ReLU": nn.ReLU,
            "LeakyReLU": lambda: nn.LeakyReLU(0.2),
            "Tanh": nn.Tanh,
        }
        layers += [made[name]() for name in after]
    return nn.Sequential(*layers)


def dimensions(channels: int) -> Dimensions:
    return Dimensions(ImageShape(channels, 32, 32), NOISE)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# With 1 channel the table's last row (128 -> 1) would be read as an image: 2, 3 and 4 are clear.
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_dcgan_is_the_tutorials_tables(channels: int) -> None:
    generator = DCGANGenerator().build(dimensions(channels))
    discriminator = DCGANDiscriminator().build(dimensions(channels))
    assert table_of(generator, channels) == TABLE_1
    assert table_of(discriminator, channels) == TABLE_2
    slopes = [m.negative_slope for m in discriminator.modules() if isinstance(m, nn.LeakyReLU)]
    assert slopes == [0.2, 0.2, 0.2]


@pytest.mark.parametrize("channels", [1, 3])
def test_dcgan_computes_what_the_tables_compute(channels: int) -> None:
    torch.manual_seed(0)
    generator = DCGANGenerator().build(dimensions(channels))
    discriminator = DCGANDiscriminator().build(dimensions(channels))
    latents = torch.randn(4, NOISE)
    images = torch.rand(4, channels, 32, 32) * 2 - 1
    for ours, table, data, seen in (
        (generator, TABLE_1, latents, latents[:, :, None, None]),
        (discriminator, TABLE_2, images, images),
    ):
        theirs = written_out(table, channels)
        with torch.no_grad():
            for target, source in zip(theirs.parameters(), ours.parameters(), strict=True):
                target.copy_(source)
        expected = theirs(seen)
        assert torch.equal(ours(data), expected.reshape(ours(data).shape))
    assert theirs(seen).shape == (4, 1, 1, 1)


@pytest.mark.parametrize(("channels", "generator_count"), [(1, 369_600), (3, 370_624)])
def test_generator_parameters_by_hand(channels: int, generator_count: int) -> None:
    by_hand = [
        100 * 128 * 16 + 2 * 128,  # 204,800 weights, 256 of the norm
        128 * 64 * 16 + 2 * 64,  # 131,072 + 128
        64 * 32 * 16 + 2 * 32,  # 32,768 + 64
        32 * channels * 16,
    ]
    assert sum(by_hand) == generator_count
    assert count(DCGANGenerator().build(dimensions(channels))) == generator_count


@pytest.mark.parametrize(("channels", "discriminator_count"), [(1, 166_625), (3, 167_649)])
def test_discriminator_parameters_by_hand(channels: int, discriminator_count: int) -> None:
    by_hand = [
        channels * 32 * 16 + 32,
        32 * 64 * 16 + 64,  # 32,832
        64 * 128 * 16 + 128,  # 131,200
        128 * 1 * 16 + 1,  # 2,049
    ]
    assert sum(by_hand) == discriminator_count
    network = DCGANDiscriminator().build(dimensions(channels))
    assert count(network) == discriminator_count


def normalised_table_2() -> list[tuple[object, ...]]:
    """The tutorial's critic with batch normalisation in all layers but the first and the last."""
    middle = [(*row[:6], False, ["BatchNorm2d", "LeakyReLU"]) for row in TABLE_2[1:3]]
    return [TABLE_2[0], *middle, TABLE_2[3]]


def test_batch_norm_in_the_discriminator_spares_its_first_and_last_layer() -> None:
    network = DCGANDiscriminator(norm="batch").build(dimensions(3))
    assert table_of(network, 3) == normalised_table_2()


def test_the_recipe_named_after_the_tutorial_has_its_tables() -> None:
    recipe = dcgan_tutorial()
    assert recipe.latent_dim == NOISE
    generator = recipe.generator.network.build(dimensions(3))
    discriminator = recipe.discriminator.network.build(dimensions(3))
    assert table_of(generator, 3) == TABLE_1
    assert table_of(discriminator, 3) == normalised_table_2()


def test_first_weights_are_drawn_as_in_the_tutorial() -> None:
    torch.manual_seed(0)
    for network in (DCGANGenerator(width=64), DCGANDiscriminator(width=64, norm="batch")):
        for module in network.build(dimensions(3)).modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                spread = 0.02 / module.weight.numel() ** 0.5
                assert abs(module.weight.mean()) < 5 * spread
                assert abs(module.weight.std() - 0.02) < 5 * spread
            elif isinstance(module, nn.BatchNorm2d):
                assert 0.01 < module.weight.std() < 0.03
                assert abs(module.weight.mean() - 1) < 0.02
            else:
                continue
            assert module.bias is None or not module.bias.any()


def tutorial_block(images: Tensor, state: dict[str, Tensor]) -> Tensor:
    """Section 3 as printed: conv 3x3, BatchNorm, ReLU, conv 3x3, BatchNorm, add the input, ReLU."""

    def normalised(values: Tensor, name: str) -> Tensor:
        mean = values.mean(dim=(0, 2, 3), keepdim=True)
        variance = values.var(dim=(0, 2, 3), keepdim=True, unbiased=False)
        gain, bias = (state[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return (values - mean) / (variance + 1e-5).sqrt() * gain + bias

    def convolved(values: Tensor, name: str) -> Tensor:
        return F.conv2d(values, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    values = normalised(convolved(images, "convolution1"), "between.0").clamp(min=0)
    values = normalised(convolved(values, "convolution2"), "norm")
    return (values + images).clamp(min=0)


def test_the_postactivation_block_is_the_tutorials() -> None:
    torch.manual_seed(0)
    block = PostactivationBlock(6, 6, "none", "batch", residual=True).double()
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    images = torch.randn(4, 6, 8, 8, dtype=torch.float64)
    state = block.state_dict()
    torch.testing.assert_close(block(images), tutorial_block(images, state))
    assert sum(p.numel() for p in block.parameters()) == 2 * (6 * 6 * 9 + 6) + 2 * (2 * 6)
