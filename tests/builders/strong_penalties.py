"""Penalties with weights so large that a gradient without them clearly differs.

With initial weights and a penalty weight of 1, the penalty is a thousandth of the discriminator's
gradient, and one-sided penalties are zero. A step that omitted them would look like rounding.
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

GRADIENT_NORM = 3.0
"""Mean norm of the gradient at real images; one-sided penalties need more than 1."""
PENALTY_RATIO = 4.0
"""Norm of each penalty's gradient, relative to that of the loss."""
CLEAR_FRACTION = 0.5
"""Smallest relative change of a gradient if a penalty is left out."""
IMAGES = 8


def steepen(state: TrainState) -> TrainState:
    """Scale the discriminator's last weight, so that every penalty is positive."""
    *_, last = (weight for weight in state.discriminator.parameters() if weight.ndim > 1)
    real = next_real_batch(state, tiny_recipe(), IMAGES).images.requires_grad_(True)
    (gradient,) = torch.autograd.grad(state.discriminator(real).sum(), real)
    with torch.no_grad():
        last.mul_(GRADIENT_NORM / gradient.flatten(1).norm(dim=1).mean())
    state.stream.samples_drawn = 0
    return state


def with_strong_penalties(
    state: TrainState, settings: ObjectiveSettings, *penalties: str, every: int = 1
) -> ObjectiveSettings:
    """The objective with these penalties, weighted for this state by `PENALTY_RATIO`."""
    plain = dataclasses.replace(settings, penalties=Penalties())
    without = discriminator_gradient(state, plain)
    chosen = {}
    for name in penalties:
        alone = dataclasses.replace(
            plain, penalties=Penalties(**{name: PenaltySettings(weight=1.0)})
        )
        penalty = discriminator_gradient(state, alone) - without
        weight = PENALTY_RATIO * float(without.norm() / penalty.norm())
        chosen[name] = PenaltySettings(weight=weight / every, every=every)
    return dataclasses.replace(settings, penalties=Penalties(**chosen))


def penalty_fraction(state: TrainState, settings: ObjectiveSettings) -> float:
    """Change of the discriminator's gradient without penalties, relative to its norm."""
    whole = discriminator_gradient(state, settings)
    plain = discriminator_gradient(state, dataclasses.replace(settings, penalties=Penalties()))
    return relative_distance(plain, whole)


def discriminator_gradient(
    state: TrainState, settings: ObjectiveSettings, precision: Precision = FP32
) -> Tensor:
    """Gradient of the discriminator's loss on one batch, flattened; the state does not change."""
    random_states = {name: generator.get_state() for name, generator in state.random.items()}
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
        generator.set_state(random_states[name])
    return flatten(torch.autograd.grad(sum(terms.values()), list(state.discriminator.parameters())))


def step_gradient(network: nn.Module) -> Tensor:
    """The gradients that the last step left, flattened."""
    return flatten(weight.grad for weight in network.parameters() if weight.grad is not None)


def flatten(tensors: Iterable[Tensor]) -> Tensor:
    """Tensors of any shapes as one vector."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def relative_distance(rough: Tensor, exact: Tensor) -> float:
    """Distance between two gradients, relative to the norm of the exact one."""
    return float((rough - exact).norm() / exact.norm())
