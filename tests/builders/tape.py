"""CUDA graphs without CUDA: kernels are written down and done again in the same memory.

What a graph asks of those who record it can so be shown on a CPU: nothing of a recording is
calculated, a replay runs the very kernels on the very tensors, knows nothing of Python, and is not
seen by autograd. What it cannot show is what a GPU's memory has to do with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from ganvas.training.engine import CudaGraphs, TensorFunction, Tensors

REFUSED = {
    torch.Tag.data_dependent_output: "asks for a number",
    torch.Tag.dynamic_output_shape: "asks how many there are",
    torch.Tag.nondeterministic_seeded: "draws",
}
"""What would wait for the GPU, or draw from a generator that no graph knows of."""


@dataclass
class Kernel:
    """One call, with the memory it reads and writes, of which autograd knows nothing."""

    call: Callable[[], Any]
    outputs: list[Tensor]
    """What it made; not what it wrote into or only looks at otherwise."""

    def run(self) -> None:
        made = tensors_in(self.call())
        for place, value in zip(self.outputs, made, strict=bool(self.outputs)):
            place.copy_(value)


@dataclass
class Tape:
    """Stands in for `torch.cuda.CUDAGraph`."""

    kernels: list[Kernel] = field(default_factory=list)

    def replay(self) -> None:
        with torch.no_grad():
            for kernel in self.kernels:
                kernel.run()


class Recorder(TorchDispatchMode):
    """Writes down every kernel, and undoes what it did to tensors that were there before."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.made: set[int] = set()
        """Addresses of memory that kernels of the tape have made."""
        self.before: dict[int, tuple[UntypedStorage, UntypedStorage]] = {}
        """Memory that was there before, by address, and what it held."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        reasons = [reason for tag, reason in REFUSED.items() if tag in func.tags]
        if func is torch.ops.aten.lift_fresh.default:
            reasons.append("brings a number of Python's")
        if reasons:
            raise RuntimeError(f"operation not permitted when stream is capturing: {reasons[0]}")
        given = tensors_in([args, kwargs])
        for tensor in given:
            if address(tensor) not in self.made | self.before.keys():
                memory = tensor.untyped_storage()
                self.before[address(tensor)] = memory, memory.clone()
        places, named = tree_map_only(Tensor, lambda tensor: tensor.data, (args, kwargs))
        made = func(*args, **kwargs)
        outputs = [tensor.data for tensor in tensors_in(made)]
        read = {address(tensor) for tensor in given}
        if all(address(tensor) in read for tensor in outputs):  # views, and what was written
            outputs = []
        self.made |= {address(tensor) for tensor in outputs}
        self.tape.kernels.append(Kernel(lambda: func(*places, **named), outputs))
        return made

    def undo(self) -> None:
        """Nothing was calculated: what was there is what it was, and what was made is nothing."""
        for output in (output for kernel in self.tape.kernels for output in kernel.outputs):
            if output.is_floating_point():
                output.fill_(float("nan"))
        for memory, held in self.before.values():
            memory.copy_(held)


def address(tensor: Tensor) -> int:
    """Of the memory that a tensor lies in."""
    return tensor.untyped_storage().data_ptr()


def tensors_in(tree: Any) -> list[Tensor]:
    """All tensors of nested lists, tuples and dicts."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@contextmanager
def recorded(tape: Tape, stream: object, capture_error_mode: str) -> Iterator[None]:
    """Stands in for `torch.cuda.graph`, whose end says nothing of what went wrong inside."""
    recorder = Recorder(tape)
    try:
        with recorder:
            yield
    except RuntimeError:
        raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904
    finally:
        recorder.undo()


def pretend_cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """From now on `CudaGraphs` captures on a CPU. Streams that become current are collected."""
    restored: list[object] = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", recorded)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"a stream of {device}")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "before")
    monkeypatch.setattr(torch.cuda, "set_stream", restored.append)
    return restored


@dataclass
class ReadsNumbers(CudaGraphs):
    """Reads a number of one function's results, which no capture survives."""

    function: int = 0
    """Its place in the order in which functions are wrapped."""

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        if len(self.functions) != self.function:
            return super().wrap(function, compiled)

        def reads_a_number(*inputs: Tensor) -> Tensors:
            results = function(*inputs)
            (*results, *inputs)[0].sum().item()
            return results

        return super().wrap(reads_a_number, compiled)
