"""How fast a step could be: what it must calculate and move, over what the device can do.

    floor = max(operations / matrix rate, bytes / copy rate)

Counted is what convolutions and matrix products do, in both directions. Everything else (norms,
activations, optimizers, averages) is free, so a floor is no promise that it can be reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

BACKWARD = torch.ops.aten.convolution_backward


@dataclass(frozen=True)
class Work:
    """What one step takes in convolutions and matrix products."""

    operations: int
    """A multiplication and an addition are two."""
    bytes: int
    """Every operand read once and every result written once, by each of them."""

    def floor_seconds(self, matrix_rate: float, copy_rate: float) -> float:
        """The least time, from operations and bytes a second."""
        return max(self.operations / matrix_rate, self.bytes / copy_rate)


def count_work(work: Callable[[], None]) -> Work:
    """The work in whatever is called, watched while it runs."""
    with Watching() as watching:
        work()
    return Work(watching.operations, watching.bytes)


class Watching(TorchDispatchMode):
    """Adds up what every convolution and matrix product calculates, reads and writes.

    torch's own `FlopCounterMode` follows modules too, and fails where a penalty asks for gradients.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        named = named or {}
        made = operation(*arguments, **named)
        kind = operation.overloadpacket
        if kind in flop_registry:
            formula = gradient_operations if kind is BACKWARD else flop_registry[kind]
            self.operations += int(formula(*arguments, **named, out_val=made))
            read = used(arguments) if kind is BACKWARD else arguments
            written = made if isinstance(made, tuple) else (made,)
            self.bytes += sum(map(bytes_of, (*read, *written)))
        return made


def used(arguments: Sequence[Any]) -> list[Any]:
    """What a convolution's backward reads: images for the weights, weights for the images."""
    gradient, images, weight, *_, wanted = arguments
    return [gradient, *([images] if wanted[1] else []), *([weight] if wanted[0] else [])]


def bytes_of(value: Any) -> int:
    """The size of a tensor; of all else 0."""
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


def gradient_operations(*arguments: Any, out_val: Any) -> int:
    """Of a convolution's backward: each of both gradients takes as many as the forward pass.

    torch's own formula counts the gradient of a grouped weight as if all groups met.
    """
    gradient, images, weight, *_, transposed, _padding, _groups, wanted = arguments
    grid = (images if transposed else gradient).shape[2:]
    return 2 * len(images) * math.prod(grid) * weight.numel() * sum(wanted[:2])
