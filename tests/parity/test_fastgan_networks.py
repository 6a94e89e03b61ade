"""FastGAN at 256x256: parameter counts, and the published forward passes written out again.

Source: Liu 2021 and the authors' code (models.py: Generator(ngf=64, nz=256), Discriminator(ndf=64),
both for im_size=256, nc=3). Rows are written down from it; counts follow by closed arithmetic.
Spectral norm adds no parameters. One layer is not ours, and the expected count says so: a 1x1
convolution that makes a second image at 128x128.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks import Dimensions, FastGANDiscriminator, FastGANGenerator, ImageShape
from ganvas.recipes import fastgan_paper

Z = 256
IMAGE = ImageShape(3, 256, 256)
SECOND_IMAGE = 64 * 3

GENERATOR = [("comp", 1024, 512), ("up", 512, 256), ("comp", 256, 128), ("up", 128, 128),
             ("comp", 128, 64), ("up", 64, 32)]  # fmt: skip
"""feat_8 to feat_256: UpBlockComp or UpBlock, channels in and out (before the GLU doubled)."""
GENERATOR_EXCITATIONS = [(1024, 128), (512, 64), (256, 32)]
"""se_64, se_128, se_256."""
DISCRIMINATOR = [(16, 32), (32, 64), (64, 128), (128, 256), (256, 512)]
"""down_4 to down_64, DownBlockComp."""
DISCRIMINATOR_EXCITATIONS = [(16, 128), (32, 256), (64, 512)]
"""se_2_16, se_4_32, se_8_64."""
SMALL = [(32, 64), (64, 128), (128, 256)]
"""down_from_small after its first convolution, DownBlock."""
DECODERS = [512, 256, 256]
"""Channels that decoder_big, decoder_part and decoder_small take."""
DECODER = [128, 64, 64, 32]
"""Channels after each doubling of a decoder."""


def convolution(ins: int, outs: int, kernel: int, norm: bool = True) -> int:
    """Weights without biases, and a gain and a bias per channel of batch normalisation."""
    return ins * outs * kernel**2 + (2 * outs if norm else 0)


def excitation(ins: int, outs: int) -> int:
    return convolution(ins, outs, 4, norm=False) + convolution(outs, outs, 1, norm=False)


def up(kind: str, ins: int, outs: int) -> int:
    first = convolution(ins, 2 * outs, 3)
    if kind == "up":
        return first
    return first + 1 + convolution(outs, 2 * outs, 3) + 1  # each with one weight for noise


def generator_count() -> int:
    return sum(
        [
            convolution(Z, 2 * 1024, 4),
            *(up(*row) for row in GENERATOR),
            *(excitation(*row) for row in GENERATOR_EXCITATIONS),
            convolution(32, 3, 3, norm=False),
            SECOND_IMAGE,
        ]
    )


def down(ins: int, outs: int) -> int:
    return convolution(ins, outs, 4) + convolution(outs, outs, 3) + convolution(ins, outs, 1)


def decoder(ins: int) -> int:
    steps = zip([ins, *DECODER[:-1]], DECODER, strict=True)
    return sum(up("up", *step) for step in steps) + convolution(DECODER[-1], 3, 3, norm=False)


def discriminator_count() -> int:
    return sum(
        [
            convolution(3, 16, 3, norm=False),
            *(down(*row) for row in DISCRIMINATOR),
            *(excitation(*row) for row in DISCRIMINATOR_EXCITATIONS),
            convolution(512, 1024, 1) + convolution(1024, 1, 4, norm=False),
            convolution(3, 32, 4, norm=False),
            *(convolution(ins, outs, 4) for ins, outs in SMALL),
            convolution(256, 1, 4, norm=False),
            *(decoder(ins) for ins in DECODERS),
        ]
    )


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameter_counts_are_those_of_the_published_code() -> None:
    recipe = fastgan_paper()
    assert (recipe.data.size, recipe.latent_dim) == ((256, 256), Z)
    with torch.device("meta"):
        generator, discriminator = (
            player.network.build(Dimensions(IMAGE, Z))
            for player in (recipe.generator, recipe.discriminator)
        )
    assert count(generator) + SECOND_IMAGE == generator_count() == 29_127_846
    assert count(discriminator) == discriminator_count() == 11_526_160


# -- Arithmetic ------------------------------------------------------------------------------------

WIDTH = 4
"""Of the networks that are compared by numbers; the published one is 64."""


class Published:
    """The published layers, on our weights by name."""

    def __init__(self, network: nn.Module) -> None:
        self.weights = network.state_dict()

    def conv(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, self.weights[f"{name}.weight"], stride=stride, padding=padding)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Batch normalisation in training mode."""
        gain, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        mean, variance = x.mean((0, 2, 3), True), x.var((0, 2, 3), False, keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt()
        return x * gain[:, None, None] + bias[:, None, None]

    def glu(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, 1)
        return first * second.sigmoid()

    def noise(self, x: Tensor, name: str) -> Tensor:
        """NoiseInjection, with our noise in place of a new draw."""
        return x + self.weights[f"{name}.strength"] * self.weights[f"{name}.noise"]

    def up_block(self, x: Tensor, name: str) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.glu(self.norm(self.conv(x, f"{name}.0", padding=1), f"{name}.1"))

    def up_block_comp(self, x: Tensor, name: str) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.noise(self.conv(x, f"{name}.0", padding=1), f"{name}.1")
        x = self.glu(self.norm(x, f"{name}.2"))
        x = self.noise(self.conv(x, f"{name}.4", padding=1), f"{name}.5")
        return self.glu(self.norm(x, f"{name}.6"))

    def excite(self, small: Tensor, big: Tensor, name: str) -> Tensor:
        """SEBlock(small, big)."""
        pooled = F.adaptive_avg_pool2d(small, 4)
        gates = self.conv(pooled, f"{name}.excitation.1")
        gates = self.conv(gates * gates.sigmoid(), f"{name}.excitation.3").sigmoid()
        return big * gates

    def leaky(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.2)

    def down_block(self, x: Tensor, name: str, first: int = 0) -> Tensor:
        x = self.conv(x, f"{name}.{first}", stride=2, padding=1)
        return self.leaky(self.norm(x, f"{name}.{first + 1}"))

    def down_block_comp(self, x: Tensor, name: str) -> Tensor:
        main = self.down_block(x, f"{name}.body")
        main = self.conv(main, f"{name}.body.3", padding=1)
        main = self.leaky(self.norm(main, f"{name}.body.4"))
        direct = self.conv(F.avg_pool2d(x, 2, 2), f"{name}.pooled.1")
        direct = self.leaky(self.norm(direct, f"{name}.pooled.2"))
        return (main + direct) / 2

    def decode(self, x: Tensor, name: str) -> Tensor:
        x = F.adaptive_avg_pool2d(x, 8)
        for step in range(4):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = self.conv(x, f"{name}.{3 * step}", padding=1)
            x = self.glu(self.norm(x, f"{name}.{3 * step + 1}"))
        return self.conv(x, f"{name}.12", padding=1).tanh()

    def generator(self, latents: Tensor) -> Tensor:
        """Generator.forward, with latents on the sphere (Sauer 2021) and a tanh."""
        z = latents * latents.square().mean(1, keepdim=True).rsqrt()
        x = F.conv_transpose2d(z[:, :, None, None], self.weights["grid.2.weight"])
        feat_4 = self.glu(self.norm(x, "grid.3"))
        feat_8 = self.up_block_comp(feat_4, "doublings.double1")
        feat_16 = self.up_block(feat_8, "doublings.double2")
        feat_32 = self.up_block_comp(feat_16, "doublings.double3")
        feat_64 = self.up_block(feat_32, "doublings.double4.stage")
        feat_64 = self.excite(feat_4, feat_64, "doublings.double4")
        feat_128 = self.up_block_comp(feat_64, "doublings.double5.stage")
        feat_128 = self.excite(feat_8, feat_128, "doublings.double5")
        feat_256 = self.up_block(feat_128, "doublings.double6.stage")
        feat_256 = self.excite(feat_16, feat_256, "doublings.double6")
        return self.conv(feat_256, "image.0", padding=1).tanh()

    def discriminator(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Discriminator.forward(images, "real", part=0), with squares as the distance."""
        feat_2 = self.leaky(self.conv(images, "stem.0", padding=1))
        feat_4 = self.down_block_comp(feat_2, "halve1")
        feat_8 = self.down_block_comp(feat_4, "halve2")
        feat_16 = self.down_block_comp(feat_8, "halve3.stage")
        feat_16 = self.excite(feat_2, feat_16, "halve3")
        feat_32 = self.down_block_comp(feat_16, "halve4.stage")
        feat_32 = self.excite(feat_4, feat_32, "halve4")
        last = self.down_block_comp(feat_32, "halve5.stage")
        last = self.excite(feat_8, last, "halve5")
        rf_0 = self.conv(self.leaky(self.norm(self.conv(last, "logit.0"), "logit.1")), "logit.3")

        shrunk = F.interpolate(images, size=128, mode="area")
        small = self.leaky(self.conv(shrunk, "small.0", stride=2, padding=1))
        for first in (3, 6, 9):
            small = self.down_block(small, "small", first)
        rf_1 = self.conv(small, "small_logit.0")
        logits = torch.cat([rf_0.flatten(1), rf_1.flatten(1)], 1)

        pairs = [
            (self.decode(last, "decoders.whole"), images),
            (self.decode(feat_32[:, :, :8, :8], "decoders.quadrant"), images[:, :, :128, :128]),
            (self.decode(small, "decoders.small"), images),
        ]
        errors = [
            (made - F.interpolate(image, size=128, mode="area")).square().mean((1, 2, 3))
            for made, image in pairs
        ]
        return logits, torch.stack(errors).sum(0)


def drawn(network: nn.Module) -> nn.Module:
    """In float64, with weights that keep the variance, and noise that has an effect."""
    torch.manual_seed(0)
    for weight in network.double().parameters():
        nn.init.normal_(weight, 0.0, weight[0].numel() ** -0.5)
    return network


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1)).double() * 2 - 1


def test_the_generator_computes_what_the_published_code_computes() -> None:
    network = drawn(FastGANGenerator(width=WIDTH, skip=4).build(Dimensions(IMAGE, Z)))
    latents = torch.randn(2, Z, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        expected = Published(network).generator(latents)
        ours = network(latents)
    assert ours.std() > 0.01
    torch.testing.assert_close(ours, expected)


def test_the_discriminator_computes_what_the_published_code_computes(images: Tensor) -> None:
    description = FastGANDiscriminator(width=WIDTH, norm="batch", skip=3, decoders=True)
    network = drawn(description.build(Dimensions(IMAGE, Z)))
    with torch.no_grad():
        logits, errors = Published(network).discriminator(images)
        assert logits.shape == (2, 50)
        torch.testing.assert_close(network(images), logits)
        ours = network.reconstruct(images, torch.zeros(2, 1, 1, 1))
    torch.testing.assert_close(ours, (logits, errors))


def test_first_weights_are_drawn_as_in_the_published_code() -> None:
    """N(0, 0.02), gains N(1, 0.02), as in the code's weights_init."""
    torch.manual_seed(0)
    small = ImageShape(3, 32, 32)
    for network in (FastGANGenerator(), FastGANDiscriminator(norm="batch", decoders=True)):
        for module in network.build(Dimensions(small, Z)).modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                spread = 0.02 / module.weight.numel() ** 0.5
                assert abs(module.weight.mean()) < 5 * spread
                assert abs(module.weight.std() - 0.02) < 5 * spread
                assert module.bias is None
            elif isinstance(module, nn.BatchNorm2d):
                assert abs(module.weight.mean() - 1) < 0.02
                assert not module.bias.any()
