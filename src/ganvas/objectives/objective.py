"""The objective: loss, penalties, regularisers and constraints, as named terms of each player."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ganvas.objectives import constraints, lecam, weighted
from ganvas.objectives.batch import BoundNetwork, DiscriminatorBatch, Reconstruct
from ganvas.objectives.losses import LOSSES, Loss
from ganvas.objectives.packing import pack
from ganvas.objectives.penalties import PENALTIES, dragan_noise, reconstruction
from ganvas.objectives.regularisers import REGULARISERS, GeneratorPass
from ganvas.objectives.settings import ObjectiveSettings, Regularisers
from ganvas.objectives.weighted import Terms, WeightedTerm
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_uniform


@dataclass(frozen=True)
class Objective:
    """Turns batches into named loss terms. It knows no optimizer and updates nothing by itself."""

    loss: Loss
    pac: int
    real_label: float
    penalties: tuple[WeightedTerm[DiscriminatorBatch], ...]
    regularisers: tuple[WeightedTerm[GeneratorPass], ...]
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
            penalties=weighted.active_terms(
                settings.penalties,
                {
                    **PENALTIES,
                    "reconstruction": reconstruction,
                    "lecam": partial(lecam.lecam, strength=lecam.STRENGTHS[settings.loss]),
                },
                first_steps={"lecam": lecam.FIRST_STEP},
            ),
            regularisers=weighted.active_terms(regularisers or Regularisers(), REGULARISERS),
            clip_bound=settings.clip_weights,
            spectral_norm=settings.spectral_norm,
        )

    @property
    def uses_logit_averages(self) -> bool:
        """Whether a penalty compares logits with their moving averages."""
        return any(term.name == "lecam" for term in self.penalties)

    @property
    def uses_path_average(self) -> bool:
        """Whether a regulariser compares path lengths with their moving average."""
        return any(term.name == "path_length" for term in self.regularisers)

    def prepare_batch(
        self,
        real: Tensor,
        fake: Tensor,
        discriminator: BoundNetwork,
        *,
        labels: Tensor | None = None,
        logit_averages: Tensor | None = None,
        reconstruct: Reconstruct | None = None,
        step: int,
        images_seen: int,
        random: torch.Generator,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> DiscriminatorBatch:
        """Pack images (N, C, H, W), choose the penalties that are due, and draw what they need.

        Args:
            discriminator: packs (N / pac, pac * C, H, W) -> logits, with labels bound.
            logit_averages: (2,) if the objective `uses_logit_averages`, else not needed.
            reconstruct: of the discriminator, if it has decoders; else no penalty may be on them.
            step, images_seen: discriminator steps and images before; decide penalties and weights.
            processes: those that share the whole batch; real and fake are the part of one.
        """
        weights = weighted.due_weights(self.penalties, step, images_seen)
        of_gradient = any(name in PENALTIES for name in weights)
        real, fake = pack(real.detach(), self.pac), pack(fake.detach(), self.pac)
        alpha = noise = real.new_empty(0)
        if of_gradient or "reconstruction" in weights:
            alpha = draw_uniform((len(real), 1, 1, 1), random, processes, real.dtype)
        if "dragan" in weights:
            noise = dragan_noise(real, random, processes)
        return DiscriminatorBatch(
            real=real.requires_grad_(of_gradient),
            fake=fake.requires_grad_(of_gradient),
            labels=labels,
            alpha=alpha,
            noise=noise,
            logit_averages=real.new_empty(0) if logit_averages is None else logit_averages,
            discriminator=discriminator,
            penalty_weights=weights,
            reconstruct=reconstruct if "reconstruction" in weights else None,
        )

    def discriminator_terms(self, batch: DiscriminatorBatch) -> Terms:
        """The discriminator's loss, term by term: a pure function of the batch's tensors."""
        loss = self.loss.discriminator(batch.real_logits, batch.fake_logits, self.real_label)
        penalties = weighted.weighted_means(self.penalties, batch, batch.penalty_weights)
        return {"adversarial": loss.mean(), **penalties}

    def generator_terms(self, discriminator: BoundNetwork, fake: Tensor, real: Tensor) -> Terms:
        """The generator's adversarial loss on its own images (N, C, H, W), with their history;
        `real` is used only by losses that compare the two (`generator_sees_real`)."""
        fake_logits = discriminator(pack(fake, self.pac))
        real_logits = torch.zeros_like(fake_logits)  # ignored by the other losses
        if self.loss.generator_sees_real:
            with torch.no_grad():
                real_logits = discriminator(pack(real, self.pac))
        return {"adversarial": self.loss.generator(fake_logits, real_logits).mean()}

    def prepare(self, discriminator: nn.Module) -> None:
        """Apply the constraints that live inside the network, once, before its optimizer exists."""
        if self.spectral_norm:
            constraints.spectral_norm(discriminator)

    def after_update(self, discriminator: nn.Module) -> None:
        """Apply the constraints that follow an update of the discriminator."""
        if self.clip_bound > 0:
            constraints.clip_weights(discriminator, self.clip_bound)
