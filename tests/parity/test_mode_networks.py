"""The networks of the published mode benchmarks: counts, arithmetic, first weights.

Sources: Lin 2018 (PacGAN) and its code, for points and for the stacked MNIST of Metz 2017. What was
read there, and where ours is not the same to the letter:

- The stacked-MNIST discriminator normalises all three of its convolutions, the first included.
- Published convolutions in front of a norm carry a bias, which the norm takes off again. Ours do
  not; the expected counts below add them.
- TensorFlow pads an even side at its end and we at its start. That is the mirror image of the same
  network, and whether weights are drawn for it or for its mirror image is all the same.
- Discriminator convolutions are drawn there from N(0, 0.02) cut off at two deviations, ours are
  not cut off; batch normalisation has an epsilon of 1e-4 in the networks for points, ours of 1e-5.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas.networks import (
    Dimensions,
    ImageShape,
    MaxoutDiscriminator,
    MaxoutGenerator,
    Network,
    StridedDiscriminator,
    StridedGenerator,
)

POINTS = Dimensions(ImageShape(2, 1, 1), 2)
STACKED = Dimensions(ImageShape(3, 28, 28), 256)
PACS = pytest.mark.parametrize("pac", [1, 2, 3, 4])


def packed(dimensions: Dimensions, pac: int) -> Dimensions:
    """What the discriminator of packs of `pac` samples is built for."""
    image = dimensions.image
    shape = ImageShape(pac * image.channels, image.height, image.width)
    return Dimensions(shape, dimensions.latent_dim)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def normal(network: nn.Module) -> nn.Module:
    """The network with all weights, biases included, drawn anew, in double precision."""
    generator = torch.Generator().manual_seed(0)
    network = network.double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    return network


# -- Points --------------------------------------------------------------------------------------


@PACS
def test_maxout_networks_have_the_published_parameter_counts(pac: int) -> None:
    generator = MaxoutGenerator().build(POINTS)
    discriminator = MaxoutDiscriminator().build(packed(POINTS, pac))
    norms = 4 * (2 * 400)
    assert count(generator) == 2 * 400 + 3 * 400 * 400 + norms + (400 * 2 + 2) == 484_802
    units = 200 * 5
    layers = [(2 * pac + 1) * units, (200 + 1) * units, (200 + 1) * units, 200 + 1]
    assert count(discriminator) == sum(layers) == 403_201 + 2_000 * pac


def test_a_maxout_discriminator_by_hand() -> None:
    """Goodfellow 2013, section 3, with loops: a unit is the largest of its own linear pieces."""
    network = normal(MaxoutDiscriminator(width=3, hidden_layers=2, pieces=4).build(POINTS))
    points = np.random.default_rng(0).normal(size=(5, 2))
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    for point, logit in zip(points, logits_of(network, points), strict=True):
        values = point
        for layer in ("hidden1.0", "hidden2.0"):
            matrix, biases = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
            units = []
            for unit in range(3):
                pieces = range(4 * unit, 4 * unit + 4)
                units.append(max(float(matrix[piece] @ values + biases[piece]) for piece in pieces))
            values = np.array(units)
        by_hand = weights["logit.0.weight"][0] @ values + weights["logit.0.bias"][0]
        assert logit == pytest.approx(by_hand, rel=1e-12)


def logits_of(network: nn.Module, points: np.ndarray) -> list[float]:
    with torch.no_grad():
        logits: list[float] = network(torch.from_numpy(points)[:, :, None, None]).tolist()
    return logits


def test_a_maxout_generator_by_hand() -> None:
    network = normal(MaxoutGenerator(width=6, hidden_layers=2).build(POINTS))
    latents = np.random.default_rng(0).normal(size=(7, 2))
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    values = latents
    for layer in ("hidden1", "hidden2"):
        values = values @ weights[f"{layer}.0.weight"].T
        values = (values - values.mean(0)) / np.sqrt(values.var(0) + 1e-5)
        values = values * weights[f"{layer}.1.weight"] + weights[f"{layer}.1.bias"]
        values = np.maximum(values, 0)
    by_hand = values @ weights["image.0.weight"].T + weights["image.0.bias"]
    assert np.abs(by_hand).max() > 1  # nothing bounds a point
    made = network(torch.from_numpy(latents))
    np.testing.assert_allclose(made.detach().numpy()[:, :, 0, 0], by_hand, rtol=1e-10)


# -- Stacked MNIST -------------------------------------------------------------------------------


@PACS
@pytest.mark.parametrize("width", [2, 4])
def test_strided_networks_have_the_published_parameter_counts(pac: int, width: int) -> None:
    generator = StridedGenerator().build(STACKED)
    discriminator = StridedDiscriminator(width=width, norm="batch").build(packed(STACKED, pac))
    idle_biases = 32 + 16 + 8
    published = [
        (256 + 1) * 4 * 4 * 64,
        *(9 * ins * outs + outs for ins, outs in ((64, 32), (32, 16), (16, 8), (8, 3))),
        *(2 * channels for channels in (64, 32, 16, 8)),
    ]
    assert count(generator) + idle_biases == sum(published) == 287_875
    narrow, middle, wide = width, 2 * width, 4 * width
    convolutions = ((3 * pac, narrow), (narrow, middle), (middle, wide))
    published = [
        *(9 * ins * outs + outs for ins, outs in convolutions),
        *(2 * channels for channels in (narrow, middle, wide)),
        4 * 4 * wide + 1,
    ]
    idle_biases = narrow + middle + wide
    assert count(discriminator) + idle_biases == sum(published)
    if pac == 1:
        assert sum(published) == {2: 585, 4: 1_889}[width]


@pytest.mark.parametrize(
    ("size", "grids"),
    [
        ((28, 28), [(4, 4), (7, 7), (14, 14), (28, 28)]),
        ((32, 48), [(4, 6), (8, 12), (16, 24), (32, 48)]),
        ((30, 17), [(4, 3), (8, 5), (15, 9), (30, 17)]),
    ],
)
def test_sides_are_halved_and_rounded_up(
    size: tuple[int, int], grids: list[tuple[int, int]]
) -> None:
    """At 28 it is the published chain; the layers themselves take any size."""
    dimensions = Dimensions(ImageShape(3, *size), 6)
    generator = StridedGenerator().build(dimensions)
    discriminator = StridedDiscriminator().build(dimensions)
    seen = []
    for network in (generator, discriminator):
        for stage in network.children():
            stage.register_forward_hook(lambda *call: seen.append(tuple(call[2].shape[2:])))
    discriminator(generator(torch.randn(2, 6)))
    assert seen == [*grids, grids[-1], *reversed(grids[:-1]), ()]


def same_padding(images: Tensor) -> Tensor:
    """TensorFlow's for a 3x3 kernel of stride 2: an even side gets one pixel, at its end."""
    ends = [(1, 1) if side % 2 else (0, 1) for side in reversed(images.shape[2:])]
    return F.pad(images, [pixels for end in ends for pixels in end])


