"""StyleGAN2: parameter counts by arithmetic, and the published forward passes written out again.

Source: Karras 2020 and the authors' code of Karras 2020 (ADA; networks.py), which prints layers
when training starts. Rows are written down from it; totals follow by closed arithmetic. The
published convolutions are written per sample with kernels of their own ("fused"), and filters as
zeros between pixels and a direct convolution ("upfirdn2d", by its definition).
"""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks import Dimensions, ImageShape, StyleDiscriminator, StyleGenerator
from ganvas.networks.styles import StyleBased
from ganvas.recipes import build_networks, style_paper, style_paper_conditional
from ganvas.schedules import Adaptive

W = 512
"""Length of latents and styles in all published networks."""


# -- Parameter counts ------------------------------------------------------------------------------


def linear(ins: int, outs: int) -> int:
    return ins * outs + outs


def synthesis_layer(ins: int, outs: int) -> int:
    """3x3 without more than one weight for noise and a bias, and the affine map of the style."""
    return 9 * ins * outs + outs + 1 + linear(W, ins)


def to_rgb(ins: int) -> int:
    return 3 * ins + 3 + linear(W, ins)


def generator_count(channels: list[int], mapping_layers: int, labels: int = 0) -> int:
    """Channels of 4x4, 8x8, ..."""
    first, *_ = channels
    inside = itertools.pairwise(channels)
    return sum(
        [
            linear(labels, W) if labels else 0,
            linear(2 * W if labels else W, W) + (mapping_layers - 1) * linear(W, W),
            first * 4 * 4 + synthesis_layer(first, first),
            *(synthesis_layer(ins, outs) + synthesis_layer(outs, outs) for ins, outs in inside),
            *(to_rgb(width) for width in channels),
        ]
    )


def discriminator_count(channels: list[int], residual: bool, labels: int = 0) -> int:
    """Channels of 4x4, 8x8, ..."""
    last, finest = channels[0], channels[-1]
    blocks = itertools.pairwise(reversed(channels))
    return sum(
        [
            3 * finest + finest,
            *(
                9 * ins * ins + ins + 9 * ins * outs + outs + (ins * outs if residual else 0)
                for ins, outs in blocks
            ),
            9 * (last + 1) * last + last,
            linear(last * 4 * 4, last),
            linear(last, last if labels else 1),
            linear(labels, last) + 8 * linear(last, last) if labels else 0,
        ]
    )


def counts(size: int, full_grids: int) -> tuple[int, int]:
    """Of our networks with the published widths."""
    dimensions = Dimensions(ImageShape(3, size, size), W)
    with torch.device("meta"):
        networks = [
            StyleGenerator(width=W, full_grids=full_grids, mapping_layers=8).build(dimensions),
            StyleDiscriminator(width=W, full_grids=full_grids, deviation_group=4).build(dimensions),
        ]
    generator, discriminator = map(count, networks)
    return generator, discriminator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_follow_from_the_published_layers() -> None:
    """Totals of config F at 1024x1024, and of its half-width networks at 256x256."""
    wide = [512, 512, 512, 512, 512, 256, 128, 64, 32]
    assert counts(1024, 5) == (30_370_060, 29_012_513)
    assert (generator_count(wide, 8), discriminator_count(wide, True)) == counts(1024, 5)
    half = [512, 512, 512, 512, 256, 128, 64]
    assert counts(256, 4) == (24_767_458, 24_001_089)
    assert (generator_count(half, 8), discriminator_count(half, True)) == counts(256, 4)


@pytest.mark.parametrize(("make", "labels"), [(style_paper, 0), (style_paper_conditional, 10)])
def test_parameter_counts_for_cifar(make: type, labels: int) -> None:
    recipe = make()
    with torch.device("meta"):
        generator, discriminator = build_networks(recipe, ImageShape(3, 32, 32), 10)
    channels = [512, 512, 512, 512]
    assert count(generator) == generator_count(channels, 2, labels)
    assert count(discriminator) == discriminator_count(channels, False, labels)


