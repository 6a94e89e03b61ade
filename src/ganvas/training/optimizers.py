"""Who learns, and by what: one optimizer for each player, whose settings follow schedules."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ganvas.recipes import OptimizerSettings
from ganvas.schedules import value_at


class Player(NamedTuple):
    """One of the two networks that learn, and how."""

    name: Literal["generator", "discriminator"]
    network: nn.Module
    optimizer: torch.optim.Optimizer
    settings: OptimizerSettings

    @property
    def weights(self) -> list[Tensor]:
        """The network's, which the optimizer has at hand: looking for them takes long."""
        weights: list[Tensor] = self.optimizer.param_groups[0]["params"]
        return weights

    @property
    def in_force(self) -> tuple[str, ...]:
        """What the schedules have set last, as text."""
        (group,) = self.optimizer.param_groups
        return tuple(str(group[name]) for name in ("lr", "betas", "alpha") if name in group)


def make_optimizer(network: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """The optimizer of one player; `follow_schedules` before every update."""
    parameters = list(network.parameters())
    device = parameters[0].device.type
    capturable = device == "cuda"  # it counts its steps there, so a graph can do so too
    optimizer: torch.optim.Optimizer
    if settings.algorithm == "rmsprop":
        optimizer = torch.optim.RMSprop(parameters, capturable=capturable)
    else:
        fused = device in ("cpu", "cuda")
        optimizer = torch.optim.Adam(parameters, fused=fused, capturable=capturable)
    follow_schedules(optimizer, settings, images_seen=0)
    return optimizer


def follow_schedules(
    optimizer: torch.optim.Optimizer, settings: OptimizerSettings, images_seen: int
) -> None:
    """Set the learning rate and the betas that are due after `images_seen` images."""
    beta2 = value_at(settings.beta2, images_seen)
    for group in optimizer.param_groups:
        group["lr"] = value_at(settings.learning_rate, images_seen)
        if settings.algorithm == "rmsprop":
            group["alpha"] = beta2
        else:
            group["betas"] = (settings.beta1, beta2)


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Fill an optimizer's state from tensors called INDEX/KEY, as in `TrainState.tensors`."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for path, tensor in tensors.items():
        index, key = path.split("/")
        weight = weights[int(index)]
        if tensor.shape == weight.shape:  # laid out in memory like its weight, as fused kernels ask
            tensor = torch.empty_like(weight).copy_(tensor)
        state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
