"""How losses, penalties and constraints become named terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import (
    PENALTIES_WITHOUT_GRADIENT,
    LossName,
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
)
from ganvas.objectives.weighted import Terms
from ganvas.schedules import Ramp

SHAPE = (4, 1, 2, 2)
STEEP = 3.0
R1_OF_STEEP = STEEP**2 / 2
GP_OF_STEEP = (STEEP - 1) ** 2


class Critic(nn.Module):
    """A linear critic whose gradient has norm `STEEP` everywhere; counts its forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full(SHAPE[1:], STEEP / 2))
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return (images * self.weight).flatten(1).sum(1)


def objective(loss: LossName = "non-saturating", **penalties: PenaltySettings) -> Objective:
    return Objective.build(ObjectiveSettings(loss=loss, penalties=Penalties(**penalties)))


def images(seed: int) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def terms(
    chosen: Objective,
    discriminator: Callable[[Tensor], Tensor] | None = None,
    *,
    step: int = 0,
    images_seen: int = 0,
    fake: Tensor | None = None,
) -> Terms:
    batch = chosen.prepare_batch(
        images(0),
        images(1) if fake is None else fake,
        discriminator or Critic(),
        step=step,
        images_seen=images_seen,
        random=torch.Generator().manual_seed(2),
    )
    return chosen.discriminator_terms(batch)


def test_recipes_can_name_exactly_the_losses_and_penalties_that_exist() -> None:
    assert set(get_args(LossName)) == set(LOSSES)
    assert {field.name for field in fields(Penalties)} == {*PENALTIES, *PENALTIES_WITHOUT_GRADIENT}


def test_default_objective_has_no_penalty_and_no_constraint() -> None:
    plain = Objective.build(ObjectiveSettings())
    assert plain.loss is LOSSES["non-saturating"]
    assert plain.real_label == 1.0
    assert plain.penalties == ()
    critic = Critic()
    before = critic.weight.detach().clone()
    plain.prepare(critic)
    plain.after_update(critic)
    assert torch.equal(critic.weight, before)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_adversarial_term_is_the_mean_of_the_loss(name: Any) -> None:
    critic = Critic()
    real_logits, fake_logits = critic(images(0)), critic(images(1))
    smoothed = Objective.build(ObjectiveSettings(loss=name, real_label=0.9))
    found = terms(smoothed)
    assert list(found) == ["adversarial"]
    expected = LOSSES[name].discriminator(real_logits, fake_logits, 0.9).mean()
    torch.testing.assert_close(found["adversarial"], expected)
    ours = smoothed.generator_terms(critic, images(1), images(0))
    assert list(ours) == ["adversarial"]
    expected = LOSSES[name].generator(fake_logits, real_logits).mean()
    torch.testing.assert_close(ours["adversarial"], expected)


def test_each_penalty_is_a_term_of_its_own_times_its_weight() -> None:
    found = terms(
        objective(
            gradient_penalty=PenaltySettings(weight=10.0),
            r1=PenaltySettings(weight=0.5),
            r2=PenaltySettings(weight=2.0),
        )
    )
    assert set(found) == {"adversarial", "gradient_penalty", "r1", "r2"}
    assert float(found["gradient_penalty"].detach()) == pytest.approx(10.0 * GP_OF_STEEP)
    assert float(found["r1"].detach()) == pytest.approx(0.5 * R1_OF_STEEP)
    assert float(found["r2"].detach()) == pytest.approx(2.0 * R1_OF_STEEP)


@pytest.mark.parametrize(
    ("images_seen", "weight"), [(0, 4.0), (250, 3.0), (500, 2.0), (1000, 0.0), (5000, 0.0)]
)
def test_penalty_weight_follows_its_schedule(images_seen: int, weight: float) -> None:
    ramp = Ramp(shape="linear", start=4.0, end=0.0, images=1000)
    found = terms(objective(r1=PenaltySettings(weight=ramp)), images_seen=images_seen)
    assert float(found["r1"].detach()) == pytest.approx(weight * R1_OF_STEEP)


