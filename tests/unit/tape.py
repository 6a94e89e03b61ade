"""CUDA graphs without CUDA: kernels are written down and done again in the same memory.

What a graph asks of those who record it can so be shown on a CPU: nothing of a recording is
calculated, a replay runs the very kernels on the very tensors, knows nothing of Python, and is not
seen by autograd. What it cannot show is what a GPU alone refuses (waiting for it, its memory).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, UntypedStorage
from torch.autograd import _unsafe_preserve_version_counter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@dataclass
class Kernel:
    """One call, with the tensors it reads and writes."""

    call: Callable[[], Any]
    outputs: list[Tensor]
    """What it made; not what it wrote into or only looks at otherwise."""
    written: list[Tensor]

    def run(self) -> None:
        with unseen(*self.written, *self.outputs):
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
        given = tensors_in([args, kwargs])
        for tensor in given:
            if address(tensor) not in self.made | self.before.keys():
                memory = tensor.untyped_storage()
                self.before[address(tensor)] = memory, memory.clone()
        made = func(*args, **kwargs)
        places = {address(tensor) for tensor in given}
        outputs = tensors_in(made)
        if all(address(tensor) in places for tensor in outputs):  # views, and what was written
            written, outputs = outputs, []
        else:
            written = []
        self.made |= {address(tensor) for tensor in outputs}
        self.tape.kernels.append(Kernel(lambda: func(*args, **kwargs), outputs, written))
        return made

    def undo(self) -> None:
        """Nothing was calculated: what was there is what it was, and what was made is nothing."""
        for output in (output for kernel in self.tape.kernels for output in kernel.outputs):
            if output.is_floating_point():
                with torch.no_grad(), unseen(output):
                    output.fill_(float("nan"))
        for memory, held in self.before.values():
            memory.copy_(held)


def address(tensor: Tensor) -> int:
    """Of the memory that a tensor lies in."""
    return tensor.untyped_storage().data_ptr()


@contextmanager
def unseen(*tensors: Tensor) -> Iterator[None]:
    """While entered, autograd does not see that these are written."""
    with ExitStack() as stack:
        for tensor in tensors:
            stack.enter_context(_unsafe_preserve_version_counter(tensor))
        yield


def tensors_in(tree: Any) -> list[Tensor]:
    """All tensors of nested lists, tuples and dicts."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


@contextmanager
def recorded(tape: Tape, stream: object, capture_error_mode: str) -> Iterator[None]:
    """Stands in for `torch.cuda.graph`."""
    recorder = Recorder(tape)
    try:
        with recorder:
            yield
    finally:
        recorder.undo()


def pretend_cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """From now on `Graphs` records on a CPU. Streams that become the current one are collected."""
    restored: list[object] = []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", recorded)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"a stream of {device}")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "before")
    monkeypatch.setattr(torch.cuda, "set_stream", restored.append)
    return restored
