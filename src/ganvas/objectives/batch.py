"""The batch of one discriminator update: what losses and penalties receive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from ganvas.networks import Reconstructing
from ganvas.precision import Precision

BoundNetwork = Callable[[Tensor], Tensor]
"""A player, or a part of one, as a function of one tensor: its labels are bound, so losses and
penalties never learn of them."""

Reconstruct = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""`networks.Reconstructing.reconstruct`, with the labels bound."""


def bind_reconstruct(
    discriminator: nn.Module, precision: Precision, *labels: Tensor
) -> Reconstruct | None:
    """The discriminator's `reconstruct` in the dtype of training; None if it has no such method."""
    if not isinstance(discriminator, Reconstructing):
        return None
    reconstruct = precision.through(discriminator.reconstruct)
    return lambda images, uniform: reconstruct(images, uniform, *labels)


@dataclass
class DiscriminatorBatch:
    """One batch, from the stream to losses and penalties.

    Images are as the discriminator sees them: augmented if the recipe says so, and packed. Real and
    fake images at the same position are a pair, and share a label.
    """

    real: Tensor
    """(N, C, H, W) around [-1, 1]; requires grad when a penalty is due."""
    fake: Tensor
    """(N, C, H, W) around [-1, 1], detached from the generator; requires grad like `real`."""
    labels: Tensor | None
    """int64 (N,), of both; None for a discriminator that takes none."""
    alpha: Tensor
    """(N, 1, 1, 1) uniform in [0, 1): where between fake (0) and real (1) an interpolating penalty
    is computed, and which part of an image is reconstructed; empty when no such penalty is due."""
    noise: Tensor
    """(N, C, H, W), how far DRAGAN's penalty may move each pixel; empty when it is not due."""
    logit_averages: Tensor
    """(2,) moving averages of the mean logits, real and fake; empty if no penalty uses them."""
    discriminator: BoundNetwork
    """images (N, C, H, W) -> logits (N,) or (N, K), with the labels bound."""
    penalty_weights: Mapping[str, float | Tensor]
    """The weight of each penalty that is due, by name; its `every` is included."""
    reconstruct: Reconstruct | None = None
    """Logits and reconstruction errors of images; None unless the penalty on them is due."""

    # Not functools.cached_property: torch.compile cannot trace their lock.
    _real_logits: Tensor | None = field(default=None, init=False, repr=False)
    _fake_logits: Tensor | None = field(default=None, init=False, repr=False)
    _reconstruction_errors: Tensor | None = field(default=None, init=False, repr=False)

    @property
    def real_logits(self) -> Tensor:
        """(N,) or (N, K), computed once."""
        if self._real_logits is None:
            self._real_logits, self._reconstruction_errors = self._see_reals()
        return self._real_logits

    @property
    def fake_logits(self) -> Tensor:
        """(N,) or (N, K), computed once."""
        if self._fake_logits is None:
            self._fake_logits = self.discriminator(self.fake)
        return self._fake_logits

    @property
    def reconstruction_errors(self) -> Tensor:
        """Of the reals, (N,), from the same pass as their logits; only if `reconstruct` is set."""
        if self._reconstruction_errors is None:
            self._real_logits, self._reconstruction_errors = self._see_reals()
        assert self._reconstruction_errors is not None
        return self._reconstruction_errors

    def _see_reals(self) -> tuple[Tensor, Tensor | None]:
        if self.reconstruct is None:
            return self.discriminator(self.real), None
        return self.reconstruct(self.real, self.alpha)
