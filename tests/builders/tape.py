"""CUDA graphs without CUDA: records kernels and replays them in the same memory.

It has the properties of CUDA graphs that tests need on a CPU: capture computes no results, and a
replay runs the same kernels on the same tensors, without Python and without autograd. It does not
model a GPU's memory pools.
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

from ganvas.recipes import Recipe
from ganvas.training.engine import WARMUP_STEPS, CudaGraphs, TensorFunction, Tensors
from ganvas.training.step import train_step
from tests.builders.tiny import same, start

REFUSED = {
    torch.Tag.data_dependent_output: "asks for a number",
    torch.Tag.dynamic_output_shape: "asks how many there are",
    torch.Tag.nondeterministic_seeded: "draws",
}
"""Operations that would wait for the GPU or use an unregistered random generator."""


@dataclass
class Kernel:
    """One recorded call on detached tensors."""

    call: Callable[[], Any]
    outputs: list[Tensor]
    """Newly allocated results; no views, and no tensors written in place."""

    def run(self) -> None:
        results = tensors_in(self.call())
        for output, result in zip(self.outputs, results, strict=bool(self.outputs)):
            output.copy_(result)


@dataclass
class Tape:
    """Stands in for `torch.cuda.CUDAGraph`."""

    kernels: list[Kernel] = field(default_factory=list)

    def replay(self) -> None:
        with torch.no_grad():
            for kernel in self.kernels:
                kernel.run()


class Recorder(TorchDispatchMode):
    """Records every kernel, and restores tensors that existed before the capture."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.allocated: set[int] = set()
        """Addresses of memory that recorded kernels have allocated."""
        self.before: dict[int, tuple[UntypedStorage, UntypedStorage]] = {}
        """Memory from before the capture, by address, with a copy of its content."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        reasons = [reason for tag, reason in REFUSED.items() if tag in func.tags]
        if func is torch.ops.aten.lift_fresh.default:
            reasons.append("copies a Python number")
        if reasons:
            raise RuntimeError(f"operation not permitted when stream is capturing: {reasons[0]}")
        inputs = tensors_in([args, kwargs])
        for tensor in inputs:
            if address(tensor) not in self.allocated | self.before.keys():
                memory = tensor.untyped_storage()
                self.before[address(tensor)] = memory, memory.clone()
        detached_args, detached_kwargs = tree_map_only(
            Tensor, lambda tensor: tensor.data, (args, kwargs)
        )
        results = func(*args, **kwargs)
        outputs = [tensor.data for tensor in tensors_in(results)]
        input_addresses = {address(tensor) for tensor in inputs}
        if all(address(tensor) in input_addresses for tensor in outputs):  # views, in-place writes
            outputs = []
        self.allocated |= {address(tensor) for tensor in outputs}
        self.tape.kernels.append(Kernel(lambda: func(*detached_args, **detached_kwargs), outputs))
        return results

    def undo(self) -> None:
        """Restore memory from before the capture, and fill allocated memory with NaN."""
        for output in (output for kernel in self.tape.kernels for output in kernel.outputs):
            if output.is_floating_point():
                output.fill_(float("nan"))
        for memory, held in self.before.values():
            memory.copy_(held)


def address(tensor: Tensor) -> int:
    """The address of a tensor's storage."""
    return tensor.untyped_storage().data_ptr()


def tensors_in(tree: Any) -> list[Tensor]:
    """All tensors of nested lists, tuples and dicts."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@contextmanager
def recorded(tape: Tape, stream: object, capture_error_mode: str) -> Iterator[None]:
    """Stands in for `torch.cuda.graph`, whose exit hides the error inside."""
    recorder = Recorder(tape)
    try:
        with recorder:
            yield
    except RuntimeError:
        raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904
    finally:
        recorder.undo()


def pretend_cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Make `CudaGraphs` capture on a CPU; returns the list of streams that become current."""
    restored: list[object] = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", recorded)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"a stream of {device}")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "before")
    monkeypatch.setattr(torch.cuda, "set_stream", restored.append)
    return restored


@dataclass
class ReadsNumbers(CudaGraphs):
    """Reads a value of one function's results on the host, which makes its capture fail."""

    function: int = 0
    """Index of that function in the order of wrapping."""

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        if len(self.functions) != self.function:
            return super().wrap(function, compiled)

        def reads_a_value(*inputs: Tensor) -> Tensors:
            results = function(*inputs)
            (*results, *inputs)[0].sum().item()
            return results

        return super().wrap(reads_a_value, compiled)


def assert_captured_steps_are_the_steps(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that are captured on the way end with the bits of steps that are not."""
    pretend_cuda_graphs(monkeypatch)
    plain, captured = start(recipe), start(recipe)
    graphs = CudaGraphs("for a test")
    captured.use_engine(graphs)
    for state in (plain, captured):
        for _ in range(WARMUP_STEPS + 2):
            train_step(state, recipe)
    assert graphs.fallback is None
    assert same(plain.tensors().values(), captured.tensors().values())
