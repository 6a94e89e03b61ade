"""Any loss with any penalty and any constraint trains any architecture: one real step of each."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
import torch

from ganvas.errors import RecipeError
from ganvas.networks import ARCHITECTURES, Architecture
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.training.step import train_step
from tests.builders.tiny import BATCH, same, small, start, tiny_recipe, weights_of

CLIP = 0.05
CONSTRAINTS: dict[str, dict[str, Any]] = {
    "none": {},
    "clip": {"clip_weights": CLIP},
    "spectral": {"spectral_norm": True},
}
BATCH_NORMALISED = [
    small(kind, discriminator_norm="batch")
    for name, kind in sorted(ARCHITECTURES.items())
    if "discriminator_norm" in {field.name for field in dataclasses.fields(kind)}
]


def penalised(*names: str) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=1.0) for name in names})


@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_one_step_is_finite_and_moves_both_players(
    kind: type[Architecture], loss: Any, penalty: str, constraint: str
) -> None:
    penalties = penalised(*[] if penalty == "none" else [penalty])
    settings = ObjectiveSettings(loss=loss, penalties=penalties, **CONSTRAINTS[constraint])
    recipe = tiny_recipe(architecture=small(kind), objective=settings)
    state = start(recipe)
    if constraint == "clip":
        objective.after_update(state.discriminator)  # so that a change below is the step's
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


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_all_penalties_and_constraints_work_together(kind: type[Architecture]) -> None:
    settings = ObjectiveSettings(
        loss="relativistic",
        real_label=0.9,
        penalties=penalised(*PENALTIES),
        clip_weights=CLIP,
        spectral_norm=True,
    )
    recipe = tiny_recipe(architecture=small(kind), objective=settings)
    state = start(recipe)
    for _ in range(3):
        train_step(state, recipe)
    assert all(weight.isfinite().all() for weight in state.discriminator.parameters())


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_augmented_images_train_any_architecture_with_all_penalties(
    kind: type[Architecture],
) -> None:
    settings = ObjectiveSettings(loss="relativistic", penalties=penalised(*PENALTIES))
    recipe = tiny_recipe(architecture=small(kind), objective=settings, augmentation=0.5)
    state = start(recipe)
    before = weights_of(state.generator), weights_of(state.discriminator)
    for _ in range(3):
        train_step(state, recipe)
    for network, old in zip((state.generator, state.discriminator), before, strict=True):
        assert all(weight.isfinite().all() for weight in network.parameters())
        assert not same(old, network.parameters())


@pytest.mark.parametrize(
    ("architecture", "penalty"),
    list(itertools.product(BATCH_NORMALISED, PENALTIES)),
    ids=lambda value: getattr(value, "name", value),
)
def test_gradient_penalty_of_a_batch_normalised_discriminator_is_refused_with_the_reason(
    architecture: Architecture, penalty: str
) -> None:
    recipe = tiny_recipe(
        architecture=architecture, objective=ObjectiveSettings(penalties=penalised(penalty))
    )
    with pytest.raises(RecipeError) as caught:
        checked(recipe)
    (problem,) = caught.value.problems
    assert problem.startswith(f"objective.penalties.{penalty}.weight: ")
    assert "batch" in problem
    assert "architecture.discriminator_norm" in problem


@pytest.mark.parametrize("architecture", BATCH_NORMALISED, ids=lambda value: value.name)
def test_batch_normalised_discriminator_trains_where_no_penalty_forbids_it(
    architecture: Architecture,
) -> None:
    recipe = tiny_recipe(architecture=architecture)
    state = start(recipe)
    before = weights_of(state.discriminator)
    train_step(state, recipe)
    assert not same(before, state.discriminator.parameters())


def test_the_refused_penalty_would_indeed_mix_images() -> None:
    """The gradient at one image changes with its neighbours under batch normalisation only."""
    for norm, couples in (("none", False), ("layer", False), ("batch", True)):
        torch.manual_seed(0)
        architecture = small(ARCHITECTURES["dcgan"], discriminator_norm=norm)
        recipe = tiny_recipe(architecture=architecture)
        state = start(recipe)
        random = torch.Generator().manual_seed(0)
        image, one, other = torch.rand((3, 1, 1, 16, 16), generator=random)
        gradients = []
        for neighbour in (one, other):
            shown = image.clone().requires_grad_(True)
            logits = state.discriminator(torch.cat([shown, neighbour]))
            gradients.append(torch.autograd.grad(logits[0], shown)[0])
        assert torch.allclose(*gradients, atol=1e-7) != couples
        assert architecture.uses_batch_statistics == couples
