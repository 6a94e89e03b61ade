"""Penalties heavy enough to be seen: without them a gradient is plainly another one.

With first weights and a weight of 1 a penalty is a thousandth of a discriminator's gradient, and
one-sided ones are nothing at all: a step that forgot them would pass for a rounded one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ganvas.objectives.objective import Objective
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.precision import FP32, Precision
from ganvas.training.inputs import next_real_batch
from ganvas.training.state import TrainState
from tests.builders.tiny import LATENT_DIM, tiny_recipe

STEEP = 3.0
"""The length of the discriminator's gradient at an image; penalties look at what is above 1."""
SHARE = 4.0
"""How many times as long as the loss' gradient each penalty's is."""
TELLING = 0.5
"""Of a gradient's length: what it lacks, at least, where a penalty is left out."""
IMAGES = 8


def steep(state: TrainState) -> TrainState:
    """Make the discriminator so steep that every penalty has something to say."""
    *_, last = (weight for weight in state.discriminator.parameters() if weight.ndim > 1)
    real = next_real_batch(state, tiny_recipe(), IMAGES).images.requires_grad_(True)
    (found,) = torch.autograd.grad(state.discriminator(real).sum(), real)
    with torch.no_grad():
        last.mul_(STEEP / found.flatten(1).norm(dim=1).mean())
    state.stream.samples_drawn = 0
    return state


def told(
    state: TrainState, settings: ObjectiveSettings, *penalties: str, every: int = 1
) -> ObjectiveSettings:
    """The objective with these penalties, each with a weight that tells in this state."""
    plain = dataclasses.replace(settings, penalties=Penalties())
    without = discriminator_gradient(state, plain)
    chosen = {}
    for name in penalties:
        alone = dataclasses.replace(
            plain, penalties=Penalties(**{name: PenaltySettings(weight=1.0)})
        )
        penalty = discriminator_gradient(state, alone) - without
        weight = SHARE * float(without.norm() / penalty.norm())
        chosen[name] = PenaltySettings(weight=weight / every, every=every)
    return dataclasses.replace(settings, penalties=Penalties(**chosen))


def lacks(state: TrainState, settings: ObjectiveSettings) -> float:
    """What the discriminator's gradient lacks without penalties, as a share of its length."""
    whole = discriminator_gradient(state, settings)
    plain = discriminator_gradient(state, dataclasses.replace(settings, penalties=Penalties()))
    return distance(plain, whole)


def discriminator_gradient(
    state: TrainState, settings: ObjectiveSettings, precision: Precision = FP32
) -> Tensor:
    """Of the discriminator's loss on one batch, as one row; the state is left as it was."""
    kept = {name: generator.get_state() for name, generator in state.random.items()}
    real = next_real_batch(state, tiny_recipe(), IMAGES).images
    latents = torch.randn(IMAGES, LATENT_DIM, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        fake = state.generator(latents.to(state.device))
    objective = Objective.build(settings)
    batch = objective.prepare_batch(
        real,
        fake,
        precision.through(state.discriminator),
        step=0,
        images_seen=0,
        random=state.random["penalties"],
    )
    terms = objective.discriminator_terms(batch)
    state.stream.samples_drawn = 0
    for name, generator in state.random.items():
        generator.set_state(kept[name])
    return row(torch.autograd.grad(sum(terms.values()), list(state.discriminator.parameters())))


def gradient_of(network: nn.Module) -> Tensor:
    """What the last step left as gradients, as one row."""
    return row(weight.grad for weight in network.parameters() if weight.grad is not None)


def row(tensors: Iterable[Tensor]) -> Tensor:
    """Tensors of any shapes in one row."""
    return torch.cat([one.detach().flatten() for one in tensors])


def distance(rough: Tensor, exact: Tensor) -> float:
    """Between two gradients, as a share of the exact one's length."""
    return float((rough - exact).norm() / exact.norm())
