"""The fields of a recipe that the objective is built from: loss, penalties, regularisers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from ganvas.schedules import Schedule

LossName = Literal[
    "minimax", "non-saturating", "least-squares", "hinge", "wasserstein", "relativistic"
]

PolicyName = Literal["ada", "diffaugment"]
"""How augmented images are transformed."""


@dataclass(frozen=True, kw_only=True)
class PenaltySettings:
    """How much a penalty counts, and how often."""

    weight: Schedule = 0.0
    """Weight in the discriminator's loss: 0 is off; a number or a schedule such as cosine:1:0.1."""
    every: Annotated[int, Ge(1)] = 1
    """Compute it at every n-th discriminator step, n times as strong (learning rate untouched)."""


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """Each penalty on the discriminator's gradient, logits or features; any of them together."""

    gradient_penalty: PenaltySettings = field(default_factory=PenaltySettings)
    one_sided_gradient_penalty: PenaltySettings = field(default_factory=PenaltySettings)
    r1: PenaltySettings = field(default_factory=PenaltySettings)
    r2: PenaltySettings = field(default_factory=PenaltySettings)
    dragan: PenaltySettings = field(default_factory=PenaltySettings)
    lecam: PenaltySettings = field(default_factory=PenaltySettings)
    reconstruction: PenaltySettings = field(default_factory=PenaltySettings)


PENALTIES_WITHOUT_GRADIENT = ("lecam", "reconstruction")
"""Those that need no gradient at an image, so batch normalisation does not exclude them."""

ZERO_CENTRED_PENALTIES = ("r1", "r2")
"""Those that ask for a gradient of 0, so that it may be a group's (`Discriminator.group_size`)."""


@dataclass(frozen=True, kw_only=True)
class RegulariserSettings:
    """How much a regulariser of the generator counts, and how often."""

    weight: Schedule = 0.0
    """Weight in the generator's loss: 0 is off; a number or a schedule such as cosine:1:0.1."""
    every: Annotated[int, Ge(1)] = 1
    """Compute it at every n-th generator step, n times as strong (learning rate untouched)."""


@dataclass(frozen=True, kw_only=True)
class Regularisers:
    """Each regulariser of the generator; any of them together."""

    mode_seeking: RegulariserSettings = field(default_factory=RegulariserSettings)
    orthogonal: RegulariserSettings = field(default_factory=RegulariserSettings)
    path_length: RegulariserSettings = field(default_factory=RegulariserSettings)


REGULARISERS_OF_STYLES = ("path_length",)
"""Those that need a generator with a style space."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveSettings:
    """What both players are trained for."""

    loss: LossName = "non-saturating"
    """The adversarial loss."""
    pac: Annotated[int, Ge(1)] = 1
    """How many samples the discriminator sees together, as one (Lin 2018, PacGAN); 1 is off."""
    real_label: Annotated[float, Gt(0.5), Le(1.0)] = 1.0
    """Target of real images; label smoothing: 0.9 instead of 1.0. For wasserstein: their weight."""
    penalties: Penalties = field(default_factory=Penalties)
    clip_weights: Annotated[float, Ge(0.0)] = 0.0
    """Clip the discriminator's weights into +- this after each of its updates; 0 is off."""
    spectral_norm: bool = False
    """Divide each discriminator weight by its largest singular value."""
