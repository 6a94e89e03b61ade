"""How labels reach a network: what conditional families share. `labels.py` has the layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from ganvas.networks.network import NormName

GeneratorConditioning = Literal["none", "batch-norm", "shared", "chunks", "concatenation"]
DiscriminatorConditioning = Literal["none", "projection"]
Concatenation = Literal["none", "concatenation"]

BATCH_NORM_FORMS = ("batch-norm", "shared", "chunks")
"""Forms that need a generator with batch normalisation."""


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """Base of the descriptions of networks that can take labels."""

    conditioning: str = "none"

    @property
    def uses_labels(self) -> bool:
        """Whether the network takes labels, int64 (N,), as a second argument."""
        return self.conditioning != "none"

    @property
    def usual_conditioning(self) -> str:
        """The form that suits the other fields best."""
        raise NotImplementedError

    def conditional(self) -> Self:
        """This network taking labels; in the usual form unless it has one."""
        return self if self.uses_labels else replace(self, conditioning=self.usual_conditioning)

    def unconditional(self) -> Self:
        """This network without labels."""
        return replace(self, conditioning="none")


def conditioning_problems(conditioning: GeneratorConditioning, norm: NormName) -> list[str]:
    """Why a generator with this norm cannot be conditional in this form, as `Network.problems`."""
    if norm == "batch" or conditioning not in BATCH_NORM_FORMS:
        return []
    return [
        f"conditioning: {conditioning} changes the gains of batch normalisation, and norm is "
        f"{norm}; choose concatenation, or set norm to batch"
    ]


def usual_generator_conditioning(norm: NormName) -> GeneratorConditioning:
    """Conditional batch normalisation where there is some, else concatenation.

    From a shared embedding and a part of the latents (Brock 2019), which scored best
    (docs/results/labels-fashion.md). Gains of their own for each label learn slowly: Adam moves
    each by at most the learning rate at a step.
    """
    return "chunks" if norm == "batch" else "concatenation"