# -- Settings --------------------------------------------------------------------------------------


def test_settings_for_cifar_are_those_of_the_published_code() -> None:
    """Those of the published code: cfg_specs["cifar"], and what it switches off for it."""
    recipe = style_paper()
    generator, discriminator = recipe.generator, recipe.discriminator
    assert (recipe.batch, recipe.generator_batch, recipe.images) == (64, 64, 100_000_000)
    assert (recipe.ema_half_life, recipe.ema_rampup) == (500_000, 0.05)
    assert (recipe.objective.loss, recipe.latent_dim) == ("non-saturating", 512)
    penalties = vars(recipe.objective.penalties)
    assert [name for name, penalty in penalties.items() if penalty.weight] == ["r1"]
    assert (penalties["r1"].weight, penalties["r1"].every) == (0.01, 16)
    assert generator.style_mixing == 0
    assert not any(term.weight for term in vars(generator.regularisers).values())
    assert generator.network == StyleGenerator(width=512, full_grids=5, mapping_layers=2)
    published = StyleDiscriminator(width=512, full_grids=5, residual=False, deviation_group=32)
    assert discriminator.network == published
    assert (discriminator.learning_rate, discriminator.beta1, discriminator.beta2) == (
        2.5e-3,
        0.0,
        0.99,
    )
    assert isinstance(recipe.augmentation, Adaptive)


def test_lazy_steps_move_as_far_as_the_published_ones() -> None:
    """Per 16 batches the code takes 17 steps of the discriminator, each of 16/17 of the rate; per
    4 batches it takes 4 of the generator, of 4/5: its fifth has no gradient, so Adam skips it."""
    recipe = style_paper()
    for player, batches, steps in ((recipe.discriminator, 16, 17), (recipe.generator, 4, 4)):
        ratio = batches / (batches + 1)
        rate, beta2 = 2.5e-3 * ratio, 0.99**ratio
        assert isinstance(player.learning_rate, float)
        assert isinstance(player.beta2, float)
        assert player.learning_rate * batches == pytest.approx(rate * steps)
        assert player.beta2**batches == pytest.approx(beta2**steps)


# -- Arithmetic ------------------------------------------------------------------------------------

WIDTH = 6
"""Of the networks that are compared by numbers."""
Z = 5


