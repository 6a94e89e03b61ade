"""FastGAN's layers against loops in numpy and closed forms; where excitations reach."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from ganvas.networks import Dimensions, FastGANDiscriminator, FastGANGenerator, ImageShape
from ganvas.networks.excitation import (
    Decoders,
    Excitation,
    Excited,
    FixedNoise,
    HalvingBlock,
    OnSphere,
    doubling_stage,
    quadrants,
    squared_error,
)

Z = 10


def seeded(module: nn.Module) -> nn.Module:
    """The module in float64, every parameter N(0, 1)."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.double().parameters():
            weight.copy_(torch.randn(weight.shape, generator=random, dtype=torch.float64))
    return module


def drawn(*shape: int, seed: int = 1) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=random, dtype=torch.float64)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def gates_by_hand(excitation: Excitation, images: Tensor, pooling: int) -> npt.NDArray[Any]:
    """Liu 2021, section 3.1, one number at a time: (N, C)."""
    first, second = (
        layer.weight.detach().numpy() for layer in excitation if isinstance(layer, nn.Conv2d)
    )
    count, channels, height, width = images.shape
    pooled = np.zeros((count, channels, height // pooling, width // pooling))
    for n, c, y, x in itertools.product(*map(range, images.shape)):
        pooled[n, c, y // pooling, x // pooling] += images[n, c, y, x].item() / pooling**2
    gates = np.zeros((count, len(second)))
    for n in range(count):
        inner = []
        for kernel in first:
            total = sum(kernel[at] * pooled[n][at] for at in np.ndindex(*kernel.shape))
            inner.append(total * sigmoid(total))  # swish
        for channel, kernel in enumerate(second):
            total = sum(weight[0, 0] * value for weight, value in zip(kernel, inner, strict=True))
            gates[n, channel] = sigmoid(total)
    return gates


@pytest.mark.parametrize(("grid", "pooling"), [((2, 2), 1), ((2, 2), 2), ((2, 3), 2)])
def test_an_excited_stage_is_its_stage_times_the_gates_of_a_loop(
    grid: tuple[int, int], pooling: int
) -> None:
    excitation = Excitation(3, 4, grid, pooling)
    excited = seeded(Excited(nn.Conv2d(2, 4, 1), excitation))
    earlier = drawn(2, 3, grid[0] * pooling, grid[1] * pooling) / 4
    images = drawn(2, 2, 5, 5, seed=2)
    expected = excited.stage(images) * torch.from_numpy(
        gates_by_hand(excitation, earlier, pooling)[:, :, None, None]
    )
    torch.testing.assert_close(excited(images, earlier), expected)


def test_gradients_of_an_excited_stage_are_those_of_differences() -> None:
    """In both maps; twice, as a gradient penalty takes them."""
    excited = seeded(Excited(nn.Conv2d(2, 3, 1), Excitation(2, 3, (2, 2), 1)))
    inputs = [drawn(2, 2, 2, 2, seed=seed).requires_grad_() for seed in (1, 2)]
    assert torch.autograd.gradcheck(excited, inputs)
    assert torch.autograd.gradgradcheck(excited, inputs)


def test_a_doubling_stage_by_hand() -> None:
    """Nearest-neighbour doubling, 3x3, batch norm, and a half times the sigmoid of the other."""
    stage = seeded(doubling_stage(3, 2, (4, 6), double=False, condition_dim=0))
    convolution, norm = stage[0], stage[1]  # type: ignore[index]
    images = drawn(4, 3, 2, 3)
    doubled = images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    values = nn.functional.conv2d(doubled, convolution.weight, padding=1)
    mean = values.mean((0, 2, 3), keepdim=True)
    variance = values.var((0, 2, 3), keepdim=True, unbiased=False)
    values = (values - mean) / (variance + 1e-5).sqrt()
    values = values * norm.weight[:, None, None] + norm.bias[:, None, None]
    expected = values[:, :2] / (1 + (-values[:, 2:]).exp())
    torch.testing.assert_close(stage(images), expected)


def test_a_halving_block_is_the_mean_of_two_ways() -> None:
    block = seeded(HalvingBlock(2, 3, "none"))
    strided, square, narrow = (layer for layer in block.modules() if isinstance(layer, nn.Conv2d))
    images = drawn(2, 2, 4, 4)

    def leaky(values: Tensor) -> Tensor:
        return torch.where(values > 0, values, 0.2 * values)

    convolved = leaky(nn.functional.conv2d(images, strided.weight, stride=2, padding=1))
    convolved = leaky(nn.functional.conv2d(convolved, square.weight, padding=1))
    pooled = images.reshape(2, 2, 2, 2, 2, 2).mean((3, 5))
    pooled = leaky(torch.einsum("oi,nihw->nohw", narrow.weight[:, :, 0, 0], pooled))
    torch.testing.assert_close(block(images), (convolved + pooled) / 2)


def test_labels_move_the_logits_of_every_place_alike() -> None:
    described = FastGANDiscriminator(width=4, conditioning="projection")
    network = described.build(Dimensions(ImageShape(1, 32, 32), 8, num_labels=3)).eval()
    images = drawn(2, 1, 32, 32).float()
    with torch.no_grad():
        logits = torch.stack([network(images, torch.tensor([label] * 2)) for label in range(3)])
    moved = logits[1:] - logits[:1]  # (2, N, K)
    assert moved.shape[2] > 1
    assert (moved.abs() > 1e-5).all()
    torch.testing.assert_close(moved, moved[..., :1].expand_as(moved), rtol=1e-3, atol=1e-5)


def test_latents_lie_on_a_sphere_in_their_own_direction() -> None:
    latents = drawn(5, Z)
    moved = OnSphere()(latents)
    assert moved.norm(dim=1).tolist() == pytest.approx([math.sqrt(Z)] * 5)
    cosines = nn.functional.cosine_similarity(moved, latents)
    assert cosines.tolist() == pytest.approx([1.0] * 5)


def test_images_depend_on_the_direction_of_their_latents_alone() -> None:
    generator = FastGANGenerator(width=2).build(Dimensions(ImageShape(1, 16, 16), Z)).eval()
    latents = drawn(3, Z).float()
    torch.testing.assert_close(generator(7 * latents), generator(latents))


def test_noise_is_one_map_for_all_channels_and_its_strength_starts_at_zero() -> None:
    layer = FixedNoise((4, 6))
    images = drawn(3, 2, 4, 6).float()
    assert torch.equal(layer(images), images)
    with torch.no_grad():
        layer.strength.fill_(0.5)
    expected = images + 0.5 * layer.noise.expand(3, 2, 4, 6)
    torch.testing.assert_close(layer(images), expected)
    assert torch.equal(layer(images), layer(images)), "an image is a function of its latents"


def excited_stages(network: nn.Module) -> dict[str, tuple[int, int]]:
    """Channels of source and target of each excitation, by the last part of its stage's name."""
    return {
        name.split(".")[-1]: (part.excitation[1].in_channels, part.excitation[1].out_channels)  # type: ignore[union-attr]
        for name, part in network.named_modules()
        if isinstance(part, Excited)
    }


def test_excitations_reach_as_far_as_the_fields_say() -> None:
    def dimensions(side: int) -> Dimensions:
        return Dimensions(ImageShape(3, side, side), Z)

    with torch.device("meta"):
        default = FastGANGenerator().build(dimensions(32)), FastGANDiscriminator()
        assert excited_stages(default[0]) == {"double3": (256, 32)}
        assert excited_stages(default[1].build(dimensions(32))) == {"halve2": (32, 128)}
        published = FastGANGenerator(width=64, skip=4), FastGANDiscriminator(width=64, skip=3)
        assert excited_stages(published[0].build(dimensions(32))) == {}, "4x4 excites 64x64"
        # Liu 2021's code at 256x256: 4 -> 64, 8 -> 128, 16 -> 256; 256 -> 32, 128 -> 16, 64 -> 8.
        assert excited_stages(published[0].build(dimensions(256))) == {
            "double4": (1024, 128),
            "double5": (512, 64),
            "double6": (256, 32),
        }
        assert excited_stages(published[1].build(dimensions(256))) == {
            "halve3": (16, 128),
            "halve4": (32, 256),
            "halve5": (64, 512),
        }


def test_a_field_decides_how_many_convolutions_each_resolution_has() -> None:
    counts = {}
    for choice in ("single", "double", "alternate"):
        generator = FastGANGenerator(width=2, convolutions=choice)  # type: ignore[arg-type]
        with torch.device("meta"):
            doublings = generator.build(Dimensions(ImageShape(1, 64, 64), Z)).doublings
        counts[choice] = [
            sum(isinstance(layer, nn.GLU) for layer in stage.modules())
            for stage in doublings.children()
        ]
    assert counts == {"single": [1] * 4, "double": [2] * 4, "alternate": [2, 1, 2, 1]}


# -- Reconstruction --------------------------------------------------------------------------------


def test_each_quarter_of_the_uniform_range_takes_one_quadrant() -> None:
    images = torch.arange(4 * 4 * 6).reshape(4, 1, 4, 6)
    uniform = torch.tensor([0.1, 0.26, 0.6, 0.99])[:, None, None, None]
    top, bottom, left, right = slice(2), slice(2, 4), slice(3), slice(3, 6)
    expected = [
        images[0, :, top, left],
        images[1, :, top, right],
        images[2, :, bottom, left],
        images[3, :, bottom, right],
    ]
    assert torch.equal(quadrants(images, uniform), torch.stack(expected))


def test_the_error_is_the_mean_square_from_the_image_averaged_down() -> None:
    images, decoded = drawn(3, 2, 4, 8).numpy(), drawn(3, 2, 2, 4, seed=2).numpy()
    expected = np.zeros(3)
    for n, c, y, x in np.ndindex(*decoded.shape):
        pixel = images[n, c, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
        expected[n] += (decoded[n, c, y, x] - pixel) ** 2 / decoded[n].size
    errors = squared_error(torch.from_numpy(decoded), torch.from_numpy(images))
    assert errors.tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("side", [16, 28, 32, 256])
def test_decoders_that_give_grey_are_off_by_the_images_own_size(side: int) -> None:
    """The closed form: of zeros, the three errors are mean squares of averaged images."""
    network = FastGANDiscriminator(width=2, decoders=True)
    discriminator = network.build(Dimensions(ImageShape(1, side, side), Z)).double()
    for part in discriminator.decoders.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.zeros_(part.weight)
    images = drawn(3, 1, side, side)
    uniform = torch.tensor([0.0, 0.3, 0.8])[:, None, None, None]
    _, errors = discriminator.reconstruct(images, uniform)
    # 128 pixels at most, half the image for the small stack, a quarter of it for the quadrant.
    whole = nn.functional.avg_pool2d(images, 2 if side == 256 else 1)
    half = nn.functional.avg_pool2d(images, 2)
    quarter = quadrants(images, uniform)
    expected = sum(part.square().mean((1, 2, 3)) for part in (whole, half, quarter))
    torch.testing.assert_close(errors, expected)


def test_reconstruction_reaches_both_stacks_and_no_logit() -> None:
    network = FastGANDiscriminator(width=2, decoders=True)
    discriminator = network.build(Dimensions(ImageShape(1, 32, 32), Z))
    assert isinstance(discriminator.decoders, Decoders)
    _, errors = discriminator.reconstruct(drawn(2, 1, 32, 32).float(), torch.zeros(2, 1, 1, 1))
    errors.sum().backward()
    without = {
        name.split(".")[0]
        for name, weight in discriminator.named_parameters()
        if weight.grad is None
    }
    assert without == {"logit", "small_logit"}