def mirrored(values: Tensor) -> Tensor:
    return values.flip(2, 3)


def test_a_discriminator_is_the_mirror_image_of_the_published_one() -> None:
    """The published one written out, with mirrored kernels, on mirrored images."""
    network = normal(StridedDiscriminator(norm="batch").build(STACKED))
    images = torch.randn(5, 3, 28, 28, generator=torch.Generator().manual_seed(1)).double()
    weights = network.state_dict()
    values = mirrored(images)
    for layer in ("halve1", "halve2", "halve3"):
        values = F.conv2d(same_padding(values), mirrored(weights[f"{layer}.0.weight"]), stride=2)
        mean = values.mean((0, 2, 3), keepdim=True)
        variance = values.var((0, 2, 3), keepdim=True, unbiased=False)
        gain, bias = (weights[f"{layer}.1.{name}"][:, None, None] for name in ("weight", "bias"))
        values = (values - mean) / (variance + 1e-5).sqrt() * gain + bias
        values = torch.maximum(values, 0.3 * values)
    assert values.shape == (5, 8, 4, 4)
    flat = mirrored(values).flatten(1)
    expected = flat @ weights["logit.1.weight"][0] + weights["logit.1.bias"][0]
    torch.testing.assert_close(network(images), expected)


def test_a_doubling_is_the_mirror_image_of_the_published_one() -> None:
    """A transposed convolution is the gradient of the convolution that it transposes."""
    network = StridedGenerator().build(STACKED).double()
    for stage, side in (("double1", 7), ("double2", 14), ("double3", 28)):
        layer = network.get_submodule(stage)[0]
        weight = layer.weight.detach()  # (in, out, 3, 3)
        small = torch.randn(2, weight.shape[0], (side + 1) // 2, (side + 1) // 2).double()
        large = torch.zeros(2, weight.shape[1], side, side).double().requires_grad_(True)
        forwards = F.conv2d(same_padding(large), mirrored(weight), stride=2)
        (published,) = torch.autograd.grad(forwards, large, mirrored(small))
        torch.testing.assert_close(layer(small), mirrored(published))


# -- First weights -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "image"),
    [
        (MaxoutGenerator(), POINTS.image),
        (MaxoutDiscriminator(), POINTS.image),
        (StridedGenerator(), STACKED.image),
        (StridedDiscriminator(width=16, norm="batch"), STACKED.image),
    ],
    ids=lambda value: f"{value.name}-{value.role}" if isinstance(value, Network) else "",
)
def test_first_weights_are_normal_with_zero_biases(description: Network, image: ImageShape) -> None:
    """N(0, 0.02), biases zero, gains one."""
    torch.manual_seed(0)
    for name, module in description.build(Dimensions(image, 256)).named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            spread = 0.02 / module.weight.numel() ** 0.5
            assert abs(module.weight.mean()) < 5 * spread, name
            assert abs(module.weight.std() - 0.02) < 5 * spread, name
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (module.weight == 1).all(), name
        else:
            continue
        assert module.bias is None or not module.bias.any(), name
