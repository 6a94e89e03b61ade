"""Freezing the first stages of a discriminator (Mo 2020, FreezeD)."""

from __future__ import annotations

from torch import nn

from ganvas.errors import RecipeError


def freeze_stages(discriminator: nn.Module, count: int) -> None:
    """Let the first stages, those nearest to the image, keep their weights.

    Mo 2020 (FreezeD), section 3. As in its code, only the optimizer passes them over: what a layer
    keeps by itself in the forward pass goes on, such as spectral normalisation's power iteration
    and running statistics.

    Args:
        count: 0 freezes nothing. Stages are the network's children with weights.

    Raises:
        RecipeError: none would be left to train.
    """
    stages = [stage for stage in discriminator.children() if any(True for _ in stage.parameters())]
    if count >= len(stages):
        raise RecipeError(
            [
                f"freeze_discriminator: at most {len(stages) - 1} of this discriminator's "
                f"{len(stages)} stages can keep their weights, as the last must train; got {count}"
            ]
        )
    for stage in stages[:count]:
        stage.requires_grad_(False)


def frozen_stages(discriminator: nn.Module) -> list[str]:
    """The names of the stages of which no weight trains."""
    names = []
    for name, stage in discriminator.named_children():
        weights = list(stage.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            names.append(name)
    return names