def test_lazy_penalty_has_the_same_sum_over_a_cycle() -> None:
    every = 4
    lazy = objective(r1=PenaltySettings(weight=0.5, every=every))
    eager = objective(r1=PenaltySettings(weight=0.5))
    found = [terms(lazy, step=step).get("r1") for step in range(2 * every)]
    assert [value is not None for value in found] == [True, False, False, False] * 2
    total = sum(float(value.detach()) for value in found if value is not None)
    eagerly = sum(float(terms(eager, step=step)["r1"].detach()) for step in range(2 * every))
    assert total == pytest.approx(eagerly)


@pytest.mark.parametrize(
    ("penalties", "calls"),
    [
        ({}, 2),
        ({"r1": PenaltySettings(weight=1.0), "r2": PenaltySettings(weight=1.0)}, 2),
        ({"gradient_penalty": PenaltySettings(weight=1.0)}, 3),
        ({"gradient_penalty": PenaltySettings(weight=0.0)}, 2),
    ],
)
def test_discriminator_runs_no_more_often_than_needed(
    penalties: dict[str, PenaltySettings], calls: int
) -> None:
    critic = Critic()
    terms(objective(**penalties), critic)
    assert critic.calls == calls


def test_lazy_penalty_costs_nothing_when_it_is_not_due() -> None:
    critic = Critic()
    chosen = objective(gradient_penalty=PenaltySettings(weight=1.0, every=16))
    terms(chosen, critic, step=15)
    assert critic.calls == 2


def test_generator_terms_use_real_images_only_for_relativistic_losses() -> None:
    counts = {}
    for name in get_args(LossName):
        critic = Critic()
        objective(name).generator_terms(critic, images(1), images(0))
        counts[name] = critic.calls
    assert counts == {name: 2 if name == "relativistic" else 1 for name in get_args(LossName)}


def test_discriminator_terms_never_train_the_generator() -> None:
    source = torch.ones(SHAPE, requires_grad=True)
    everything = {name: PenaltySettings(weight=1.0) for name in PENALTIES}
    found = terms(objective(**everything), fake=source * 0.5)
    torch.stack(list(found.values())).sum().backward()
    assert source.grad is None


def test_generator_terms_do_train_the_generator() -> None:
    source = torch.ones(SHAPE, requires_grad=True)
    found = objective("wasserstein").generator_terms(Critic(), source * 0.5, images(0))
    found["adversarial"].backward()
    expected = torch.full(SHAPE, -0.5 * (STEEP / 2) / SHAPE[0])
    torch.testing.assert_close(source.grad, expected)


def test_the_callers_batch_is_not_changed() -> None:
    real = images(0)
    chosen = objective(r1=PenaltySettings(weight=1.0))
    batch = chosen.prepare_batch(
        real, images(1), Critic(), step=0, images_seen=0, random=torch.Generator()
    )
    chosen.discriminator_terms(batch)
    assert not real.requires_grad


def test_clipping_holds_after_an_update() -> None:
    critic = Critic()
    clipped = Objective.build(ObjectiveSettings(clip_weights=0.05))
    optimizer = torch.optim.SGD(critic.parameters(), lr=10.0)
    terms(clipped, critic)["adversarial"].backward()
    optimizer.step()
    assert critic.weight.abs().max() > 0.05
    clipped.after_update(critic)
    assert critic.weight.abs().max() == torch.tensor(0.05)


def test_spectral_norm_is_added_once_before_training() -> None:
    layer = nn.Linear(4, 3)
    Objective.build(ObjectiveSettings(spectral_norm=True)).prepare(nn.Sequential(layer))
    assert [name for name, _ in layer.named_parameters()] == [
        "bias",
        "parametrizations.weight.original",
    ]