class Published:
    """The published layers, on our weights by name."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = network.state_dict()

    def stored(self, name: str) -> Tensor:
        """A weight or bias, whether it is scaled or not."""
        path, _, kind = name.rpartition(".")
        scaled = f"{path}.parametrizations.{kind}.original"
        return self.weights[scaled if scaled in self.weights else name]

    def dense(self, x: Tensor, name: str, rate: float = 1.0) -> Tensor:
        """FullyConnectedLayer, linear."""
        weight, bias = self.stored(f"{name}.weight"), self.stored(f"{name}.bias")
        return x @ (weight * (rate / weight.shape[1] ** 0.5)).T + bias * rate

    def leaky(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.2 * x) * 2**0.5

    def normalise(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()

    def mapping(self, x: Tensor, name: str, layers: list[int]) -> Tensor:
        for layer in layers:
            x = self.leaky(self.dense(x, f"{name}.{layer}", rate=0.01))
        return x

    def conv(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        """Conv2dLayer without an activation."""
        weight = self.stored(f"{name}.weight")
        scaled = weight / weight[0].numel() ** 0.5
        bias = self.weights.get(f"{name}.bias")
        return F.conv2d(x, scaled, bias, stride, padding)

    def upfirdn(self, x: Tensor, up: int, down: int, pad: tuple[int, int], gain: float) -> Tensor:
        """Zeros between pixels, padding, [1, 3, 3, 1] / 8 in both directions, decimation."""
        n, channels, height, width = x.shape
        spread = x.new_zeros(n, channels, height * up, width * up)
        spread[:, :, ::up, ::up] = x
        padded = F.pad(spread, (*pad, *pad))
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 8
        rows = sum(tap * padded[:, :, i : padded.shape[2] - 3 + i] for i, tap in enumerate(taps))
        assert isinstance(rows, Tensor)
        both = sum(tap * rows[:, :, :, i : rows.shape[3] - 3 + i] for i, tap in enumerate(taps))
        assert isinstance(both, Tensor)
        return both[:, :, ::down, ::down] * gain

    def modulated(self, x: Tensor, w: Tensor, name: str, up: bool, demodulate: bool) -> Tensor:
        """modulated_conv2d, every sample with a kernel of its own."""
        style = self.dense(w, f"{name}.style.0")  # (N, I)
        weight = self.stored(f"{name}.convolution.weight")
        if up:
            weight = weight.transpose(0, 1)  # ours is stored as (I, O, k, k)
        if not demodulate:
            weight = weight / weight[0].numel() ** 0.5
        outputs = []
        for sample, scales in zip(x, style, strict=True):
            kernel = weight * scales[:, None, None]  # (O, I, k, k)
            if demodulate:
                kernel = kernel / kernel.square().sum((1, 2, 3), keepdim=True).sqrt()
            if up:
                wide = F.conv_transpose2d(sample[None], kernel.transpose(0, 1), stride=2)
                outputs.append(self.upfirdn(wide, 1, 1, (1, 1), gain=4))
            else:
                outputs.append(F.conv2d(sample[None], kernel, padding=kernel.shape[2] // 2))
        return torch.cat(outputs)

    def synthesis_layer(self, x: Tensor, w: Tensor, name: str, up: bool = False) -> Tensor:
        """SynthesisLayer with constant noise."""
        x = self.modulated(x, w, f"{name}.modulated", up, demodulate=True)
        x = x + self.weights[f"{name}.noise.strength"] * self.weights[f"{name}.noise.noise"]
        return self.leaky(x + self.weights[f"{name}.bias"][:, None, None])

    def to_rgb(self, x: Tensor, w: Tensor, name: str) -> Tensor:
        image = self.modulated(x, w, f"{name}.modulated", up=False, demodulate=False)
        return image + self.weights[f"{name}.bias"][:, None, None]

    def synthesis(self, ws: Tensor) -> Tensor:
        """SynthesisNetwork for 16x16; ws: (N, num_ws, W)."""
        w = list(ws.unbind(1))
        x = self.weights["grid.constant"].repeat(len(ws), 1, 1, 1)
        x = self.synthesis_layer(x, w[0], "grid.convolution")
        image = self.to_rgb(x, w[1], "grid.image")
        for block in (1, 2):
            first, second, third = w[2 * block - 1 : 2 * block + 2]
            x = self.synthesis_layer(x, first, f"double{block}.doubling", up=True)
            x = self.synthesis_layer(x, second, f"double{block}.convolution")
            image = self.upfirdn(image, 2, 1, (2, 1), gain=4)
            image = image + self.to_rgb(x, third, f"double{block}.image")
        return image

    def deviations(self, x: Tensor, group: int) -> Tensor:
        """MinibatchStdLayer with one channel, of neighbours."""
        channel = torch.empty(len(x), 1, *x.shape[2:], dtype=x.dtype)
        for start in range(0, len(x), group):
            part = x[start : start + group]
            spread = ((part - part.mean(0)).square().mean(0) + 1e-8).sqrt().mean()
            channel[start : start + group] = spread
        return torch.cat([x, channel], 1)

    def features(self, x: Tensor, residual: bool, group: int) -> Tensor:
        """Discriminator for 16x16, up to the last but one layer."""
        x = self.leaky(self.conv(x, "image.0"))
        for block in (1, 2):
            name = f"halve{block}"
            inner = self.leaky(self.conv(x, f"{name}.body.0", padding=1))
            smooth = self.upfirdn(inner, 1, 1, (2, 2), gain=1)
            outer = self.leaky(self.conv(smooth, f"{name}.body.3", stride=2))
            if residual:
                shrunk = self.upfirdn(x, 1, 2, (1, 1), gain=1)
                outer = (outer + self.conv(shrunk, f"{name}.shortcut.1")) * 0.5**0.5
            x = outer
        x = self.leaky(self.conv(self.deviations(x, group), "grid.1", padding=1))
        return self.leaky(self.dense(x.flatten(1), "logit.1"))


def drawn(network: nn.Module) -> nn.Module:
    """In float64, with biases and noise that have an effect."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in network.double().named_parameters():
            if weight.ndim == 1:
                shift = torch.randn(weight.shape, generator=random, dtype=weight.dtype)
                weight.add_(shift * (10 if "parametrizations" in name else 0.3))
    return network


