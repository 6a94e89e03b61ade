"""The batch of one discriminator update: what losses and penalties receive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

Network = Callable[[Tensor], Tensor]
"""A player as a function of one tensor; labels, where it takes some, are bound already."""


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
    is computed; empty when no penalty on a gradient is due."""
    noise: Tensor
    """(N, C, H, W), how far DRAGAN's penalty may move each pixel; empty when it is not due."""
    logit_averages: Tensor
    """(2,) moving averages of the mean logits, real and fake; empty if no penalty uses them."""
    discriminator: Network
    """images (N, C, H, W) -> logits (N,) or (N, K), with the labels bound."""
    penalty_weights: Mapping[str, float | Tensor]
    """The weight of each penalty that is due, by name; its `every` is included."""

    # Not functools.cached_property: torch.compile cannot trace their lock.
    _real_logits: Tensor | None = field(default=None, init=False, repr=False)
    _fake_logits: Tensor | None = field(default=None, init=False, repr=False)

    @property
    def real_logits(self) -> Tensor:
        """(N,) or (N, K), computed once."""
        if self._real_logits is None:
            self._real_logits = self.discriminator(self.real)
        return self._real_logits

    @property
    def fake_logits(self) -> Tensor:
        """(N,) or (N, K), computed once."""
        if self._fake_logits is None:
            self._fake_logits = self.discriminator(self.fake)
        return self._fake_logits
