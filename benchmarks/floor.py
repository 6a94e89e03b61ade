"""A lower bound for the time of a step: its operations and bytes, over the device's rates.

    floor = max(operations / matrix rate, bytes / copy rate)

Convolutions and matrix products count, forward and backward. Everything else (norms, activations,
optimizers, EMA) counts as zero, so no loop can be expected to reach the floor.
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
    """The work of one step in convolutions and matrix products."""

    operations: int
    """A multiplication and an addition count as two."""
    bytes: int
    """Each of them reads every operand once and writes its result once."""

    def floor_seconds(self, matrix_rate: float, copy_rate: float) -> float:
        """The lower bound, from operations and bytes per second."""
        return max(self.operations / matrix_rate, self.bytes / copy_rate)


def count_work(work: Callable[[], None]) -> Work:
    """Count the work of a function while it runs."""
    with WorkCounter() as counter:
        work()
    return Work(counter.operations, counter.bytes)


class WorkCounter(TorchDispatchMode):
    """Counts the operations and bytes of every convolution and matrix product.

    torch's own `FlopCounterMode` also tracks modules, and fails where a penalty takes gradients.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        named = named or {}
        result = operation(*arguments, **named)
        kind = operation.overloadpacket
        if kind in flop_registry:
            formula = gradient_operations if kind is BACKWARD else flop_registry[kind]
            self.operations += int(formula(*arguments, **named, out_val=result))
            read = used(arguments) if kind is BACKWARD else arguments
            written = result if isinstance(result, tuple) else (result,)
            self.bytes += sum(map(bytes_of, (*read, *written)))
        return result


def used(arguments: Sequence[Any]) -> list[Any]:
    """What a convolution's backward reads: images for one gradient, weights for the other."""
    gradient, images, weight, *_, wanted = arguments
    return [gradient, *([images] if wanted[1] else []), *([weight] if wanted[0] else [])]


def bytes_of(value: Any) -> int:
    """The size of a tensor; of all else 0."""
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


def gradient_operations(*arguments: Any, out_val: Any) -> int:
    """Operations of a convolution's backward: each gradient takes as many as the forward pass.

    torch's own formula overestimates the gradient of a grouped weight.
    """
    gradient, images, weight, *_, transposed, _padding, _groups, wanted = arguments
    grid = (images if transposed else gradient).shape[2:]
    return 2 * len(images) * math.prod(grid) * weight.numel() * sum(wanted[:2])
