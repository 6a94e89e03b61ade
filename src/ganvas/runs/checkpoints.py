"""What a checkpoint of a run holds: its networks, and how far they have grown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ganvas import tensor_file
from ganvas.errors import RunError
from ganvas.networks import ROLES, ImageShape
from ganvas.recipes import Recipe
from ganvas.recipes.players import initial_networks
from ganvas.runs.run import Run
from ganvas.tensor_file import select_prefix

NETWORKS = ("generator", "discriminator", "ema")
"""By the names that a checkpoint gives them."""


def later_doublings_in(values: Mapping[str, Any]) -> int:
    """How often the size of a checkpoint's networks was still to double.

    Args:
        values: those of the checkpoint; those of ganvas 0.5 and before do not say it.
    """
    return int(values.get("later_doublings", 0))


def networks_in(
    tensors: tensor_file.Tensors,
    run: Run,
    recipe: Recipe,
    shape: ImageShape,
    later_doublings: int,
) -> tensor_file.Tensors:
    """All weights of the networks in a checkpoint of a run, also those that its seed decides."""
    num_labels = len(run.read_data()["labels"])
    saved = {name: tensors[name] for name in tensors if name.partition("/")[0] in NETWORKS}
    return {**frozen_by_seed(run, recipe, shape, num_labels, later_doublings), **saved}


def read_discriminator(
    tensors: tensor_file.Tensors, run: Run, recipe: Recipe, later_doublings: int
) -> nn.Module:
    """The discriminator in a checkpoint of a run, in training mode on the CPU.

    Raises:
        RunError: it does not fit the recipe, which was changed or is damaged.
    """
    shape, num_labels = run.read_shape(), len(run.read_data()["labels"])
    saved = networks_in(tensors, run, recipe, shape, later_doublings)
    _, network = initial_networks(recipe, shape, num_labels, 0, later_doublings)  # replaced below
    try:
        network.load_state_dict(select_prefix(saved, "discriminator"))
    except RuntimeError as error:
        raise RunError(
            f"the checkpoint does not fit the discriminator of {run.directory}: {error}"
        ) from error
    return network


def frozen_by_seed(
    run: Run, recipe: Recipe, shape: ImageShape, num_labels: int, later_doublings: int
) -> tensor_file.Tensors:
    """The frozen parameters that a run's checkpoints lack, because its seed decides them."""
    seed = run.read_environment()["seed"]
    networks = initial_networks(recipe, shape, num_labels, seed, later_doublings)
    return {
        f"{role}/{name}": weight.detach()
        for role, network in zip(ROLES, networks, strict=True)
        for name, weight in network.named_parameters()
        if not weight.requires_grad
    }
