"""The objective: a loss, named penalties and constraints, as named terms of each player's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganvas.objectives import constraints
from ganvas.objectives.losses import LOSSES, Loss
from ganvas.objectives.packing import pack
from ganvas.objectives.penalties import PENALTIES, DiscriminatorPass, Penalty
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_uniform
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


class Shown(NamedTuple):
    """One batch as the discriminator gets to see it.

    real, fake: packs (N, C, H, W) in [-1, 1]; leaves that require grad where a penalty is due.
    share: (N, 1, 1, 1) uniform in [0, 1), where between the two penalties look; (0,) where none
        is due.
    weights: of the penalties that are due, by name, with `every` in them.
    """

    real: Tensor
    fake: Tensor
    share: Tensor
    weights: Mapping[str, float | Tensor]


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

    def show(
        self,
        real: Tensor,
        fake: Tensor,
        *,
        step: int,
        images_seen: int,
        random: torch.Generator,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> Shown:
        """What the discriminator is shown: all that chance and time decide about its terms.

        Args:
            real, fake: (N, C, H, W) around [-1, 1]; left as they are, without their history.
            step: how many discriminator steps came before; decides which penalties are due.
            images_seen: where the penalty weights' schedules stand.
            random: what the penalties' places are drawn from.
            processes: those that share the whole batch; real and fake are the part of one.
        """
        due = {
            entry.name: value_at(entry.weight, images_seen) * entry.every
            for entry in self.penalties
            if entry.is_due(step)
        }
        leaves = [
            pack(images.detach(), self.pac).requires_grad_(bool(due)) for images in (real, fake)
        ]
        if due:
            share = draw_uniform((len(leaves[0]), 1, 1, 1), random, processes, real.dtype)
        else:
            share = real.new_empty(0)
        return Shown(leaves[0], leaves[1], share, due)

    def judged(
        self, judge: Callable[[Tensor], Tensor], shown: Shown
    ) -> tuple[Terms, DiscriminatorPass]:
        """The discriminator's loss on what it is shown, term by term, and the pass they came from.

        A function of tensors and of nothing else.

        Args:
            judge: the discriminator, packs (N / pac, pac * C, H, W) -> logits (N / pac,).
        """
        logits = judge(shown.real), judge(shown.fake)
        batch = DiscriminatorPass(judge, shown.real, shown.fake, *logits, shown.share)
        adversarial = self.loss.discriminator(*logits, self.real_target)
        terms = {"adversarial": adversarial.mean()}
        for entry in self.penalties:
            if entry.name in shown.weights:
                terms[entry.name] = shown.weights[entry.name] * entry.penalty(batch).mean()
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
