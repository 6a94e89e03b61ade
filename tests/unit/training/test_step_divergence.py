"""A step that comes out as no finite number stops before any weight moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ganvas.errors import Diverged
from ganvas.objectives.losses import Loss
from ganvas.objectives.objective import Objective
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.objectives.weighted import WeightedTerm
from ganvas.recipes import PlayerSettings
from ganvas.training.step import train_step
from tests.builders.tiny import same, start, tiny_recipe, weights_of


def broken_adversarial(
    player: str, spoil: Callable[[Tensor], Tensor]
) -> Callable[[Objective], Objective]:
    def discriminator(real: Tensor, fake: Tensor, target: float) -> Tensor:
        return spoil(fake - real) if player == "discriminator" else fake - real

    def generator(fake: Tensor, real: Tensor) -> Tensor:
        return spoil(-fake) if player == "generator" else -fake

    return lambda objective: dataclasses.replace(objective, loss=Loss(discriminator, generator))


def broken_penalty(spoil: Callable[[Tensor], Tensor]) -> Callable[[Objective], Objective]:
    penalty = WeightedTerm("r1", lambda batch: spoil(batch.real_logits), 1.0, 1)
    return lambda objective: dataclasses.replace(objective, penalties=(penalty,))


def not_a_number(values: Tensor) -> Tensor:
    return values * float("nan")


def infinite(values: Tensor) -> Tensor:
    return values * 0 + float("inf")


def finite_with_an_infinite_gradient(values: Tensor) -> Tensor:
    return (values - values.detach()).sqrt()


class TestDivergence:
    @pytest.mark.parametrize(
        ("breaks", "player", "said"),
        [
            (broken_adversarial("discriminator", not_a_number), "discriminator",
             "discriminator: loss term adversarial became not a number"),
            (broken_adversarial("discriminator", infinite), "discriminator",
             "discriminator: loss term adversarial became infinite"),
            (broken_penalty(not_a_number), "discriminator",
             "discriminator: loss term r1 became not a number"),
            (broken_penalty(infinite), "discriminator",
             "discriminator: loss term r1 became infinite"),
            (broken_adversarial("generator", not_a_number), "generator",
             "generator: loss term adversarial became not a number"),
            (broken_adversarial("discriminator", finite_with_an_infinite_gradient),
             "discriminator",
             "discriminator: the gradient of loss term adversarial is not finite"),
            (broken_penalty(finite_with_an_infinite_gradient), "discriminator",
             "discriminator: the gradient of loss term r1 is not finite"),
            (broken_adversarial("generator", finite_with_an_infinite_gradient), "generator",
             "generator: the gradient of loss term adversarial is not finite"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("good_steps", [0, 2])
    def test_training_stops_before_the_update_and_names_player_and_term(
        self, breaks: Callable[[Objective], Objective], player: str, said: str, good_steps: int
    ) -> None:
        recipe = tiny_recipe(objective=ObjectiveSettings(loss="wasserstein"))
        state = start(recipe)
        for _ in range(good_steps):
            train_step(state, recipe)
        network = state.modules()[player]
        optimizer = state.optimizers()[f"{player}_optimizer"]
        before, means = weights_of(network), dict(state.metrics.counts)
        other = "generator" if player == "discriminator" else "discriminator"
        before_other, average = weights_of(state.modules()[other]), weights_of(state.ema)
        state.objective = breaks(state.objective)
        with pytest.raises(Diverged) as caught:
            train_step(state, recipe)
        assert str(caught.value) == said
        assert caught.value.exit_code == 3
        assert same(before, network.parameters())
        assert same(average, state.ema.parameters())
        assert {int(entry["step"]) for entry in optimizer.state.values()} <= {good_steps}
        spoiled = f"{player}/loss/adversarial"
        assert state.metrics.counts.get(spoiled) == means.get(spoiled)
        if player == "discriminator":
            assert same(before_other, state.modules()[other].parameters())
        assert all(weight.isfinite().all() for weight in state.modules()[other].parameters())

    @pytest.mark.parametrize("broken", ["generator", "discriminator"])
    def test_nonfinite_weights_of_one_player_never_reach_the_other(self, broken: str) -> None:
        recipe = tiny_recipe()
        state = start(recipe)
        with torch.no_grad():
            for weight in state.modules()[broken].parameters():
                weight.fill_(float("nan"))
        other = "generator" if broken == "discriminator" else "discriminator"
        before = weights_of(state.modules()[other])
        with pytest.raises(Diverged, match=r"^discriminator: loss term adversarial became not a"):
            train_step(state, recipe)
        assert same(before, state.modules()[other].parameters())

    def test_a_learning_rate_far_too_high_ends_in_divergence(self) -> None:
        wild = PlayerSettings(learning_rate=1e18)
        recipe = tiny_recipe(
            generator=wild, discriminator=wild, objective=ObjectiveSettings(loss="least-squares")
        )
        state = start(recipe)

        def train_for_long() -> None:
            for _ in range(50):
                train_step(state, recipe)

        with pytest.raises(Diverged):
            train_for_long()
        for network in (state.generator, state.discriminator):
            assert all(weight.isfinite().all() for weight in network.parameters())
