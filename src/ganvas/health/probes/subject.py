"""What is probed: copies of both players as they stand, and the images to show them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganvas import images
from ganvas.health.probes.norms import norms
from ganvas.objectives.objective import Objective, Terms
from ganvas.objectives.packing import pack
from ganvas.precision import FP32, Precision
from ganvas.processes import from_sync_batch_norm

Numbers = dict[str, float | list[float]]
"""What a probe measured, by column."""

FEWEST_PACKS = 2
"""Fewer logits have no spread, and batch normalisation takes no single sample."""


class NotMeasurable(Exception):
    """A number that this subject does not have; the message is the reason, in one line."""


@dataclass(frozen=True)
class Judged:
    """A batch as the discriminator saw it.

    packs: (n, pac * C, H, W), images where nothing is packed; n = N / pac.
    logits: (n,)
    slopes: (n,) |d logit / d pack|_2; under batch normalisation, of the sum of all logits.
    """

    packs: Tensor
    logits: Tensor
    slopes: Tensor


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything that probes look at: training's own parts, `copied`.

    Probes run the networks in training mode, which moves running statistics, and at last rehearse
    an update. Images and latents are only read. What several probes need is made once, when the
    first of them asks.
    """

    generator: nn.Module
    discriminator: nn.Module
    average: nn.Module
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    objective: Objective
    latents: Tensor
    """(N, Z), the same at every probe of a run; N a multiple of the objective's `pac`."""
    real: Tensor
    """(N, C, H, W) training images in [-1, 1], the same at every probe; points have no bounds."""
    held_out: Tensor
    """(M, C, H, W) images never trained on, M <= N, possibly none."""
    earlier: tuple[Tensor, ...]
    """What `kept` was at the last probes, oldest first, at most two."""
    images_seen: int
    discriminator_steps: int
    random: torch.Generator
    """On the device; from the run's seed and the images seen, so that probes repeat themselves."""
    precision: Precision = FP32
    """The numbers that training calculates in: gradients are those that it gets."""

    def copied(self, generator_rate: float, discriminator_rate: float) -> Subject:
        """The same with copies of the networks, in training mode, and of their optimizers.

        What probes do to the copies, training never sees. Gradients are not copied.

        Args:
            generator_rate, discriminator_rate: the learning rates of the next step.
        """
        # All at once, so that the copied optimizers hold the copied weights.
        generator, discriminator, average, for_generator, for_discriminator = copy.deepcopy(
            (
                self.generator,
                self.discriminator,
                self.average,
                self.generator_optimizer,
                self.discriminator_optimizer,
            )
        )
        for network in (generator, discriminator, average):
            from_sync_batch_norm(network)  # the other ranks do not probe
        rates = ((for_generator, generator_rate), (for_discriminator, discriminator_rate))
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate
                group["capturable"] = False  # torch warns where it is, and nobody records the step
        return replace(
            self,
            generator=generator.train(),
            discriminator=discriminator.train(),
            average=average.train(),
            generator_optimizer=for_generator,
            discriminator_optimizer=for_discriminator,
        )

    @property
    def pac(self) -> int:
        """How many images the discriminator judges together."""
        return self.objective.pac

    @property
    def makes_points(self) -> bool:
        """Whether an image is a point in space (`architectures.POINT`)."""
        return self.real.shape[2:] == (1, 1)

    @cached_property
    def drawn(self) -> Tensor:
        """The generator's images for `latents`, in float32 and without history; (N, C, H, W)."""
        with torch.no_grad():
            made: Tensor = self.generator(self.latents)
        return made

    @cached_property
    def fake(self) -> Tensor:
        """The same. Raises NotMeasurable where they are not finite."""
        return finite(self.drawn, "the generator's images")

    @property
    def kept(self) -> Tensor | None:
        """What the next probes need as their newest `earlier`; None where no images were made.

        To be read after the probes, of which any may have been the one that asked for images.
        """
        made: Tensor | None = vars(self).get("drawn")
        return None if made is None else as_kept(made)

    @cached_property
    def judged_real(self) -> Judged:
        """The reals. Raises NotMeasurable, as the next ones do, where logits are not finite."""
        return self._judged(pack(self.real, self.pac))

    @cached_property
    def judged_fake(self) -> Judged:
        """The fakes."""
        return self._judged(pack(self.fake, self.pac))

    @cached_property
    def judged_between(self) -> Judged:
        """Anywhere on the lines between reals and fakes (Gulrajani 2017, section 4)."""
        real, fake = self.judged_real.packs, self.judged_fake.packs
        mix = torch.rand((len(real), 1, 1, 1), generator=self.random, device=real.device)
        return self._judged(torch.lerp(fake, real, mix))

    @cached_property
    def held_out_logits(self) -> Tensor:
        """Of the held-out images, (m,); empty where they do not make two packs."""
        packs = len(self.held_out) // self.pac
        if packs < FEWEST_PACKS:
            return self.held_out.new_zeros(0)
        with torch.no_grad():
            logits = self.discriminator(pack(self.held_out[: packs * self.pac], self.pac))
        return finite(logits, "the logits")

    def _judged(self, packs: Tensor) -> Judged:
        packs = packs.detach().requires_grad_()
        logits = self.discriminator(packs)
        (gradient,) = torch.autograd.grad(logits.sum(), packs)
        logits = finite(logits.detach(), "the logits")
        return Judged(packs.detach(), logits, norms(gradient.flatten(1)))

    @cached_property
    def generator_gradients(self) -> list[Tensor]:
        """Of the generator's loss, one for each of its weights."""
        _ = self.drawn  # made before the rehearsal of an update moves the generator
        make, judge = map(self.precision.through, (self.generator, self.discriminator))
        terms = self.objective.generator_terms(judge, make(self.latents), self.real)
        return gradients(self.generator, terms)

    @cached_property
    def discriminator_gradients(self) -> list[Tensor]:
        """Of the discriminator's loss, penalties that are due included, for each of its weights."""
        shown = self.objective.show(
            self.real,
            self.fake,
            step=self.discriminator_steps,
            images_seen=self.images_seen,
            random=self.random,
        )
        terms, _ = self.objective.judged(self.precision.through(self.discriminator), shown)
        return gradients(self.discriminator, terms)


def as_kept(made: Tensor) -> Tensor:
    """Generated images as they are kept: uint8 (N, C, H, W); points as they are."""
    return made if made.shape[2:] == (1, 1) else images.to_uint8(made)


def finite(values: Tensor, what: str) -> Tensor:
    """The values. Shares and ranks of numbers that are none would look like measurements.

    Raises:
        NotMeasurable: some are not finite.
    """
    bad = int((~values.isfinite()).sum())
    if bad:
        raise NotMeasurable(f"{what}: {bad:,} of {values.numel():,} numbers are not finite")
    return values


def gradients(network: nn.Module, terms: Terms) -> list[Tensor]:
    """The gradient of the terms' sum for each weight, laid out in memory as training's are."""
    weights = list(network.parameters())
    torch.autograd.backward(torch.stack(list(terms.values())).sum(), inputs=weights)
    return [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
