"""Path lengths and style mixing: closed forms, finite differences, rules, state in a run."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ganvas.errors import RecipeError
from ganvas.objectives import regularisers
from ganvas.objectives.regularisers import (
    PATH_DECAY,
    GeneratorPass,
    StyleSteps,
    path_length,
    path_lengths,
    path_noise,
)
from ganvas.objectives.settings import Regularisers, RegulariserSettings
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.recipes import PlayerSettings, Recipe, checked
from ganvas.training.engine import WARMUP_STEPS, CudaGraphs
from ganvas.training.inputs import draw_generator_inputs
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tape import pretend_cuda_graphs
from tests.builders.tiny import BATCH, same, small, start, tiny_recipe


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def styled(mixing: float = 0.0, weight: float = 0.0, every: int = 1, **changes: Any) -> Recipe:
    recipe = tiny_recipe(small("style"), **changes)
    settings = Regularisers(path_length=RegulariserSettings(weight=weight, every=every))
    player = dataclasses.replace(recipe.generator, style_mixing=mixing, regularisers=settings)
    return dataclasses.replace(recipe, generator=player)


def trained(state: TrainState, recipe: Recipe, steps: int) -> TrainState:
    for _ in range(steps):
        train_step(state, recipe)
    return state


class TestLengths:
    def test_of_a_linear_generator(self) -> None:
        """G(w) = A w: J = A, so the length is |A^T y|, of several layers the root of the mean."""
        matrices = normal(2, 12, 5)  # of two layers, 12 pixels from 5 numbers
        styles = normal(4, 2, 5, seed=1).requires_grad_()
        noise = normal(4, 1, 3, 4, seed=2)
        images = torch.einsum("lps,nls->np", matrices, styles).view(4, 1, 3, 4)
        squares = [(noise.flatten(1) @ matrix).square().sum(1) for matrix in matrices]
        expected = ((squares[0] + squares[1]) / 2).sqrt()
        torch.testing.assert_close(path_lengths(images, styles, noise), expected)

    def test_squares_average_to_the_norm_of_the_derivative_whatever_the_size(self) -> None:
        """E |A^T y|^2 = |A|^2 / (H W), so that twice as large images have the same lengths."""
        for side in (4, 8):
            matrix = normal(side * side, 5)
            styles = normal(1, 1, 5).expand(4_000, 1, 5).clone().requires_grad_()
            images = (styles[:, 0] @ matrix.T).view(-1, 1, side, side)
            noise = path_noise(images.detach(), torch.Generator().manual_seed(0), SINGLE_PROCESS)
            measured = path_lengths(images, styles, noise).square().mean()
            expected = matrix.square().sum() / side**2
            torch.testing.assert_close(measured, expected, rtol=0.05, atol=0)

    def test_the_gradient_of_the_penalty_is_a_finite_difference(self) -> None:
        """A second derivative of the generator, tanh(A w) here."""
        latents, noise = normal(3, 2), normal(3, 1, 2, 2, seed=1)

        def penalty(matrix: Tensor) -> Tensor:
            def styles(latents: Tensor) -> Tensor:
                return (latents @ matrix[:2, :2])[:, None]

            def synthesise(styles: Tensor) -> Tensor:
                return (styles[:, 0] @ matrix).tanh().view(-1, 1, 2, 2)

            steps = StyleSteps(styles, synthesise)
            average = torch.tensor([0.3]).double()
            return path_length(GeneratorPass(latents, synthesise, [], steps, noise, average))

        assert gradcheck(penalty, normal(2, 4, seed=2).requires_grad_())

    def test_the_penalty_is_the_square_of_the_distance_from_the_average(self) -> None:
        """Of an identity the length is that of the noise: 3 and 5 here."""
        noise = torch.tensor([[0.0, 3.0], [3.0, 4.0]]).view(2, 1, 1, 2)
        steps = StyleSteps(lambda latents: latents[:, None], lambda styles: styles.view(2, 1, 1, 2))
        latents = torch.zeros(2, 2, requires_grad=True)
        batch = GeneratorPass(latents, steps.synthesise, [], steps, noise, torch.tensor([2.0]))
        assert path_length(batch).tolist() == [1.0, 9.0]

    def test_processes_draw_their_part_of_the_noise(self) -> None:
        images = torch.zeros(2, 1, 4, 4)
        parts = [
            path_noise(images, torch.Generator().manual_seed(0), ProcessGroup(rank, 2))
            for rank in range(2)
        ]
        whole = path_noise(
            torch.zeros(4, 1, 4, 4), torch.Generator().manual_seed(0), SINGLE_PROCESS
        )
        assert torch.equal(torch.cat(parts), whole)


class TestRun:
    def test_the_average_follows_the_lengths_of_the_steps_that_are_due(self) -> None:
        recipe = styled(weight=2.0, every=2)
        state = start(recipe)
        average = 0.0
        for step in range(4):
            before = state.metrics.sums.get("generator/path_length", 0.0)
            train_step(state, recipe)
            if step % 2 == 0:
                measured = state.metrics.sums["generator/path_length"] - before
                average += (1 - PATH_DECAY) * (measured - average)
            assert float(state.path_average) == pytest.approx(average, rel=1e-5)
        assert state.metrics.counts["generator/path_length"] == 2

    def test_lengths_come_near_to_the_average(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Which stays at twice the first here. The adversarial loss is nothing beside it."""
        monkeypatch.setattr(regularisers, "PATH_DECAY", 1.0)
        learning = PlayerSettings(learning_rate=2e-2)
        recipe = styled(weight=1_000.0, generator=learning)
        state = trained(start(recipe), recipe, 1)
        first = state.metrics.sums["generator/path_length"]
        state.path_average.fill_(2 * first)
        trained(state, recipe, 40)
        before = state.metrics.sums["generator/path_length"]
        trained(state, recipe, 20)
        last = (state.metrics.sums["generator/path_length"] - before) / 20
        assert last == pytest.approx(2 * first, rel=0.2)

    @pytest.mark.parametrize("recipe", [styled(0.9, 2.0, every=2), styled(0.5), styled(0, 1.0)])
    def test_it_resumes_bit_for_bit(self, recipe: Recipe) -> None:
        straight, resumed = start(recipe), start(recipe)
        trained(straight, recipe, 3)
        tensors = {name: tensor.clone() for name, tensor in straight.tensors().items()}
        resumed.restore(tensors, straight.values())
        for state in (straight, resumed):
            trained(state, recipe, 2)
        assert same(straight.tensors().values(), resumed.tensors().values())
        assert straight.tensors().keys() == resumed.tensors().keys()

    def test_captured_steps_are_the_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend_cuda_graphs(monkeypatch)
        recipe = styled(0.9, 2.0, generator_batch=BATCH)
        graphs = CudaGraphs("for a test")
        plain, captured = start(recipe), start(recipe)
        captured.use_engine(graphs)
        for state in (plain, captured):
            trained(state, recipe, WARMUP_STEPS + 2)
        assert graphs.fallback is None
        assert all(function.captured is not None for function in graphs.functions)
        for name, expected in plain.tensors().items():
            torch.testing.assert_close(captured.tensors()[name], expected, msg=name)

    def test_what_is_off_is_neither_drawn_nor_kept(self) -> None:
        recipe = styled()
        state = trained(start(recipe), recipe, 1)
        assert "path_average" not in state.tensors()
        assert draw_generator_inputs(state, recipe, BATCH, None).mixing is None


