"""BigGAN: published parameter counts, and the published forward passes written out again.

Sources: Brock 2019 (appendix B, tables 4 and 5); google/compare_gan, whose test of `resnet_biggan`
states the counts of the 128x128 networks; POSTECH-CVLab/PyTorch-StudioGAN (big_resnet.py) for the
channels at 32x32. Spectral norms and the EMA add no parameters.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks import BigGANDiscriminator, BigGANGenerator, Dimensions, ImageShape
from ganvas.networks.attention import SelfAttention
from ganvas.recipes import biggan_paper_conditional
from tests.builders.tiny import fill_zero_weights

LABELS = 10
SHARED = 128


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(ins: int, outs: int, kernel: int) -> int:
    return ins * outs * kernel**2 + outs


def attention(channels: int) -> int:
    """Queries and keys of an eighth, values of half, the way back, gamma."""
    return 2 * channels * channels // 8 + 2 * channels * channels // 2 + 1


def conditional_norm(channels: int, chunk: int) -> int:
    return 2 * channels * (SHARED + chunk)


# -- Counts ----------------------------------------------------------------------------------------


def test_the_published_networks_at_128x128_have_the_published_counts() -> None:
    """Width 96, latents of 120 in six parts, 1,000 labels, attention at 64x64."""
    dimensions = Dimensions(ImageShape(3, 128, 128), 120, num_labels=1_000)
    generator = BigGANGenerator(width=96, largest_multiplier=16, attention=64)
    discriminator = BigGANDiscriminator(
        width=96, largest_multiplier=16, attention=64, final_grid="base", final_blocks=1
    )
    with torch.device("meta"):
        networks = [it.conditional().build(dimensions) for it in (generator, discriminator)]
    assert list(map(count, networks)) == [70_433_988, 87_982_370]


def test_the_recipe_for_cifar_has_the_counts_of_its_table() -> None:
    recipe = biggan_paper_conditional()
    dimensions = Dimensions(ImageShape(3, 32, 32), recipe.latent_dim, LABELS)
    with torch.device("meta"):
        generator, discriminator = (
            player.network.build(dimensions) for player in (recipe.generator, recipe.discriminator)
        )
    wide, chunk = 4 * 96, 80 // 4
    up = (
        2 * conditional_norm(wide, chunk)
        + 2 * convolution(wide, wide, 3)
        + convolution(wide, wide, 1)
    )
    assert count(generator) == sum(
        [
            (chunk + 1) * wide * 4 * 4,
            3 * up,
            attention(wide),
            2 * wide + convolution(wide, 3, 3),
            LABELS * SHARED,
        ]
    )
    narrow = 2 * 96
    same = 2 * convolution(narrow, narrow, 3)
    assert count(discriminator) == sum(
        [
            convolution(3, narrow, 3) + convolution(narrow, narrow, 3) + convolution(3, narrow, 1),
            attention(narrow),
            same + convolution(narrow, narrow, 1),
            2 * same,
            narrow + 1,
            LABELS * narrow,
        ]
    )
    assert (count(generator), count(discriminator)) == (9_416_196, 2_415_170)


@pytest.mark.parametrize(
    ("network", "image", "attended"),
    [
        (BigGANGenerator(), (32, 32), "double2"),
        (BigGANGenerator(attention=4), (32, 32), "grid"),
        (BigGANGenerator(attention=64), (32, 32), "double3"),
        (BigGANGenerator(), (28, 28), "double1"),
        (BigGANGenerator(), (64, 96), "double2"),
        (BigGANDiscriminator(), (32, 32), "halve1"),
        (BigGANDiscriminator(attention=8), (32, 32), "halve2"),
        (BigGANDiscriminator(attention=1), (32, 32), "halve2"),
        (BigGANDiscriminator(attention=64), (32, 32), "halve1"),
        (BigGANDiscriminator(attention=4, final_grid="base"), (32, 32), "halve3"),
        (BigGANDiscriminator(), (64, 96), "halve2"),
    ],
)
def test_attention_follows_the_finest_grid_that_is_not_too_large(
    network: BigGANGenerator | BigGANDiscriminator, image: tuple[int, int], attended: str
) -> None:
    small = dataclasses.replace(network, width=8)
    stages = [
        name for name, _ in small.build(Dimensions(ImageShape(1, *image), 8)).named_children()
    ]
    assert stages[stages.index("attention") - 1] == attended
    without = dataclasses.replace(small, attention=0)
    names = [
        name for name, _ in without.build(Dimensions(ImageShape(1, *image), 8)).named_children()
    ]
    assert names == [name for name in stages if name != "attention"]


# -- Arithmetic ------------------------------------------------------------------------------------


class Published:
    """The published layers, on our weights by name; without spectral norms."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = network.state_dict()

    def conv(self, x: Tensor, name: str) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        bias = self.weights.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, padding=weight.shape[2] // 2)

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: Tensor) -> Tensor:
        """Batch normalisation in training mode, without gain and bias."""
        mean, variance = x.mean((0, 2, 3), True), x.var((0, 2, 3), False, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt()

    def ccbn(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        """gain = 1 + linear(y), bias = linear(y)."""
        to_gain, to_bias = self.weights[f"{name}.affine.weight"].chunk(2)
        gain, bias = 1 + y @ to_gain.T, y @ to_bias.T
        return self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]

    def g_block(self, x: Tensor, y: Tensor, name: str) -> Tensor:
        h = self.ccbn(x, y, f"{name}.enter.0").relu()
        h, x = (F.interpolate(it, scale_factor=2, mode="nearest") for it in (h, x))
        h = self.conv(h, f"{name}.convolution1")
        h = self.ccbn(h, y, f"{name}.between.0").relu()
        return self.conv(h, f"{name}.convolution2") + self.conv(x, f"{name}.shortcut.convolution")

    def d_block(self, x: Tensor, name: str, *, first: bool = False, down: bool = True) -> Tensor:
        h = x if first else x.relu()
        h = self.conv(h, f"{name}.convolution1").relu()
        h = self.conv(h, f"{name}.convolution2")
        if not down:
            return h + x
        return F.avg_pool2d(h, 2) + F.avg_pool2d(self.conv(x, f"{name}.shortcut.convolution"), 2)

    def attention(self, x: Tensor) -> Tensor:
        """Place by place, with the sums of the paper's eq. 1 and 2 written as sums."""
        gamma = self.weights["attention.gamma"]
        return x + gamma * attended(self.weights, x, "attention.")


def attended(weights: dict[str, Tensor], images: Tensor, prefix: str = "") -> Tensor:
    """o of Zhang 2019, eq. 2, one place of one image at a time, keys and values pooled 2x2."""
    to = {
        name: weights[f"{prefix}{name}.weight"][:, :, 0, 0]
        for name in ("query", "key", "value", "output")
    }
    outputs = torch.zeros_like(images)
    for image, output in zip(images, outputs, strict=True):
        height, width = image.shape[1:]
        squares = [
            [image[:, row + a, column + b] for a in (0, 1) for b in (0, 1)]
            for row in range(0, height - 1, 2)
            for column in range(0, width - 1, 2)
        ]
        keys, values = (
            [torch.stack([to[name] @ x for x in square]).amax(0) for square in squares]
            for name in ("key", "value")
        )
        for row in range(height):
            for column in range(width):
                query = to["query"] @ image[:, row, column]
                scores = [float(query @ key) for key in keys]
                shares = torch.tensor(scores, dtype=images.dtype).softmax(0)
                mixed = sum(share * value for share, value in zip(shares, values, strict=True))
                output[:, row, column] = to["output"] @ mixed
    return outputs


def randomised(network: nn.Module) -> nn.Module:
    """In float64, with biases and strengths that are not zero."""
    network = fill_zero_weights(network).double()
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim == 1:
                weight.add_(0.3 * torch.randn(weight.shape, generator=random).double())
    return network


@pytest.mark.parametrize("size", [(6, 4), (7, 5)], ids=["even", "odd"])
def test_attention_is_the_published_sum(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = SelfAttention(16).double()
    images = torch.randn(2, 16, *size, dtype=torch.float64)
    assert torch.equal(layer(images), images), "gamma starts at 0"
    with torch.no_grad():
        layer.gamma.fill_(0.7)
    expected = images + 0.7 * attended(layer.state_dict(), images)
    torch.testing.assert_close(layer(images), expected)


def test_the_generator_computes_what_the_published_one_does() -> None:
    torch.manual_seed(0)
    network = BigGANGenerator(
        width=8, largest_multiplier=2, attention=8, spectral_norm=False, conditioning="chunks"
    )
    generator = randomised(network.build(Dimensions(ImageShape(3, 16, 16), 15, LABELS)))
    published = Published(generator)
    latents = torch.randn(3, 15, dtype=torch.float64)
    labels = torch.tensor([0, 9, 4])
    first, *chunks = latents.split(5, 1)
    shared = published.weights["labels.0.weight"][labels]
    ys = [torch.cat([shared, chunk], 1) for chunk in chunks]
    x = published.linear(first, "grid.0").view(3, 16, 4, 4)
    x = published.attention(published.g_block(x, ys[0], "double1"))
    x = published.g_block(x, ys[1], "double2")
    gain, bias = (published.weights[f"leave.0.{name}"] for name in ("weight", "bias"))
    x = (published.norm(x) * gain[:, None, None] + bias[:, None, None]).relu()
    expected = published.conv(x, "image.0").tanh()
    torch.testing.assert_close(generator(latents, labels), expected)


def test_the_discriminator_computes_what_the_published_one_does() -> None:
    torch.manual_seed(0)
    network = BigGANDiscriminator(
        width=8, largest_multiplier=2, attention=8, conditioning="projection", final_blocks=1
    )
    discriminator = randomised(network.build(Dimensions(ImageShape(3, 24, 24), 1, LABELS)))
    published = Published(discriminator)
    images = torch.rand(3, 3, 24, 24, dtype=torch.float64) * 2 - 1
    labels = torch.tensor([0, 9, 4])
    x = published.d_block(images, "halve1", first=True)
    x = published.attention(published.d_block(x, "halve2"))
    x = published.d_block(x, "final1", down=False).relu().sum((2, 3))
    embedded = published.weights["projection.embedding.weight"][labels]
    expected = published.linear(x, "logit.2")[:, 0] + (embedded * x).sum(1)
    torch.testing.assert_close(discriminator(images, labels), expected)


def test_without_labels_parts_of_the_latents_alone_make_gains_and_biases() -> None:
    """Each block answers to its own part: a change of one moves what that block makes, and no
    earlier one."""
    torch.manual_seed(0)
    network = BigGANGenerator(width=8, largest_multiplier=2)
    generator = network.build(Dimensions(ImageShape(1, 16, 16), 11)).eval()
    latents = torch.randn(1, 11)

    def grids(latents: Tensor) -> list[Tensor]:
        """What the first grid and both doublings give."""
        seen: list[Tensor] = []
        stages = [generator.get_submodule(name) for name in ("grid", "double1", "double2")]
        hooks = [stage.register_forward_hook(lambda *it: seen.append(it[-1])) for stage in stages]
        with torch.no_grad():
            generator(latents)
        for hook in hooks:
            hook.remove()
        return seen

    before = grids(latents)
    parts = [slice(0, 5), slice(5, 8), slice(8, 11)]  # 11 = 5 + 3 + 3: the rest goes first
    for first_moved, part in enumerate(parts):
        changed = latents.clone()
        changed[:, part] += 1
        moved = [not torch.equal(a, b) for a, b in zip(before, grids(changed), strict=True)]
        assert moved == [stage >= first_moved for stage in range(3)]
