"""What probes measure: copies of both networks, their optimizers, images and latents."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganvas import images
from ganvas.health.probes.distances import downsample
from ganvas.health.probes.norms import row_norms
from ganvas.networks import average_heads, bind_labels
from ganvas.networks.running_statistics import from_sync_batch_norm
from ganvas.objectives.batch import bind_reconstruct
from ganvas.objectives.objective import Objective
from ganvas.objectives.packing import pack
from ganvas.objectives.weighted import Terms
from ganvas.precision import FP32, Precision

ProbeValues = dict[str, float | list[float]]
"""What a probe measured, by column."""

LATENTS_PER_LABEL = 8
"""Of `ProbeContext.generated_by_label`."""
MIN_PACKS = 2
"""One logit has no standard deviation, and batch normalisation does not accept one sample."""


class NotMeasurable(Exception):
    """A number that this context does not have; the message is the reason, in one line."""


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What the discriminator returns for a batch.

    packs: (n, pac * C, H, W), images where pac is 1; n = N / pac.
    logits: (n,), means over the heads
    gradient_norms: (n,) |d logit / d pack|_2; under batch normalisation, of the sum of all logits.
    """

    packs: Tensor
    logits: Tensor
    gradient_norms: Tensor


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Training images of some labels, beside which the generator's images of them are seen.

    images: (M, C, h, w), downsampled to at most 8x8 (`distances.downsample`).
    labels: int64 (M,), sorted: at least two labels, each at least twice.
    """

    images: Tensor
    labels: Tensor

    @property
    def distinct(self) -> Tensor:
        """The labels, each once, ascending; (L,)."""
        distinct: Tensor = torch.unique(self.labels)
        return distinct


@dataclass(frozen=True, eq=False)
class ProbeContext:
    """Everything that probes read. `with_copied_networks` protects training from them.

    Probes run the networks in training mode, which moves running statistics, and the last ones
    apply an update. Images and latents are only read. Values that several probes need are computed
    once, on first use.
    """

    generator: nn.Module
    discriminator: nn.Module
    ema: nn.Module
    """The generator with exponentially averaged weights."""
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer
    objective: Objective
    latents: Tensor
    """(N, Z), the same at every probe of a run; N a multiple of the objective's `pac`."""
    real: Tensor
    """(N, C, H, W) training images in [-1, 1], the same at every probe; points have no bounds."""
    held_out: Tensor
    """(M, C, H, W) images never trained on, M <= N, possibly none."""
    previous_snapshots: tuple[Tensor, ...]
    """`snapshot` of the last probes, oldest first, at most two."""
    images_seen: int
    discriminator_steps: int
    random: torch.Generator
    """On the device; seeded by the run's seed and the images seen, so that probes repeat."""
    logit_averages: Tensor | None = None
    """(2,) moving averages of the mean logits, real and fake, if the objective uses them."""
    precision: Precision = FP32
    """The dtype that training computes in, so that gradients are those of training."""
    generator_labels: tuple[Tensor, ...] = ()
    """Labels int64 (N,) of the latents, if the generator takes labels; else empty."""
    discriminator_labels: tuple[Tensor, ...] = ()
    """The same labels, which real images have too, if the discriminator takes labels."""
    held_out_labels: tuple[Tensor, ...] = ()
    """Labels (M,) of the held-out images, if the discriminator takes labels."""
    labelled: LabelledImages | None = None
    """Beside which labels are probed; None if the generator takes no labels."""

    def with_copied_networks(
        self, generator_rate: float, discriminator_rate: float
    ) -> ProbeContext:
        """The same with copies of the networks, in training mode, and of their optimizers.

        Nothing that probes do to the copies affects training. Gradients are not copied.

        Args:
            generator_rate, discriminator_rate: the learning rates of the next step.
        """
        # One deepcopy for all, so that the copied optimizers refer to the copied weights.
        generator, discriminator, ema, generator_optimizer, discriminator_optimizer = copy.deepcopy(
            (
                self.generator,
                self.discriminator,
                self.ema,
                self.generator_optimizer,
                self.discriminator_optimizer,
            )
        )
        for network in (generator, discriminator, ema):
            from_sync_batch_norm(network)  # the other ranks run no probes
        rates = (
            (generator_optimizer, generator_rate),
            (discriminator_optimizer, discriminator_rate),
        )
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate
                group["capturable"] = False  # else torch warns that the step is not captured
        return replace(
            self,
            generator=generator.train(),
            discriminator=discriminator.train(),
            ema=ema.train(),
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
        )

    @property
    def pac(self) -> int:
        """How many images the discriminator sees as one sample."""
        return self.objective.pac

    @property
    def is_points(self) -> bool:
        """Whether an image is a point in space (`networks.POINT`)."""
        return self.real.shape[2:] == (1, 1)

    @cached_property
    def generated(self) -> Tensor:
        """The generator's images for `latents`, in float32 and without history; (N, C, H, W)."""
        with torch.no_grad():
            generated: Tensor = self.generator(self.latents, *self.generator_labels)
        return generated

    @cached_property
    def fake(self) -> Tensor:
        """`generated`. Raises NotMeasurable where it is not finite."""
        return require_finite(self.generated, "the generator's images")

    def generated_by_label(self, labels: Tensor) -> Tensor:
        """Images of every label (L,) from the same few latents, downsampled; (L, Z, C, h, w).

        Raises NotMeasurable where they are not finite.
        """
        latents = self.latents[:LATENTS_PER_LABEL]
        with torch.no_grad():
            generated = self.generator(
                latents.repeat(len(labels), 1), labels.repeat_interleave(len(latents))
            )
        small = downsample(require_finite(generated, "the generator's images"))
        return small.reshape(len(labels), len(latents), *small.shape[1:])

    @property
    def snapshot(self) -> Tensor | None:
        """What the next probes need as their newest previous snapshot; None without any images.

        Read it after the probes: it generates no images itself.
        """
        generated: Tensor | None = vars(self).get("generated")
        return None if generated is None else to_snapshot(generated)

    @cached_property
    def real_output(self) -> DiscriminatorOutput:
        """Of the reals. Like the next two, raises NotMeasurable where logits are not finite."""
        return self._discriminate(pack(self.real, self.pac))

    @cached_property
    def fake_output(self) -> DiscriminatorOutput:
        """Of the fakes."""
        return self._discriminate(pack(self.fake, self.pac))

    @cached_property
    def interpolated_output(self) -> DiscriminatorOutput:
        """At uniform random points between reals and fakes (Gulrajani 2017, section 4)."""
        real, fake = self.real_output.packs, self.fake_output.packs
        alpha = torch.rand((len(real), 1, 1, 1), generator=self.random, device=real.device)
        return self._discriminate(torch.lerp(fake, real, alpha))

    @cached_property
    def held_out_logits(self) -> Tensor:
        """Of the held-out images, (m,); empty where they do not fill two packs."""
        packs = len(self.held_out) // self.pac
        if packs < MIN_PACKS:
            return self.held_out.new_zeros(0)
        with torch.no_grad():
            labels = [labels[: packs * self.pac] for labels in self.held_out_labels]
            used = pack(self.held_out[: packs * self.pac], self.pac)
            logits = average_heads(self.discriminator(used, *labels))
        return require_finite(logits, "the logits")

    def _discriminate(self, packs: Tensor) -> DiscriminatorOutput:
        packs = packs.detach().requires_grad_()
        logits = average_heads(self.discriminator(packs, *self.discriminator_labels))
        (gradient,) = torch.autograd.grad(logits.sum(), packs)
        logits = require_finite(logits.detach(), "the logits")
        return DiscriminatorOutput(packs.detach(), logits, row_norms(gradient.flatten(1)))

    @cached_property
    def generator_gradients(self) -> list[Tensor]:
        """Of the generator's loss, one for each of its trainable weights."""
        _ = self.generated  # before the update probe moves the generator
        generator, discriminator = map(self.precision.through, (self.generator, self.discriminator))
        generated = generator(self.latents, *self.generator_labels)
        discriminator = bind_labels(discriminator, *self.discriminator_labels)
        terms = self.objective.generator_terms(discriminator, generated, self.real)
        return gradients_of(self.generator, terms)

    @cached_property
    def discriminator_gradients(self) -> list[Tensor]:
        """Of the discriminator's loss with the penalties that are due, as `generator_gradients`."""
        batch = self.objective.prepare_batch(
            self.real,
            self.fake,
            bind_labels(self.precision.through(self.discriminator), *self.discriminator_labels),
            logit_averages=self.logit_averages,
            reconstruct=bind_reconstruct(
                self.discriminator, self.precision, *self.discriminator_labels
            ),
            step=self.discriminator_steps,
            images_seen=self.images_seen,
            random=self.random,
        )
        terms = self.objective.discriminator_terms(batch)
        return gradients_of(self.discriminator, terms)


def to_snapshot(generated: Tensor) -> Tensor:
    """Generated images as they are kept: uint8 (N, C, H, W); points unchanged."""
    return generated if generated.shape[2:] == (1, 1) else images.to_uint8(generated)


def require_finite(values: Tensor, what: str) -> Tensor:
    """Return the values. Fractions and ranks of NaN would look like measurements.

    Raises:
        NotMeasurable: some are not finite.
    """
    bad = int((~values.isfinite()).sum())
    if bad:
        raise NotMeasurable(f"{what}: {bad:,} of {values.numel():,} numbers are not finite")
    return values


def trainable(network: nn.Module) -> list[nn.Parameter]:
    """The parameters that are not frozen, in the order of `parameters`."""
    return [weight for weight in network.parameters() if weight.requires_grad]


def gradients_of(network: nn.Module, terms: Terms) -> list[Tensor]:
    """The gradient of the terms' sum for each trainable weight, with training's memory layout."""
    weights = trainable(network)
    torch.autograd.backward(torch.stack(list(terms.values())).sum(), inputs=weights)
    return [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
