"""Probe contexts with known results: any images as fakes, any function as discriminator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganvas.health.probes import PROBES
from ganvas.health.probes.context import ProbeContext, ProbeValues
from ganvas.objectives.objective import Objective
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import Recipe
from ganvas.schedules import value_at
from ganvas.training.state import TrainState
from tests.builders.tiny import BATCH, LATENT_DIM, SIDE


class Replay(nn.Module):
    """A generator that returns the same images for all latents."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images.clone())

    def forward(self, latents: Tensor) -> Tensor:
        return self.images * 1


class Critic(nn.Module):
    """Any function of images (N, C, H, W) -> (N,), with one weight that multiplies it."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images) * self.weight[0, 0]


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Uniform in [-1, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def a_mean(images: Tensor) -> Tensor:
    """A critic that is neither constant nor special."""
    return images.flatten(1).mean(1)


def context(
    fake: Tensor | None = None,
    real: Tensor | None = None,
    critic: Callable[[Tensor], Tensor] = a_mean,
    **changes: Any,
) -> ProbeContext:
    """A context of the given fakes and reals, 1x16x16 noise where none are given.

    Plain gradient descent at 0.1 for both players. `changes` replace fields; networks among them
    get optimizers of their own.
    """
    fake = draw(8, 1, 16, 16, seed=1) if fake is None else fake
    real = draw(8, 1, 16, 16, seed=2) if real is None else real
    generator = changes.pop("generator", Replay(fake))
    discriminator = changes.pop("discriminator", Critic(critic))
    fields: dict[str, Any] = {
        "generator": generator,
        "discriminator": discriminator,
        "ema": changes.pop("ema", Replay(fake)),
        "generator_optimizer": torch.optim.SGD(generator.parameters(), 0.1),
        "discriminator_optimizer": torch.optim.SGD(discriminator.parameters(), 0.1),
        "objective": Objective.build(ObjectiveSettings()),
        "latents": torch.zeros(len(fake), 3),
        "real": real,
        "held_out": real[:0],
        "previous_snapshots": (),
        "images_seen": 1_000,
        "discriminator_steps": 10,
        "random": torch.Generator().manual_seed(0),
    }
    return ProbeContext(**{**fields, **changes})


def probe(name: str, *arguments: Any, **changes: Any) -> ProbeValues:
    """The values of one probe for `context(...)`."""
    return PROBES[name](context(*arguments, **changes))


def training_context(state: TrainState, count: int = BATCH, **changes: Any) -> ProbeContext:
    """A context of a tiny state, without copies; with as many held-out images as reals."""
    return ProbeContext(
        generator=state.generator,
        discriminator=state.discriminator,
        ema=state.ema,
        generator_optimizer=state.player("generator").optimizer,
        discriminator_optimizer=state.player("discriminator").optimizer,
        objective=changes.pop("objective", state.objective),
        latents=torch.randn(count, LATENT_DIM, generator=torch.Generator().manual_seed(1)),
        real=changes.pop("real", draw(count, 1, SIDE, SIDE, seed=2)),
        held_out=changes.pop("held_out", draw(count, 1, SIDE, SIDE, seed=3)),
        previous_snapshots=changes.pop("previous_snapshots", ()),
        images_seen=state.images_seen,
        discriminator_steps=state.discriminator_steps,
        random=changes.pop("random", torch.Generator().manual_seed(state.images_seen)),
        **changes,
    )


def copied_context(state: TrainState, recipe: Recipe, **changes: Any) -> ProbeContext:
    """`training_context` with copied networks, at the recipe's learning rates."""
    training, seen = training_context(state, **changes), state.images_seen
    players = (recipe.generator, recipe.discriminator)
    return training.with_copied_networks(
        *(value_at(player.learning_rate, seen) for player in players)
    )