@pytest.fixture
def latents() -> Tensor:
    return torch.randn(3, Z, generator=torch.Generator().manual_seed(2)).double()


def test_the_generator_computes_what_the_published_code_computes(latents: Tensor) -> None:
    torch.manual_seed(0)
    config = StyleGenerator(width=WIDTH, full_grids=2)
    network = drawn(config.build(Dimensions(ImageShape(3, 16, 16), Z)))
    assert isinstance(network, StyleBased)
    published = Published(network)
    with torch.no_grad():
        w = published.mapping(published.normalise(latents), "mapping.layers", [0, 2])
        torch.testing.assert_close(network.map(latents), w)
        expected = published.synthesis(w[:, None].repeat(1, 6, 1))
        torch.testing.assert_close(network(latents), expected)
        styles = torch.randn(3, 6, WIDTH, generator=torch.Generator().manual_seed(3)).double()
        torch.testing.assert_close(network.synthesise(styles), published.synthesis(styles))
    assert expected.std() > 0.1


def test_the_mapping_network_takes_labels_as_the_published_one(latents: Tensor) -> None:
    torch.manual_seed(0)
    config = StyleGenerator(width=WIDTH, conditioning="concatenation")
    network = drawn(config.build(Dimensions(ImageShape(3, 16, 16), Z, 4))).float()
    published = Published(network)
    latents, labels = latents.float(), torch.tensor([3, 0, 1])
    one_hot = F.one_hot(labels, 4).float()
    embedded = published.normalise(published.dense(one_hot, "mapping.labels.1"))
    x = torch.cat([published.normalise(latents), embedded], 1)
    assert isinstance(network, StyleBased)
    with torch.no_grad():
        expected = published.mapping(x, "mapping.layers", [0, 2])
        torch.testing.assert_close(network.map(latents, labels), expected)


@pytest.mark.parametrize("residual", [True, False], ids=["resnet", "orig"])
@pytest.mark.parametrize("labels", [False, True])
def test_the_discriminator_computes_what_the_published_code_computes(
    residual: bool, labels: bool
) -> None:
    torch.manual_seed(0)
    config = StyleDiscriminator(
        width=WIDTH,
        full_grids=2,
        residual=residual,
        deviation_group=2,
        conditioning="projection" if labels else "none",
    )
    network = drawn(config.build(Dimensions(ImageShape(3, 16, 16), Z, 4))).float()
    published = Published(network)
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    chosen = torch.tensor([3, 0, 1, 3])
    with torch.no_grad():
        vectors = published.dense(published.features(images, residual, group=2), "logit.3")
        if labels:
            embedded = published.dense(F.one_hot(chosen, 4).float(), "logit.labels.1")
            mapped = published.normalise(embedded)
            mapped = published.mapping(mapped, "logit.labels", list(range(4, 20, 2)))
            expected = (vectors * mapped).sum(1) / WIDTH**0.5
            torch.testing.assert_close(network(images, chosen), expected)
        else:
            torch.testing.assert_close(network(images), vectors[:, 0])
