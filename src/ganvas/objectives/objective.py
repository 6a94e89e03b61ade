"""The objective: loss, penalties, regularisers and constraints, as named terms of each player."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from ganvas.objectives import constraints
from ganvas.objectives.batch import DiscriminatorBatch, GeneratorPass, Network
from ganvas.objectives.losses import LOSSES, Loss
from ganvas.objectives.packing import pack
from ganvas.objectives.penalties import PENALTIES, Penalty
from ganvas.objectives.regularisers import REGULARISERS, Regulariser
from ganvas.objectives.settings import ObjectiveSettings, Penalties, Regularisers
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_uniform
from ganvas.schedules import Schedule, extremes, value_at

Terms = dict[str, Tensor]
"""Scalars by name; their sum is what a player minimises."""


@dataclass(frozen=True)
class WeightedTerm:
    """A penalty or regulariser, its weight as a schedule of images seen, and when it is due."""

    name: str
    function: Callable[[Any], Tensor]
    weight: Schedule
    every: int

    def is_due(self, step: int) -> bool:
        """Whether step `step` of its player (from 0) computes it."""
        return step % self.every == 0


@dataclass(frozen=True)
class Objective:
    """Turns batches into named loss terms. It knows no optimizer and updates nothing by itself.

    Batches are packed here first: losses and penalties see packs as they would see images, N / pac
    of them with pac * C channels.
    """

    loss: Loss
    pac: int
    real_label: float
    penalties: tuple[WeightedTerm, ...]
    regularisers: tuple[WeightedTerm, ...]
    clip_bound: float
    spectral_norm: bool

    @classmethod
    def build(
        cls, settings: ObjectiveSettings, regularisers: Regularisers | None = None
    ) -> Objective:
        """Look up functions by name. Terms without weight are left out."""
        return cls(
            loss=LOSSES[settings.loss],
            pac=settings.pac,
            real_label=settings.real_label,
            penalties=weighted_terms(settings.penalties, PENALTIES),
            regularisers=weighted_terms(regularisers or Regularisers(), REGULARISERS),
            clip_bound=settings.clip_weights,
            spectral_norm=settings.spectral_norm,
        )

    def prepare_batch(
        self,
        real: Tensor,
        fake: Tensor,
        discriminator: Network,
        *,
        labels: Tensor | None = None,
        step: int,
        images_seen: int,
        random: torch.Generator,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> DiscriminatorBatch:
        """Pack images, choose the penalties that are due, and draw what they need.

        Args:
            real, fake: (N, C, H, W) around [-1, 1]; detached here.
            discriminator: packs (N / pac, pac * C, H, W) -> logits, with labels bound.
            labels: int64 (N,) of both, if the discriminator takes them.
            step: number of discriminator steps before this one; decides which penalties are due.
            images_seen: where the penalty weights' schedules stand.
            random: source of `alpha`.
            processes: the processes that share the whole batch; real and fake are one's part.
        """
        weights = {
            term.name: value_at(term.weight, images_seen) * term.every
            for term in self.penalties
            if term.is_due(step)
        }
        real, fake = (
            pack(images.detach(), self.pac).requires_grad_(bool(weights)) for images in (real, fake)
        )
        if weights:
            alpha = draw_uniform((len(real), 1, 1, 1), random, processes, real.dtype)
        else:
            alpha = real.new_empty(0)
        return DiscriminatorBatch(real, fake, labels, alpha, discriminator, weights)

    def discriminator_terms(self, batch: DiscriminatorBatch) -> Terms:
        """The discriminator's loss, term by term: a pure function of the batch's tensors."""
        loss = self.loss.discriminator(batch.real_logits, batch.fake_logits, self.real_label)
        terms = {"adversarial": loss.mean()}
        for term in self.penalties:
            if term.name in batch.penalty_weights:
                weight = batch.penalty_weights[term.name]
                terms[term.name] = weight * term.function(batch).mean()
        return terms

    def generator_terms(self, discriminator: Network, fake: Tensor, real: Tensor) -> Terms:
        """The generator's adversarial loss on its own images (N, C, H, W), with their history.

        `real` is used only by losses that compare the two (`generator_sees_real`).
        """
        fake_logits = discriminator(pack(fake, self.pac))
        if self.loss.generator_sees_real:
            with torch.no_grad():
                real_logits = discriminator(pack(real, self.pac))
        else:
            real_logits = torch.zeros_like(fake_logits)
        return {"adversarial": self.loss.generator(fake_logits, real_logits).mean()}

    def regulariser_weights(self, step: int, images_seen: int) -> dict[str, float]:
        """The weight of each regulariser that is due at generator step `step`, by name."""
        return {
            term.name: value_at(term.weight, images_seen) * term.every
            for term in self.regularisers
            if term.is_due(step)
        }

    def regulariser_terms(
        self, batch: GeneratorPass, weights: Mapping[str, float | Tensor]
    ) -> Terms:
        """What the due regularisers add to the generator's loss, term by term."""
        return {
            term.name: weights[term.name] * term.function(batch).mean()
            for term in self.regularisers
            if term.name in weights
        }

    def prepare(self, discriminator: nn.Module) -> None:
        """Apply the constraints that live inside the network, once, before its optimizer exists."""
        if self.spectral_norm:
            constraints.spectral_norm(discriminator)

    def after_update(self, discriminator: nn.Module) -> None:
        """Apply the constraints that follow an update of the discriminator."""
        if self.clip_bound > 0:
            constraints.clip_weights(discriminator, self.clip_bound)


def weighted_terms(
    settings: Penalties | Regularisers, functions: Mapping[str, Penalty] | Mapping[str, Regulariser]
) -> tuple[WeightedTerm, ...]:
    """The terms whose weight is ever above 0."""
    active = []
    for field in fields(settings):
        chosen = getattr(settings, field.name)
        if extremes(chosen.weight) != (0.0, 0.0):
            term = WeightedTerm(field.name, functions[field.name], chosen.weight, chosen.every)
            active.append(term)
    return tuple(active)