class TestMixing:
    def test_crossovers_are_uniform_and_as_frequent_as_asked(self) -> None:
        recipe = styled(mixing=0.7)
        state = start(recipe)
        layers = 6
        mixing = draw_generator_inputs(state, recipe, 20_000, None).mixing
        assert mixing is not None
        frequencies = torch.bincount(mixing.crossover, minlength=layers + 1) / 20_000
        assert frequencies[0] == 0
        expected = [0.7 / (layers - 1)] * (layers - 1) + [0.3]
        assert frequencies[1:].tolist() == pytest.approx(expected, abs=0.015)
        assert float(mixing.others.std()) == pytest.approx(1, abs=0.02)

    def test_fakes_are_of_mixed_styles(self) -> None:
        recipe = styled(mixing=1.0)
        state = start(recipe)
        inputs = draw_generator_inputs(state, recipe, BATCH, None)
        plain = state.functions.generate(inputs.latents, None)
        mixed = state.functions.generate(*inputs)
        assert not torch.allclose(plain, mixed)


class TestRules:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"style_mixing": 0.9}, "generator.style_mixing"),
            (
                {"regularisers": Regularisers(path_length=RegulariserSettings(weight=2.0))},
                "generator.regularisers.path_length.weight",
            ),
        ],
    )
    def test_a_generator_without_styles_is_refused(
        self, changes: dict[str, Any], field: str
    ) -> None:
        recipe = tiny_recipe()
        player = dataclasses.replace(recipe.generator, **changes)
        with pytest.raises(RecipeError) as caught:
            checked(dataclasses.replace(recipe, generator=player))
        assert list(caught.value.problems) == [
            f"{field}: the generator network dcgan has no style space; set it to 0, or choose the "
            "generator.network style"
        ]

    def test_a_probability_above_1_is_refused(self) -> None:
        with pytest.raises(RecipeError, match=r"generator\.style_mixing"):
            checked(styled(mixing=1.5))
