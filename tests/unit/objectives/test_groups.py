"""A discriminator that compares the images of a group: what R1 is then, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas.errors import RecipeError
from ganvas.networks import Dimensions, ImageShape, StyleDiscriminator
from ganvas.objectives.batch import DiscriminatorBatch
from ganvas.objectives.penalties import PENALTIES, r1
from ganvas.objectives.settings import (
    ZERO_CENTRED_PENALTIES,
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
)
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe, checked
from ganvas.training.batch_size import BatchSizeFinder
from ganvas.training.distributed import check_batch_is_divisible
from tests.builders.tiny import small, tiny_data, tiny_recipe

CPU = torch.device("cpu")


def grouped(group: int = 4, **changes: Any) -> Recipe:
    return tiny_recipe(small("style", discriminator={"deviation_group": group}), **changes)


def penalised(name: str, weight: float = 1.0) -> ObjectiveSettings:
    return ObjectiveSettings(penalties=Penalties(**{name: PenaltySettings(weight=weight)}))


def problems_of(recipe: Recipe) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        checked(recipe)
    return list(caught.value.problems)


class TestR1:
    @pytest.fixture
    def network(self) -> torch.nn.Module:
        torch.manual_seed(0)
        config = StyleDiscriminator(width=4, deviation_group=2)
        return config.build(Dimensions(ImageShape(1, 16, 16), 6)).double()

    @pytest.fixture
    def images(self) -> Tensor:
        return torch.randn(4, 1, 16, 16, generator=torch.Generator().manual_seed(1)).double()

    def penalty(self, network: torch.nn.Module, images: Tensor) -> Tensor:
        nothing = images.new_empty(0)
        real = images.clone().requires_grad_()
        batch = DiscriminatorBatch(real, real, None, nothing, nothing, nothing, network, {})
        return r1(batch).detach()

    def test_it_is_that_of_each_group_alone(self, network: torch.nn.Module, images: Tensor) -> None:
        alone = [self.penalty(network, group) for group in images.split(2)]
        torch.testing.assert_close(self.penalty(network, images), torch.cat(alone))

    def test_of_a_group_it_is_the_slope_of_the_sum_of_its_logits(
        self, network: torch.nn.Module, images: Tensor
    ) -> None:
        """A finite difference along the gradient, for both images at once."""
        group = images[:2]
        leaf = group.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(leaf).sum(), leaf)
        direction = gradient / gradient.norm()
        step = 1e-5
        with torch.no_grad():
            ends = [network(group + sign * step * direction).sum() for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close(
            2 * self.penalty(network, group).sum(), slope.square(), rtol=1e-5, atol=0
        )


class TestRules:
    @pytest.mark.parametrize("name", PENALTIES)
    def test_penalties_that_ask_for_no_slope_are_taken_and_others_refused(self, name: str) -> None:
        recipe = grouped(objective=penalised(name))
        if name in ZERO_CENTRED_PENALTIES:
            assert checked(recipe) == recipe
            return
        (problem,) = problems_of(recipe)
        assert problem.startswith(
            f"objective.penalties.{name}.weight: under minibatch standard deviation"
        )
        assert "Set discriminator.network.deviation_group to 1, or choose r1 or r2" in problem

    def test_batch_normalisation_takes_neither(self) -> None:
        recipe = tiny_recipe(
            small("dcgan", discriminator={"norm": "batch"}), objective=penalised("r1")
        )
        (problem,) = problems_of(recipe)
        assert "under batch normalisation" in problem

    def test_batches_have_whole_groups(self) -> None:
        assert problems_of(grouped(batch=6, generator_batch=10)) == [
            "batch: the discriminator compares groups of 4 (discriminator.network.deviation_group),"
            " so it must be a multiple of 4, got 6. Nearest: 4 or 8",
            "generator_batch: the discriminator compares groups of 4 "
            "(discriminator.network.deviation_group), so it must be a multiple of 4, got 10. "
            "Nearest: 8 or 12",
        ]

    def test_groups_of_packs(self) -> None:
        (problem,) = problems_of(grouped(batch=12, objective=ObjectiveSettings(pac=2)))
        assert "groups of 4 packs of 2 (objective.pac)" in problem
        assert problem.endswith("multiple of 8, got 12. Nearest: 8 or 16")

    def test_processes_share_whole_groups(self) -> None:
        check_batch_is_divisible(grouped(batch=8), ProcessGroup(0, 2), CPU)
        with pytest.raises(RecipeError) as caught:
            check_batch_is_divisible(grouped(batch=12), ProcessGroup(0, 2), CPU)
        assert list(caught.value.problems) == [
            "batch: 12 images cannot be shared equally by 2 processes in groups of 4 "
            "(discriminator.network.deviation_group). Nearest: 8 or 16 images, or 1 or 3 processes"
        ]

    def test_a_smaller_batch_that_is_tried_has_whole_groups(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[int] = []

        def fits(_: BatchSizeFinder, recipe: Recipe) -> bool:
            tried.append(recipe.batch)
            return recipe.batch <= 8

        monkeypatch.setattr(BatchSizeFinder, "fits", fits)
        found = BatchSizeFinder(tiny_data(), CPU, 1, "auto").largest_batch(grouped(batch=40))
        assert found is not None
        assert found.batch == 8
        assert tried == [20, 8, 12]
        assert checked(found) == found
