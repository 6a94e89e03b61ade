"""Penalties and regularisers with their weights, and when each of them is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from torch import Tensor

from ganvas.objectives.settings import Penalties, Regularisers
from ganvas.schedules import Schedule, extremes, value_at

Terms = dict[str, Tensor]
"""Scalars by name; their sum is what a player minimises."""


AnyBatch = TypeVar("AnyBatch")
"""What the terms of one player see: a `DiscriminatorBatch` or a `GeneratorPass`."""


@dataclass(frozen=True)
class WeightedTerm(Generic[AnyBatch]):
    """A penalty or regulariser, its weight as a schedule of images seen, and when it is due."""

    name: str
    function: Callable[[AnyBatch], Tensor]
    """A batch -> (N,)."""
    weight: Schedule
    every: int
    first_step: int = 0
    """The first step of its player that may compute it."""

    def is_due(self, step: int) -> bool:
        """Whether step `step` of its player (from 0) computes it."""
        return step >= self.first_step and step % self.every == 0


def active_terms(
    settings: Penalties | Regularisers,
    functions: Mapping[str, Callable[[AnyBatch], Tensor]],
    first_steps: Mapping[str, int] | None = None,
) -> tuple[WeightedTerm[AnyBatch], ...]:
    """The terms whose weight is ever above 0; those of `first_steps` begin later than at step 0."""
    first_steps = first_steps or {}
    active = []
    for field in fields(settings):
        chosen = getattr(settings, field.name)
        if extremes(chosen.weight) != (0.0, 0.0):
            active.append(
                WeightedTerm(
                    field.name,
                    functions[field.name],
                    chosen.weight,
                    chosen.every,
                    first_steps.get(field.name, 0),
                )
            )
    return tuple(active)


def due_weights(
    terms: tuple[WeightedTerm[Any], ...], step: int, images_seen: int
) -> dict[str, float]:
    """The weight of each term that is due at a step of its player, by name.

    A term that is due at every n-th step counts n times as much.
    """
    return {
        term.name: value_at(term.weight, images_seen) * term.every
        for term in terms
        if term.is_due(step)
    }


def weighted_means(
    terms: tuple[WeightedTerm[AnyBatch], ...],
    batch: AnyBatch,
    weights: Mapping[str, float | Tensor],
) -> Terms:
    """Weight times mean over the batch, of each term that has a weight here."""
    return {
        term.name: weights[term.name] * term.function(batch).mean()
        for term in terms
        if term.name in weights
    }
