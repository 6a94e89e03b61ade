"""The objective: a loss, named penalties and constraints, as named terms of each player's loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from ganvas.objectives import constraints
from ganvas.objectives.losses import LOSSES, Loss
from ganvas.objectives.packing import pack
from ganvas.objectives.penalties import PENALTIES, DiscriminatorPass, Penalty
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.ranks import ALONE, Ranks
from ganvas.schedules import Schedule, extremes, value_at

Terms = dict[str, Tensor]
"""Scalars by name; their sum is what a player minimises."""


@dataclass(frozen=True)
class WeightedPenalty:
    """A penalty, its weight as a schedule of images seen, and every how many steps it is due."""

    name: str
    penalty: Penalty
    weight: Schedule
    every: int

    def is_due(self, step: int) -> bool:
        """Whether discriminator step `step` (from 0) computes it."""
        return step % self.every == 0


@dataclass(frozen=True)
class Objective:
    """Turns batches into named loss terms; knows no optimizer and makes no update of its own.

    Batches are packed here, before anything else looks at them: losses and penalties see packs as
    they would see images, N / pac of them with pac * C channels, and one logit each.
    """

    loss: Loss
    pac: int
    real_target: float
    penalties: tuple[WeightedPenalty, ...]
    clip_bound: float
    spectral_norm: bool

    @classmethod
    def build(cls, settings: ObjectiveSettings) -> Objective:
        """Resolve names to functions; penalties with no weight are left out."""
        active = []
        for field in fields(settings.penalties):
            chosen = getattr(settings.penalties, field.name)
            if extremes(chosen.weight) != (0.0, 0.0):
                penalty = PENALTIES[field.name]
                active.append(WeightedPenalty(field.name, penalty, chosen.weight, chosen.every))
        return cls(
            loss=LOSSES[settings.loss],
            pac=settings.pac,
            real_target=settings.label_smoothing,
            penalties=tuple(active),
            clip_bound=settings.clip_weights,
            spectral_norm=settings.spectral_norm,
        )

    def discriminator_terms(
        self,
        judge: Callable[[Tensor], Tensor],
        real: Tensor,
        fake: Tensor,
        *,
        step: int,
        images_seen: int,
        random: torch.Generator,
        ranks: Ranks = ALONE,
    ) -> tuple[Terms, DiscriminatorPass]:
        """The discriminator's loss on one batch, term by term, and the pass they came from.

        Args:
            judge: the discriminator, packs (N / pac, pac * C, H, W) -> logits (N / pac,).
            real, fake: (N, C, H, W) around [-1, 1], as the discriminator sees them.
            step: how many discriminator steps came before; decides which penalties are due.
            images_seen: where the penalty weights' schedules stand.
            random: what penalties draw from.
            ranks: the processes that the whole batch is shared among; real and fake are one's part.
        """
        due = [penalty for penalty in self.penalties if penalty.is_due(step)]
        real, fake = pack(real.detach(), self.pac), pack(fake.detach(), self.pac)
        if due:
            real, fake = real.requires_grad_(True), fake.requires_grad_(True)
        batch = DiscriminatorPass(judge, real, fake, judge(real), judge(fake), random, ranks)
        adversarial = self.loss.discriminator(
            batch.real_logits, batch.fake_logits, self.real_target
        )
        terms = {"adversarial": adversarial.mean()}
        for entry in due:
            weight = value_at(entry.weight, images_seen) * entry.every
            terms[entry.name] = weight * entry.penalty(batch).mean()
        return terms, batch

    def generator_terms(
        self, judge: Callable[[Tensor], Tensor], fake: Tensor, real: Tensor
    ) -> Terms:
        """The generator's loss on one batch of its own fakes (N, C, H, W), with their history.

        `real` is looked at only by losses that compare the two (`generator_sees_real`).
        """
        fake_logits = judge(pack(fake, self.pac))
        if self.loss.generator_sees_real:
            with torch.no_grad():
                real_logits = judge(pack(real, self.pac))
        else:
            real_logits = torch.zeros_like(fake_logits)
        return {"adversarial": self.loss.generator(fake_logits, real_logits).mean()}

    def prepare(self, discriminator: nn.Module) -> None:
        """Apply the constraints that live inside the network, once, before its optimizer exists."""
        if self.spectral_norm:
            constraints.spectral_norm(discriminator)

    def enforce(self, discriminator: nn.Module) -> None:
        """Apply the constraints that follow an update of the discriminator."""
        if self.clip_bound > 0:
            constraints.clip_weights(discriminator, self.clip_bound)
