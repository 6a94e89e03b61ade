"""How a device runs the tensor functions of a step: eagerly, compiled, or as CUDA graphs.

A step is split into functions of tensors alone (`step_functions.py`). Small networks are bound by
the time that Python takes to launch hundreds of kernels; a CUDA graph launches all of a function's
at once. Kernels and results are the same. What stands between the functions (random numbers,
augmentation, averages over processes, the EMA) is a few launches, and is not captured.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import torch
import torch._functorch.config as functorch_config
from torch import Tensor

from ganvas.errors import first_line
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe

Tensors = tuple[Tensor, ...]
TensorFunction = Callable[..., Tensors]
Compile = Literal["auto", "on", "off"]

WARMUP_STEPS = 3
"""Calls before a function is captured, in which libraries choose and load their kernels."""


class Engine(Protocol):
    """Runs tensor functions."""

    @property
    def name(self) -> str:
        """One or two words."""
        ...

    @property
    def reason(self) -> str:
        """Why this engine was chosen, in a few words."""
        ...

    @property
    def fallback(self) -> str | None:
        """Why a faster way was given up; None if it was not."""
        ...

    @property
    def captures(self) -> bool:
        """Whether functions are or will be captured as CUDA graphs."""
        ...

    @property
    def is_capturing(self) -> bool:
        """Whether the running function is being captured: nothing is computed yet."""
        ...

    def renewed(self) -> Engine:
        """The same way of running functions, with none wrapped yet."""
        ...

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        """The function, run by this engine; wrap each function once.

        Results may be overwritten when the same wrapped function runs again.

        Args:
            compiled: False for a function that torch.compile cannot take, or need not.
        """
        ...


@dataclass
class Eager:
    """Runs functions as Python does."""

    name: ClassVar[str] = "eager"
    fallback: ClassVar[None] = None
    captures: ClassVar[bool] = False
    is_capturing: ClassVar[bool] = False
    reason: str = "asked for"

    def renewed(self) -> Eager:
        return self

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        return function


@dataclass
class CapturedGraph:
    """A function as a CUDA graph, with the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensors
    outputs: Tensors

    def replay(self, tensors: Tensors) -> Tensors:
        """The function of other tensors, in the outputs that the graph always writes."""
        for static, tensor in zip(self.inputs, tensors, strict=True):
            if static is not tensor:
                # Unseen by autograd, which would refuse to go back through an overwritten input.
                static.data.copy_(tensor.data)
        self.graph.replay()
        return self.outputs


@dataclass
class GraphFunction:
    """One function: captured at its fourth call, replayed from then on."""

    graphs: CudaGraphs
    function: TensorFunction
    calls: int = 0
    captured: CapturedGraph | None = None

    def __call__(self, *tensors: Tensor) -> Tensors:
        if self.graphs.fallback is not None:
            return self.function(*tensors)
        if self.captured is not None:
            return self.captured.replay(tensors)
        self.calls += 1
        if self.calls <= WARMUP_STEPS:
            return self.function(*tensors)
        self.captured = self.graphs.capture(self.function, tensors)
        if self.captured is None:
            return self.function(*tensors)
        return self.captured.replay(tensors)


