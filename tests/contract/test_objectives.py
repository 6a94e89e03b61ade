"""Any loss with any penalty trains any family, under any constraint: one real step of each pair."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ganvas.errors import RecipeError
from ganvas.networks import DISCRIMINATORS
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import checked
from ganvas.training.step import train_step
from tests.builders.tiny import (
    BATCH,
    FAMILIES,
    Networks,
    same,
    small,
    start,
    tiny_recipe,
    weights_of,
)

CLIP = 0.05
CONSTRAINTS: dict[str, dict[str, Any]] = {
    "none": {},
    "clip": {"clip_weights": CLIP},
    "spectral": {"spectral_norm": True},
}
TERMS = ["none", *PENALTIES]
BATCH_NORMALISED = [
    small(name, discriminator={"norm": "batch"})
    for name, kind in sorted(DISCRIMINATORS.items())
    if "norm" in {field.name for field in dataclasses.fields(kind)}
]


def penalised(*names: str) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=1.0) for name in names})


def steps() -> Iterator[Any]:
    """Every family with every penalty; losses and constraints take turns.

    A penalty is one more term of a loss, and a constraint changes weights before or after, so
    what two of them do together is all that there is to see: any two meet.
    """
    for (i, family), (j, penalty) in itertools.product(enumerate(FAMILIES), enumerate(TERMS)):
        loss = list(LOSSES)[(i + 5 * j) % len(LOSSES)]
        constraint = list(CONSTRAINTS)[(i + j) % len(CONSTRAINTS)]
        values = (family, loss, penalty, constraint)
        yield pytest.param(*values, id="-".join(values))


def test_any_two_choices_meet_although_some_take_turns() -> None:
    met = [case.values for case in steps()]
    choices = (FAMILIES, LOSSES, TERMS, CONSTRAINTS)
    for (i, some), (j, others) in itertools.combinations(enumerate(choices), 2):
        assert {(one[i], one[j]) for one in met} == {*itertools.product(some, others)}


@pytest.mark.parametrize(("family", "loss", "penalty", "constraint"), [*steps()])
def test_one_step_is_finite_and_moves_both_players(
    family: str, loss: Any, penalty: str, constraint: str
) -> None:
    penalties = penalised(*[] if penalty == "none" else [penalty])
    settings = ObjectiveSettings(loss=loss, penalties=penalties, **CONSTRAINTS[constraint])
    recipe = tiny_recipe(small(family), objective=settings)
    state = start(recipe)
    if constraint == "clip":
        state.objective.after_update(state.discriminator)  # so that a change below is the step's
    before = weights_of(state.generator), weights_of(state.discriminator)
    train_step(state, recipe)
    for network, old in zip((state.generator, state.discriminator), before, strict=True):
        new = weights_of(network)
        assert all(weight.isfinite().all() for weight in new)
        assert not same(old, new)
    if constraint == "clip":
        assert all(weight.abs().max() <= CLIP for weight in state.discriminator.parameters())
    assert state.images_seen == BATCH
    expected = {"adversarial"} if penalty == "none" else {"adversarial", penalty}
    prefix = "discriminator/loss/"
    measured = {name[len(prefix) :] for name in state.metrics.sums if name.startswith(prefix)}
    assert measured == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_all_penalties_and_constraints_work_together(family: str) -> None:
    settings = ObjectiveSettings(
        loss="relativistic",
        real_label=0.9,
        penalties=penalised(*PENALTIES),
        clip_weights=CLIP,
        spectral_norm=True,
    )
    recipe = tiny_recipe(small(family), objective=settings)
    state = start(recipe)
    for _ in range(3):
        train_step(state, recipe)
    assert all(weight.isfinite().all() for weight in state.discriminator.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_augmented_images_train_every_family_with_all_penalties(
    family: str,
) -> None:
    settings = ObjectiveSettings(loss="relativistic", penalties=penalised(*PENALTIES))
    recipe = tiny_recipe(small(family), objective=settings, augmentation=0.5)
    state = start(recipe)
    before = weights_of(state.generator), weights_of(state.discriminator)
    for _ in range(3):
        train_step(state, recipe)
    for network, old in zip((state.generator, state.discriminator), before, strict=True):
        assert all(weight.isfinite().all() for weight in network.parameters())
        assert not same(old, network.parameters())


@pytest.mark.parametrize(
    ("networks", "penalty"),
    list(itertools.product(BATCH_NORMALISED, PENALTIES)),
    ids=lambda value: value if isinstance(value, str) else value[1].name,
)
def test_gradient_penalty_of_a_batch_normalised_discriminator_is_refused_with_the_reason(
    networks: Networks, penalty: str
) -> None:
    recipe = tiny_recipe(networks, objective=ObjectiveSettings(penalties=penalised(penalty)))
    with pytest.raises(RecipeError) as caught:
        checked(recipe)
    (problem,) = caught.value.problems
    assert problem.startswith(f"objective.penalties.{penalty}.weight: ")
    assert "batch" in problem
    assert "discriminator.network.norm" in problem


@pytest.mark.parametrize("networks", BATCH_NORMALISED, ids=lambda value: value[1].name)
def test_batch_normalised_discriminator_trains_without_penalties(
    networks: Networks,
) -> None:
    recipe = tiny_recipe(networks)
    state = start(recipe)
    before = weights_of(state.discriminator)
    train_step(state, recipe)
    assert not same(before, state.discriminator.parameters())


def test_the_refused_penalty_would_mix_images() -> None:
    """The gradient at one image changes with its neighbours under batch normalisation only."""
    for norm, couples in (("none", False), ("layer", False), ("batch", True)):
        torch.manual_seed(0)
        networks = small("dcgan", discriminator={"norm": norm})
        recipe = tiny_recipe(networks)
        state = start(recipe)
        random = torch.Generator().manual_seed(0)
        image, one, other = torch.rand((3, 1, 1, 16, 16), generator=random)
        gradients = []
        for neighbour in (one, other):
            shown = image.clone().requires_grad_(True)
            logits = state.discriminator(torch.cat([shown, neighbour]))
            gradients.append(torch.autograd.grad(logits[0], shown)[0])
        assert torch.allclose(*gradients, atol=1e-7) != couples
        assert networks[1].uses_batch_statistics == couples
