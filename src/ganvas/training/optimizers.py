"""A player while it trains: its network, its trainable weights, and their optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganvas.networks import Role
from ganvas.recipes import DiscriminatorSettings, GeneratorSettings, PlayerSettings
from ganvas.schedules import value_at


@dataclass(frozen=True)
class Player:
    """One of the two networks, and how it learns."""

    role: Role
    network: nn.Module
    optimizer: torch.optim.Optimizer
    settings: GeneratorSettings | DiscriminatorSettings

    @classmethod
    def start(
        cls, role: Role, network: nn.Module, settings: GeneratorSettings | DiscriminatorSettings
    ) -> Player:
        """The player before its first update."""
        return cls(role, network, make_optimizer(network, settings), settings)

    @property
    def weights(self) -> list[Tensor]:
        """Its trainable parameters. The optimizer has them at hand; searching takes long."""
        weights: list[Tensor] = self.optimizer.param_groups[0]["params"]
        return weights

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """What the schedules have set last, as text."""
        (group,) = self.optimizer.param_groups
        return tuple(str(group[name]) for name in ("lr", "betas", "alpha") if name in group)

    def used_labels(self, labels: Tensor | None) -> Tensor | None:
        """The labels if its network takes them, else None."""
        return labels if self.settings.network.uses_labels else None

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move its weights by these gradients, one for each of `weights`."""
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.grad = gradient
        self.optimizer.step()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While entered, its weights require no gradient: gradients only pass through."""
        for weight in self.weights:
            weight.requires_grad_(False)
        try:
            yield
        finally:
            for weight in self.weights:
                weight.requires_grad_(True)


def make_optimizer(network: nn.Module, settings: PlayerSettings) -> torch.optim.Optimizer:
    """The optimizer of one player, for the parameters that require gradients.

    Call `follow_schedules` before every update.
    """
    parameters = [weight for weight in network.parameters() if weight.requires_grad]
    device = parameters[0].device.type
    capturable = device == "cuda"  # it counts its steps there, so a graph can do so too
    optimizer: torch.optim.Optimizer
    if settings.optimizer == "rmsprop":
        optimizer = torch.optim.RMSprop(parameters, capturable=capturable)
    else:
        fused = device in ("cpu", "cuda")
        optimizer = torch.optim.Adam(parameters, fused=fused, capturable=capturable)
    follow_schedules(optimizer, settings, images_seen=0)
    return optimizer


def follow_schedules(
    optimizer: torch.optim.Optimizer, settings: PlayerSettings, images_seen: int
) -> None:
    """Set the learning rate and the betas that are due after `images_seen` images."""
    beta2 = value_at(settings.beta2, images_seen)
    for group in optimizer.param_groups:
        group["lr"] = value_at(settings.learning_rate, images_seen)
        if settings.optimizer == "rmsprop":
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
