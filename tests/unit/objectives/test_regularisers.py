"""Regularisers of the generator against numpy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.networks.weights import trainable_matrices
from ganvas.objectives.regularisers import GeneratorPass, mode_seeking, orthogonal
from ganvas.objectives.settings import Regularisers, RegulariserSettings
from ganvas.recipes import PlayerSettings, biggan
from ganvas.training.step import train_step
from tests.builders.tiny import small, start, tiny_recipe


def of_weights(*matrices: Tensor) -> GeneratorPass:
    """A pass of a generator that must not be called."""

    def unused(latents: Tensor) -> Tensor:
        raise AssertionError("a regulariser of weights needs no images")

    return GeneratorPass(torch.zeros(2, 3), unused, matrices)


def brock_2019_equation_3(matrix: np.ndarray) -> float:
    products = matrix @ matrix.T
    return float(np.square(products * (1 - np.eye(len(products)))).sum())


def test_orthogonal_is_equation_3_of_brock_2019_summed_over_matrices() -> None:
    random = np.random.default_rng(0)
    stacks = [random.normal(size=shape) for shape in ((1, 4, 7), (2, 3, 5), (1, 6, 2))]
    expected = sum(brock_2019_equation_3(matrix) for stack in stacks for matrix in stack)
    found = orthogonal(of_weights(*map(torch.from_numpy, stacks)))
    assert found.shape == ()
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_orthogonal_filters_of_any_length_cost_nothing() -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.linalg.qr(torch.randn(6, 4, generator=random, dtype=torch.float64)).Q.T
    matrix = torch.arange(1, 5)[:, None] * rows
    assert abs(float(orthogonal(of_weights(matrix[None])))) < 1e-10


def test_its_gradient_is_twice_what_the_published_code_adds() -> None:
    """The code adds beta * 2 (W W^T * (1 - I)) W and calls it the gradient of eq. 3."""
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, 3)
    orthogonal(of_weights(*trainable_matrices(layer))).backward()  # type: ignore[no-untyped-call]
    assert layer.weight.grad is not None
    matrix = layer.weight.detach().flatten(1).numpy()
    products = matrix @ matrix.T * (1 - np.eye(5, dtype=np.float32))
    expected = 2 * (2 * products @ matrix)
    np.testing.assert_allclose(layer.weight.grad.flatten(1).numpy(), expected, atol=1e-5)


def test_mode_seeking_by_hand() -> None:
    """Images twice as far apart as their latents: 1 / (2 + 1e-5)."""
    latents = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]])
    batch = GeneratorPass(latents, lambda z: (2 * z)[:, None, None, :], [])
    np.testing.assert_allclose(mode_seeking(batch).numpy(), 1 / (2 + 1e-5), rtol=1e-6)


def test_orthogonal_makes_filters_less_alike_while_biggan_trains() -> None:
    def alikeness(weight: float) -> float:
        regularisers = Regularisers(orthogonal=RegulariserSettings(weight=weight))
        plain = tiny_recipe(small("biggan"), generator=PlayerSettings(learning_rate=1e-2))
        player = dataclasses.replace(plain.generator, regularisers=regularisers)
        recipe = dataclasses.replace(plain, generator=player)
        state = start(recipe)
        for _ in range(6):
            train_step(state, recipe)
        with torch.no_grad():
            return float(orthogonal(of_weights(*trainable_matrices(state.generator))))

    assert alikeness(1.0) < 0.9 * alikeness(0.0)


def test_the_recipe_has_the_papers_weight() -> None:
    """Brock 2019, section 3.1: beta is 1e-4."""
    assert biggan().generator.regularisers.orthogonal.weight == 1e-4
