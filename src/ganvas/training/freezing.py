"""Freezing stages: the first of a discriminator (Mo 2020, FreezeD), the coarse of a generator."""

from __future__ import annotations

from collections.abc import Container

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


def freeze_coarse_stages(generator: nn.Module, coarse: Container[str]) -> None:
    """Let the stages that a coarser generator has too keep their weights (Sauer 2022, section 3.2).

    Args:
        coarse: the names of the coarser generator's stages. Those after the first stage that it
            lacks make the image, of another grid now, and train.
    """
    for name, stage in generator.named_children():
        if name not in coarse:
            return
        stage.requires_grad_(False)


def frozen_stages(network: nn.Module) -> list[str]:
    """The names of the stages of which no weight trains."""
    names = []
    for name, stage in network.named_children():
        weights = list(stage.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            names.append(name)
    return names