@dataclass
class CudaGraphs:
    """Captures every function as a CUDA graph; runs them eagerly once that failed.

    A function that reads another's outputs (fakes, the gradient at them) is captured in the same
    step, and goes back through the very tensors that the other one writes.
    """

    chosen: str
    """Why functions are captured."""
    stream: torch.cuda.Stream | None = None
    """The stream of all captures, so that one can go back through another."""
    functions: list[GraphFunction] = field(default_factory=list)
    is_capturing: bool = False
    fallback: str | None = None

    @property
    def captures(self) -> bool:
        return self.fallback is None

    @property
    def name(self) -> str:
        return "graphs" if self.captures else Eager.name

    @property
    def reason(self) -> str:
        return self.fallback or self.chosen

    def renewed(self) -> CudaGraphs:
        return CudaGraphs(self.chosen, fallback=self.fallback)

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        wrapped = GraphFunction(self, function)
        self.functions.append(wrapped)
        return wrapped

    def capture(self, function: TensorFunction, tensors: Tensors) -> CapturedGraph | None:
        """Capture one call; None, and `fallback` set, where CUDA refuses."""
        try:
            return self._capture(function, tensors)
        except RuntimeError as error:
            cause = error.__context__ or error  # an abandoned capture hides the reason
            self.fallback = f"the step cannot be captured as CUDA graphs: {first_line(cause)}"
            for wrapped in self.functions:
                wrapped.captured = None
            traceback.clear_frames(error.__traceback__)  # they hold what was computed so far
            return None

    def _capture(self, function: TensorFunction, tensors: Tensors) -> CapturedGraph:
        graphs = [wrapped.captured for wrapped in self.functions if wrapped.captured is not None]
        outputs_of_others = {id(output) for graph in graphs for output in graph.outputs}
        inputs = tuple(
            tensor if id(tensor) in outputs_of_others else static_copy(tensor) for tensor in tensors
        )
        graph = torch.cuda.CUDAGraph()
        device = tensors[0].device
        if self.stream is None:
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        current = torch.cuda.current_stream(device)
        self.is_capturing = True
        try:
            with (
                # With retained buffers, torch fears that its compiled code has overwritten them.
                functorch_config.patch(donated_buffer=False),
                # Other threads may pin memory for images meanwhile.
                torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"),
            ):
                outputs = function(*inputs)
        except RuntimeError:
            torch.cuda.set_stream(current)  # torch leaves the capture's stream current
            raise
        finally:
            self.is_capturing = False
        return CapturedGraph(graph, inputs, outputs)


@dataclass
class Compiled:
    """Runs functions through torch.compile, as a whole or not at all, and then by another engine.

    torch traces a penalty's own gradient only if it is told to, since 2.11.
    """

    inner: Eager | CudaGraphs
    backend: str = "inductor"
    refused: str | None = None
    """Why nothing is compiled any more."""

    @property
    def name(self) -> str:
        return f"compiled {self.inner.name}" if self.refused is None else self.inner.name

    @property
    def reason(self) -> str:
        return self.fallback or "asked for"

    @property
    def captures(self) -> bool:
        return self.inner.captures

    @property
    def is_capturing(self) -> bool:
        return self.inner.is_capturing

    @property
    def fallback(self) -> str | None:
        return "; ".join(why for why in (self.refused, self.inner.fallback) if why) or None

    def renewed(self) -> Compiled:
        return Compiled(self.inner.renewed(), self.backend, self.refused)

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        return self.inner.wrap(self._compile(function) if compiled else function)

    def _compile(self, function: TensorFunction) -> TensorFunction:
        """The function, compiled when it is first called; eager once that failed."""
        fast = torch.compile(function, fullgraph=True, dynamic=False, backend=self.backend)

        def guarded(*tensors: Tensor) -> Tensors:
            if self.refused is None:
                try:
                    with torch._dynamo.config.patch(trace_autograd_ops=True):
                        return fast(*tensors)
                except Exception as error:  # of many kinds, and nothing is computed yet
                    self.refused = f"the step cannot be compiled: {first_line(error)}"
            return function(*tensors)

        return guarded


def static_copy(tensor: Tensor) -> Tensor:
    """An input of a graph: same shape, strides and requires_grad."""
    return torch.empty_like(tensor).requires_grad_(tensor.requires_grad)


def choose_engine(
    compile: Compile, recipe: Recipe, device: torch.device, processes: ProcessGroup
) -> Engine:
    """CUDA graphs where there is CUDA and the step can be captured; compiled if asked for.

    On a CPU compiled steps were 1.1 to 1.5 times as fast, and the compiler took 18 to 161 seconds
    before the first one (docs/speed.md), so it is never chosen by itself.
    """
    if compile == "off":
        return Eager()
    inner: Eager | CudaGraphs
    if device.type != "cuda":
        inner = Eager(f"a {device.type} has no graphs to record")
    elif recipe.sync_batch_norm and processes.size > 1:
        inner = Eager("sync_batch_norm talks to the other processes in the middle of a function")
    else:
        inner = CudaGraphs("a GPU launches a captured graph faster than its kernels")
    if compile == "auto":
        return inner
    torch._dynamo.reset()  # what was compiled for another run counts against a limit
    return Compiled(inner)
