"""Weight gradients by im2col equal torch's, are twice differentiable, and are used where faster."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganvas import precision
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, Dimensions, ImageShape
from ganvas.networks.convolutions import (
    FEWEST_CHANNELS,
    MOST_POSITIONS,
    Convolution,
    ConvolutionGeometry,
    Im2colConvolution,
    TransposedConvolution,
)
from ganvas.precision import Precision, PrecisionName

AnyConvolution = Convolution | TransposedConvolution
Layer = tuple[AnyConvolution, tuple[int, int]]
"""A layer with the height and width of its input."""

ROUNDING = 0.01
"""Largest relative error of a gradient: bfloat16 rounds every operand and the result by 2^-9."""

GRIDS = [
    ((4, 4), (2, 2), (1, 1), (6, 8)),
    ((3, 3), (1, 1), (1, 1), (4, 3)),
    ((4, 3), (1, 1), (0, 0), (4, 3)),  # a kernel as large as the input
    ((3, 2), (2, 3), (1, 0), (4, 6)),  # rows and columns differ, with a remainder
    ((1, 1), (1, 1), (0, 0), (3, 2)),
]
"""Kernel, stride, padding, input size."""


def normal(*shape: int, seed: int = 0) -> Tensor:
    """A float64 tensor that requires grad."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64).requires_grad_(True)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "plane", "with_bias"),
    [(*grid, place % 2 == 0) for place, grid in enumerate(GRIDS)],
)
def test_first_and_second_derivatives_equal_finite_differences(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    plane: tuple[int, int],
    transposed: bool,
    with_bias: bool,
) -> None:
    geometry = ConvolutionGeometry(stride, padding, transposed)
    weight = normal(*((2, 3) if transposed else (3, 2)), *kernel, seed=1)
    bias = normal(3, seed=2) if with_bias else None

    def convolve(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolved: Tensor = Im2colConvolution.apply(inputs, weight, bias, geometry)
        return convolved

    inputs = (normal(2, 2, *plane), weight, bias)
    assert torch.autograd.gradcheck(convolve, inputs)
    assert torch.autograd.gradgradcheck(convolve, inputs)


BY_IM2COL: dict[str, Layer] = {
    "halving": (Convolution(FEWEST_CHANNELS, 2 * FEWEST_CHANNELS, 4, 2, 1), (8, 8)),
    "doubling": (
        TransposedConvolution(2 * FEWEST_CHANNELS, FEWEST_CHANNELS, 4, 2, 1, bias=False),
        (4, 4),
    ),
    "keeping": (Convolution(FEWEST_CHANNELS, FEWEST_CHANNELS, 3, padding=1), (4, 4)),
    "from latents": (TransposedConvolution(FEWEST_CHANNELS, FEWEST_CHANNELS, 4), (1, 1)),
    "from few latents": (TransposedConvolution(5, 6, 4, bias=False), (1, 1)),
    "one by one": (Convolution(FEWEST_CHANNELS, FEWEST_CHANNELS, 1), (2, MOST_POSITIONS // 2)),
}
BY_TORCH: dict[str, Layer] = {
    "many positions": (
        Convolution(FEWEST_CHANNELS, FEWEST_CHANNELS, 3, padding=1),
        (4, MOST_POSITIONS // 4 + 1),
    ),
    "many positions, doubling": (
        TransposedConvolution(FEWEST_CHANNELS, FEWEST_CHANNELS, 4, 2, 1),
        (4, MOST_POSITIONS // 4 + 1),
    ),
    "narrow inside": (Convolution(FEWEST_CHANNELS - 1, FEWEST_CHANNELS, 3, padding=1), (4, 4)),
    "narrow outside": (Convolution(FEWEST_CHANNELS, FEWEST_CHANNELS - 1, 3, padding=1), (4, 4)),
}


@pytest.fixture
def avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which im2col was measured to be faster."""
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"avx512_bf16"}))


def through(layer: nn.Module, inputs: Tensor, name: PrecisionName = "bf16") -> Tensor:
    """The layer's own outputs in a run of this precision."""
    captured: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, outputs: captured.append(outputs))
    Precision(name, "for a test").through(layer)(inputs)
    handle.remove()
    return captured[0]


def by_im2col(outputs: Tensor) -> bool:
    """Whether the weight's gradient of these outputs will be computed by im2col."""
    return outputs.grad_fn is not None and outputs.grad_fn.name() == "Im2colConvolutionBackward"


def example(layer: AnyConvolution, plane: tuple[int, int]) -> Tensor:
    return normal(6, layer.in_channels, *plane).detach().float()


@pytest.mark.usefixtures("avx512")
@pytest.mark.parametrize(("layer", "plane"), BY_IM2COL.values(), ids=BY_IM2COL)
def test_few_positions_and_many_channels_or_one_position_use_im2col(
    layer: AnyConvolution, plane: tuple[int, int]
) -> None:
    inputs, weights = example(layer, plane).requires_grad_(True), [*layer.parameters()]
    rough, exact = through(layer, inputs), through(layer, inputs, "fp32")
    assert rough.dtype == torch.bfloat16
    assert by_im2col(rough)
    assert not by_im2col(exact)
    grad_outputs = torch.randn_like(exact)
    for actual, expected in zip(
        torch.autograd.grad(rough.float(), [inputs, *weights], grad_outputs),
        torch.autograd.grad(exact, [inputs, *weights], grad_outputs),
        strict=True,
    ):
        assert actual.dtype == torch.float32
        assert 0 < (actual - expected).norm() / expected.norm() < ROUNDING


@pytest.mark.usefixtures("avx512")
@pytest.mark.parametrize(("layer", "plane"), BY_TORCH.values(), ids=BY_TORCH)
def test_other_layers_use_torchs_gradient(layer: AnyConvolution, plane: tuple[int, int]) -> None:
    outputs = through(layer, example(layer, plane))
    assert outputs.dtype == torch.bfloat16
    assert outputs.requires_grad
    assert not by_im2col(outputs)


@pytest.mark.usefixtures("avx512")
def test_frozen_weights_use_torchs_gradient() -> None:
    layer, plane = BY_IM2COL["halving"]
    inputs = example(layer, plane)
    with torch.no_grad():
        assert through(layer, inputs).grad_fn is None
    frozen = copy.deepcopy(layer).requires_grad_(False)
    assert not by_im2col(through(frozen, inputs.requires_grad_(True)))


@pytest.mark.parametrize(
    ("flags", "is_used"),
    [
        ({"avx512f", "avx512_bf16"}, True),
        ({"avx512f", "avx512_bf16", "amx_bf16"}, False),
        ({"bf16"}, False),
        (set(), False),
    ],
)
def test_im2col_is_used_on_the_processors_where_it_was_measured(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], is_used: bool
) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset(flags))
    layer, plane = BY_IM2COL["halving"]
    assert by_im2col(through(layer, example(layer, plane))) is is_used


@pytest.mark.usefixtures("avx512")
def test_a_wide_dcgan_uses_im2col_for_most_of_its_weights() -> None:
    dimensions = Dimensions(ImageShape(3, 64, 64), 128)
    generator = DCGANGenerator(width=64).build(dimensions)
    discriminator = DCGANDiscriminator(width=64).build(dimensions)
    layers = {
        name: layer
        for network in (generator, discriminator)
        for name, layer in network.named_modules()
        if isinstance(layer, Convolution | TransposedConvolution)
    }
    used: list[str] = []
    for name, layer in layers.items():
        layer.register_forward_hook(
            lambda _, __, outputs, name=name: used.append(name) if by_im2col(outputs) else None
        )
    through_bfloat16 = Precision("bf16", "for a test").through
    through_bfloat16(discriminator)(through_bfloat16(generator)(torch.randn(2, 128)))
    assert used == ["grid.0", "double1.0", "halve4.0"]
    weights = {name: layer.weight.numel() for name, layer in layers.items()}
    assert sum(weights[name] for name in used) > 0.7 * sum(weights.values())
