"""One optimizer step, if everything that decides it is finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganvas.errors import Diverged
from ganvas.objectives.weighted import Terms
from ganvas.processes import ProcessGroup
from ganvas.training.engine import Tensors
from ganvas.training.metrics import StepMetrics, bad_gradient, nonfinite_term
from ganvas.training.optimizers import Player, follow_schedules
from ganvas.training.state import TrainState


@dataclass(frozen=True)
class LossNames:
    """The names of an update's scalars, and how to compute its terms again."""

    terms: tuple[str, ...]
    observed: tuple[str, ...] = ()
    recompute_terms: Callable[[], Terms] = dict
    """Computes the terms once more, to find which of several has a bad gradient."""


def apply_update(
    state: TrainState, player: Player, scalars: Tensor, gradients: Tensors, loss: LossNames
) -> None:
    """Minimise the sum of one player's loss terms by one optimizer step.

    Scalars and gradients are averaged over all processes first, in place.

    Raises:
        Diverged: a term or a gradient is not finite. A GPU is not waited for: there
            `MetricAccumulator.flush` raises it, before anything is written.
    """
    # From here on all processes hold the same, and what is not finite anywhere stops all of them.
    state.processes.all_reduce_mean([*gradients, scalars])
    norm = state.functions.gradient_norm(player, loss.terms, gradients)
    names = (*(f"loss/{name}" for name in loss.terms), *loss.observed, "gradient_norm")
    metrics = StepMetrics(player.role, names, torch.cat([scalars, norm[None]]))
    if state.device.type == "cuda":
        state.metrics.defer(metrics)
    else:
        measured = metrics.by_name()
        if not all(map(math.isfinite, measured.values())):
            culprit = find_nonfinite_term(measured, loss, player.network, state.processes)
            raise Diverged(f"{player.role}: {culprit}")
        state.metrics.add(player.role, measured)
    step_optimizer(state, player, gradients, loss.terms)


def step_optimizer(
    state: TrainState, player: Player, gradients: Tensors, terms: tuple[str, ...]
) -> None:
    """Move one player's weights, with the learning rate and betas that are due now."""
    before = player.hyperparameters
    follow_schedules(player.optimizer, player.settings, state.images_seen)
    if player.hyperparameters == before:
        state.functions.optimizer_step(player, terms, gradients)
        return
    # A schedule that moves at every step would be captured at every step.
    player.step(gradients)


def find_nonfinite_term(
    measured: Mapping[str, float], loss: LossNames, network: nn.Module, processes: ProcessGroup
) -> str:
    """Name what is not finite on any process: a term, or else the term whose gradient is not."""
    culprit = nonfinite_term(measured)
    if culprit is not None:
        return culprit
    names = processes.all_gather_object(term_with_bad_gradient(loss.recompute_terms(), network))
    return bad_gradient(next((name for name in names if name is not None), None))


def term_with_bad_gradient(terms: Terms, network: nn.Module) -> str | None:
    """The first term whose own gradient is not finite."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    for name, term in terms.items():
        for gradient in torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True):
            if gradient is not None and not gradient.isfinite().all():
                return name
    return None
