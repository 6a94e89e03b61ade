"""Weight gradients by im2col are torch's, for every grid, twice differentiable, where they pay."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganvas import precision
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, Dimensions, ImageShape
from ganvas.networks.convolutions import (
    FEW,
    WIDE,
    ByIm2col,
    Convolution,
    Grid,
    TransposedConvolution,
)
from ganvas.precision import Precision, PrecisionName

AnyConvolution = Convolution | TransposedConvolution
Layer = tuple[AnyConvolution, tuple[int, int]]
"""With the plane that it is shown."""

ROUNDING = 0.01
"""Of a gradient's length: bfloat16 rounds by 2^-9 each number that goes into it, and it."""

GRIDS = [
    ((4, 4), (2, 2), (1, 1), (6, 8)),
    ((3, 3), (1, 1), (1, 1), (4, 3)),
    ((4, 3), (1, 1), (0, 0), (4, 3)),  # a kernel as large as the plane
    ((3, 2), (2, 3), (1, 0), (4, 6)),  # rows and columns differ in all, and the last are left over
    ((1, 1), (1, 1), (0, 0), (3, 2)),
]
"""Kernels, strides, paddings, planes."""


def normal(*shape: int, seed: int = 0) -> Tensor:
    """In float64, and the gradient of it is asked for."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=random, dtype=torch.float64).requires_grad_(True)


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding", "plane"), GRIDS)
def test_both_derivatives_are_those_of_the_convolution(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    plane: tuple[int, int],
    transposed: bool,
    with_bias: bool,
) -> None:
    """Against differences in float64, which know nothing of convolutions."""
    grid = Grid(stride, padding, transposed)
    weight = normal(*((2, 3) if transposed else (3, 2)), *kernel, seed=1)
    bias = normal(3, seed=2) if with_bias else None

    def convolve(inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolved: Tensor = ByIm2col.apply(inputs, weight, bias, grid)
        return convolved

    at = (normal(2, 2, *plane), weight, bias)
    assert torch.autograd.gradcheck(convolve, at)
    assert torch.autograd.gradgradcheck(convolve, at)


TAKEN: dict[str, Layer] = {
    "halving": (Convolution(WIDE, 2 * WIDE, 4, 2, 1), (8, 8)),
    "doubling": (TransposedConvolution(2 * WIDE, WIDE, 4, 2, 1, bias=False), (4, 4)),
    "keeping": (Convolution(WIDE, WIDE, 3, padding=1), (4, 4)),
    "from latents": (TransposedConvolution(WIDE, WIDE, 4), (1, 1)),
    "one by one": (Convolution(WIDE, WIDE, 1), (2, FEW // 2)),
}
LEFT: dict[str, Layer] = {
    "many places": (Convolution(WIDE, WIDE, 3, padding=1), (4, FEW // 4 + 1)),
    "many to double": (TransposedConvolution(WIDE, WIDE, 4, 2, 1), (4, FEW // 4 + 1)),
    "narrow inside": (Convolution(WIDE - 1, WIDE, 3, padding=1), (4, 4)),
    "narrow outside": (Convolution(WIDE, WIDE - 1, 3, padding=1), (4, 4)),
}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which it was measured to be faster."""
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset({"avx512_bf16"}))


def through(layer: nn.Module, inputs: Tensor, name: PrecisionName = "bf16") -> Tensor:
    """What the layer itself gives, as it is used in a run."""
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, outputs: seen.append(outputs))
    Precision(name, "for a test").through(layer)(inputs)
    handle.remove()
    return seen[0]


def by_im2col(outputs: Tensor) -> bool:
    """Whether that is how a convolution's result goes back; torch's own has another name."""
    return outputs.grad_fn is not None and outputs.grad_fn.name() == "ByIm2colBackward"


def example(layer: AnyConvolution, plane: tuple[int, int]) -> Tensor:
    return normal(6, layer.in_channels, *plane).detach().float()


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(("layer", "plane"), TAKEN.values(), ids=TAKEN)
def test_few_places_and_many_channels_gain(layer: AnyConvolution, plane: tuple[int, int]) -> None:
    inputs, weights = example(layer, plane).requires_grad_(True), [*layer.parameters()]
    rough, exact = through(layer, inputs), through(layer, inputs, "fp32")
    assert rough.dtype == torch.bfloat16
    assert by_im2col(rough)
    assert not by_im2col(exact)
    slope = torch.randn_like(exact)
    for found, right in zip(
        torch.autograd.grad(rough.float(), [inputs, *weights], slope),
        torch.autograd.grad(exact, [inputs, *weights], slope),
        strict=True,
    ):
        assert found.dtype == torch.float32
        assert 0 < (found - right).norm() / right.norm() < ROUNDING


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(("layer", "plane"), LEFT.values(), ids=LEFT)
def test_what_would_not_gain_is_left_to_torch(
    layer: AnyConvolution, plane: tuple[int, int]
) -> None:
    outputs = through(layer, example(layer, plane))
    assert outputs.dtype == torch.bfloat16
    assert outputs.requires_grad
    assert not by_im2col(outputs)


@pytest.mark.usefixtures("measured")
def test_weights_whose_gradient_nobody_wants_are_left_to_torch() -> None:
    layer, plane = TAKEN["halving"]
    inputs = example(layer, plane)
    with torch.no_grad():
        assert through(layer, inputs).grad_fn is None
    frozen = copy.deepcopy(layer).requires_grad_(False)
    assert not by_im2col(through(frozen, inputs.requires_grad_(True)))


@pytest.mark.parametrize(
    ("flags", "gains"),
    [
        ({"avx512f", "avx512_bf16"}, True),
        ({"avx512f", "avx512_bf16", "amx_bf16"}, False),
        ({"bf16"}, False),
        (set(), False),
    ],
)
def test_it_is_used_on_processors_on_which_it_was_measured(
    monkeypatch: pytest.MonkeyPatch, flags: set[str], gains: bool
) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: frozenset(flags))
    layer, plane = TAKEN["halving"]
    assert by_im2col(through(layer, example(layer, plane))) is gains


@pytest.mark.usefixtures("measured")
def test_a_wide_dcgan_goes_back_so_where_most_of_its_weights_are() -> None:
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
