"""Weights as matrices, measured with numpy: rows, orthogonal first weights, spectral norms."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.networks.blocks import UpsamplingConvolution, fold_kernels
from ganvas.networks.labels import ConditionalBatchNorm, LabelEmbedding
from ganvas.networks.weights import init_orthogonal_, normalise_spectra, trainable_matrices
from tests.builders.tiny import same

ENOUGH_FORWARDS = 300


def singular_values(matrix: Tensor) -> np.ndarray:
    return np.linalg.svd(matrix.detach().double().flatten(1).numpy(), compute_uv=False)


# -- Matrices --------------------------------------------------------------------------------------


def test_the_rows_of_matrices_are_what_an_output_channel_is_made_with() -> None:
    """An input that is zero but for one window gives the product of the window and the rows."""
    torch.manual_seed(0)
    window = torch.randn(1, 4, 3, 3)
    layer = nn.Conv2d(4, 6, 3, bias=False)
    (stack,) = trainable_matrices(layer)
    torch.testing.assert_close(stack[0] @ window.flatten(), layer(window).flatten())
    grouped = nn.Conv2d(4, 6, 3, groups=2, bias=False)
    (stack,) = trainable_matrices(grouped)
    assert stack.shape == (2, 3, 2 * 9)
    parts = window.view(2, 18, 1)
    torch.testing.assert_close((stack @ parts).flatten(), grouped(window).flatten())
    # A transposed convolution of stride 3 makes each output pixel from one input pixel.
    spread = nn.ConvTranspose2d(4, 6, 3, stride=3, groups=2, bias=False)
    (stack,) = trainable_matrices(spread)
    assert stack.shape == (2, 3, 2 * 9)
    pixel = torch.randn(1, 4, 1, 1)
    by_filter = stack.view(2, 3, 2, 9)
    expected = torch.einsum("gfip,gi->gfp", by_filter, pixel.view(2, 2))
    torch.testing.assert_close(expected.reshape(1, 6, 3, 3), spread(pixel))
    linear = nn.Linear(5, 7)
    assert torch.equal(trainable_matrices(linear)[0][0], linear.weight)


def test_gains_and_biases_are_two_matrices() -> None:
    norm = ConditionalBatchNorm(3, 5)
    (stack,) = trainable_matrices(norm)
    assert stack.shape == (2, 3, 5)
    assert torch.equal(stack[1], norm.affine.weight[3:])


def test_only_weights_that_train_are_among_them_and_no_embedding() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4), LabelEmbedding(2, 4))
    network[0].requires_grad_(False)
    assert [stack.shape for stack in trainable_matrices(network)] == [(1, 4, 3)]


def test_under_a_spectral_norm_they_are_what_the_optimizer_moves() -> None:
    layer = nn.Linear(4, 3)
    own = layer.weight.detach().clone()
    normalise_spectra(layer)
    (stack,) = trainable_matrices(layer)
    assert torch.equal(stack[0], own)
    stack.sum().backward()
    assert [name for name, weight in layer.named_parameters() if weight.grad is not None] == [
        "parametrizations.weight.original"
    ]


# -- Initial weights -------------------------------------------------------------------------------


def test_first_weights_are_orthonormal_along_the_shorter_side() -> None:
    torch.manual_seed(0)
    norm = ConditionalBatchNorm(6, 4)
    layers = nn.ModuleList(
        [nn.Conv2d(3, 5, 3), nn.Linear(3, 8), LabelEmbedding(4, 6), norm, nn.BatchNorm2d(4)]
    )
    init_orthogonal_(layers)
    embedding = layers[2]
    assert isinstance(embedding, LabelEmbedding)
    stacks = [*trainable_matrices(layers), embedding.weight[None]]
    assert len(stacks) == 4
    for matrix in (matrix for stack in stacks for matrix in stack):
        np.testing.assert_allclose(singular_values(matrix), 1, atol=1e-6)
    biases = [layer.bias for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert all(bias is not None and not bias.any() for bias in biases)


# -- Spectral norm ---------------------------------------------------------------------------------


def network() -> nn.Sequential:
    torch.manual_seed(0)
    norm = ConditionalBatchNorm(6, 4)
    nn.init.normal_(norm.affine.weight)
    return nn.Sequential(UpsamplingConvolution(3, 5), nn.Conv2d(3, 2, 1), nn.Linear(7, 9), norm)


def test_every_matrix_is_divided_by_its_largest_singular_value() -> None:
    layers = network()
    before = [stack.detach().clone() for stack in trainable_matrices(layers)]
    normalise_spectra(layers)
    weighted = [layers[0], layers[1], layers[2], layers[3].affine]
    for _ in range(ENOUGH_FORWARDS):
        after = [layer.weight for layer in weighted]
    for old, new in zip(before, after, strict=True):
        parts = new.reshape(old.shape)
        for matrix, part in zip(old, parts, strict=True):
            torch.testing.assert_close(part, matrix / singular_values(matrix)[0])


def test_its_gradient_follows_miyato_2018_equation_12() -> None:
    """dV/dW at W of norm s: (G - <G, W/s> u v') / s, with u, v the first singular vectors."""
    torch.manual_seed(0)
    layer = nn.Linear(5, 4, bias=False).double()
    normalise_spectra(layer)
    for _ in range(ENOUGH_FORWARDS):
        weight = layer.weight
    upstream = torch.randn(4, 5).double()
    (weight * upstream).sum().backward()
    original = layer.get_parameter("parametrizations.weight.original")
    left, values, right = np.linalg.svd(original.detach().numpy())
    first = np.outer(left[:, 0], right[0])
    inner = (upstream.numpy() * original.detach().numpy() / values[0]).sum()
    expected = (upstream.numpy() - inner * first) / values[0]
    torch.testing.assert_close(original.grad, torch.from_numpy(expected), atol=1e-6, rtol=1e-5)


def test_evaluation_moves_nothing_and_makes_up_for_averaged_vectors() -> None:
    """An EMA of unit vectors is shorter and points a little beside: one iteration turns it back."""
    torch.manual_seed(0)
    layer = nn.Linear(40, 30, bias=False)
    with torch.no_grad():
        left, values, right = torch.linalg.svd(layer.weight, full_matrices=False)
        values[0] *= 3
        layer.weight.copy_(left @ torch.diag(values) @ right)
    normalise_spectra(layer)
    layer.eval()
    vectors = layer.get_buffer("parametrizations.weight.0.left")
    vectors.copy_(0.5 * left[:, 0] + 0.1 * left[:, 1] - 0.2 * left[:, 2])
    before = [tensor.clone() for tensor in layer.state_dict().values()]
    assert singular_values(layer.weight)[0] == pytest.approx(1, abs=0.02)
    assert same(before, layer.state_dict().values())


def test_folded_spectral_norms_compute_the_same_and_leave_the_original_alone() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(UpsamplingConvolution(3, 5), nn.Conv2d(5, 2, 1), nn.Tanh())
    normalise_spectra(layers)
    images = torch.randn(2, 3, 4, 6)
    layers.eval()
    expected = layers(images)
    folded = fold_kernels(copy.deepcopy(layers))
    assert torch.equal(folded(images), expected)
    assert torch.equal(layers(images), expected)
    assert parametrize.is_parametrized(layers[0], "weight")
    assert not any("left" in name for name in folded.state_dict())
