"""What every policy of augmentation keeps: bits at probability 0, alpha, derivatives, chance."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from ganvas.objectives.augmentation import POLICIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings, PolicyName
from ganvas.processes import ProcessGroup
from ganvas.training.step import train_step
from tests.builders.tiny import same, start, tiny_recipe, weights_of

pytestmark = pytest.mark.parametrize("name", POLICIES)


def noise(channels: int = 3, height: int = 12, width: int = 12, count: int = 4) -> Tensor:
    random = torch.Generator().manual_seed(0)
    shape = (count, channels, height, width)
    return 2 * torch.rand(shape, generator=random, dtype=torch.float64) - 1


def augment(
    name: Any,
    images: Tensor,
    probability: float,
    random: torch.Generator | None = None,
    processes: ProcessGroup | None = None,
) -> Tensor:
    random = random or torch.Generator().manual_seed(3)
    policy = POLICIES[name]
    (augmented,) = policy([images], probability, random, processes or ProcessGroup())
    return augmented


def test_every_policy_is_a_choice_of_recipes(name: Any) -> None:
    assert name in get_args(PolicyName)
    assert len(get_args(PolicyName)) == len(POLICIES)


def test_probability_zero_returns_the_images_and_draws_nothing(name: Any) -> None:
    images, random = noise(), torch.Generator().manual_seed(0)
    before = random.get_state()
    assert augment(name, images, 0.0, random) is images
    assert torch.equal(random.get_state(), before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(16, 16), (7, 7), (12, 20), (2, 5)])
def test_shape_and_dtype_stay(name: Any, channels: int, size: tuple[int, int]) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        images = noise(channels, *size).to(dtype)
        augmented = augment(name, images, 0.9)
        assert augmented.shape == images.shape
        assert augmented.dtype == dtype
        assert augmented.isfinite().all()
        assert not torch.equal(augmented, images)


@pytest.mark.parametrize("channels", [2, 4])
def test_colours_do_not_change_alpha(name: Any, channels: int) -> None:
    """Of a constant image alpha keeps its value, but for the mid-grey of holes and edges."""
    images = torch.full((64, channels, 16, 16), 0.25, dtype=torch.float64)
    alpha = augment(name, images, 1.0)[:, -1]
    assert ((alpha - 0.25).abs() < 1e-12).logical_or(alpha == 0).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_first_and_second_derivatives_equal_finite_differences(name: Any, channels: int) -> None:
    images = noise(channels, 6, 5, count=2).requires_grad_()

    def pipeline(images: Tensor) -> Tensor:
        # Not 0 where a hole is: else nothing would come back from there anyway.
        return (augment(name, images, 1.0) + 1).square()

    assert torch.autograd.gradcheck(pipeline, images)
    assert torch.autograd.gradgradcheck(pipeline, images)


def test_an_image_does_not_depend_on_the_others(name: Any) -> None:
    images = noise()
    other = images.clone()
    other[1:] = 0.5
    assert torch.equal(augment(name, images, 0.8)[0], augment(name, other, 0.8)[0])


def test_randomness_comes_from_the_given_generator_alone(name: Any) -> None:
    images = noise(count=8)
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(1)
    first, second = augment(name, images, 0.5, random), augment(name, images, 0.5, random)
    torch.manual_seed(2)
    again = torch.Generator().manual_seed(0)
    assert torch.equal(augment(name, images, 0.5, again), first)
    assert torch.equal(augment(name, images, 0.5, again), second)
    assert not torch.equal(first, second)


def test_two_processes_augment_like_one(name: Any) -> None:
    images = noise(count=6)
    whole = augment(name, images, 0.7)
    parts = [
        augment(name, images[processes.local_slice(6)], 0.7, processes=processes)
        for processes in (ProcessGroup(0, 2), ProcessGroup(1, 2))
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_both_players_train_with_every_kind_of_penalty(name: Any) -> None:
    """The generator learns through the policy, and penalties of its images are differentiable."""
    penalties = Penalties(r1=PenaltySettings(weight=1.0), r2=PenaltySettings(weight=1.0))
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss="relativistic", penalties=penalties),
        augmentation=1.0,
        augmentation_policy=name,
    )
    state = start(recipe)
    before = weights_of(state.generator), weights_of(state.discriminator)
    for _ in range(2):
        train_step(state, recipe)
    for network, old in zip((state.generator, state.discriminator), before, strict=True):
        assert all(weight.isfinite().all() for weight in network.parameters())
        assert not same(old, network.parameters())
