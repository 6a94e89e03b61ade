"""How a device calculates the pieces of a step: as Python says it, or as a recorded CUDA graph.

A piece is a function of tensors alone, the same for as long as its key is: it makes fakes, or one
player's gradients (the generator's in two, back to its fakes and then through them), or changes a
player's weights by them. Small networks are bound by the time that Python takes to launch their
hundreds of kernels; a graph launches all of a piece's at once. Kernels and results are the same.
What stands between the pieces (drawing, augmentation, averaging over processes, the average of the
generator) is a few launches, and not recorded.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import torch
import torch._functorch.config as functorch_config
from torch import Tensor

from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe

Calculated = tuple[Tensor, ...]
Piece = Callable[..., Calculated]
Key = tuple[str, ...]
Compile = Literal["auto", "on", "off"]

WARM_UPS = 3
"""Calls before a piece is recorded, in which libraries choose and load their kernels."""


class Engine(Protocol):
    """Calculates pieces."""

    @property
    def name(self) -> str:
        """One or two words."""
        ...

    @property
    def why(self) -> str:
        """What decided that it is this one, in a few words."""
        ...

    @property
    def failed(self) -> str | None:
        """Why a faster way was given up; None where it was not."""
        ...

    @property
    def records(self) -> bool:
        """Whether pieces are or will be recorded."""
        ...

    @property
    def recording(self) -> bool:
        """Whether the piece that runs is written down and nothing is calculated."""
        ...

    @property
    def recorder(self) -> Eager | Graphs:
        """What records or does not, and never compiles."""
        ...

    def run(self, key: Key, piece: Piece, *tensors: Tensor) -> Calculated:
        """The piece of the tensors. What it gives may be written over when `key` runs again."""
        ...


@dataclass
class Eager:
    """As Python says it."""

    name: ClassVar[str] = "eager"
    failed: ClassVar[None] = None
    records: ClassVar[bool] = False
    recording: ClassVar[bool] = False
    why: str = "asked for"

    @property
    def recorder(self) -> Eager:
        return self

    def run(self, key: Key, piece: Piece, *tensors: Tensor) -> Calculated:
        return piece(*tensors)


@dataclass
class Recorded:
    """A piece as a graph, and where it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: Calculated

    def replay(self, tensors: tuple[Tensor, ...]) -> Calculated:
        """The piece of other tensors, in the outputs that it always has."""
        for place, tensor in zip(self.inputs, tensors, strict=True):
            if place is not tensor:
                # Unseen by autograd, which would not go back through what another call has read.
                place.data.copy_(tensor.data)
        self.graph.replay()
        return self.outputs


@dataclass
class Graphs:
    """Every piece as a CUDA graph from its fourth call on; as Python says it once that failed.

    A piece that reads what another one has made (fakes, the slope at them) is recorded in the same
    step, and goes back through the very tensors that the other one writes.
    """

    chosen: str
    """What decided that pieces are recorded."""
    stream: torch.cuda.Stream | None = None
    """On which all pieces are recorded, so that one can go back through another."""
    calls: dict[Key, int] = field(default_factory=dict)
    recorded: dict[Key, Recorded] = field(default_factory=dict)
    recording: bool = False
    failed: str | None = None

    @property
    def records(self) -> bool:
        return self.failed is None

    @property
    def name(self) -> str:
        return "graphs" if self.records else Eager.name

    @property
    def why(self) -> str:
        return self.failed or self.chosen

    @property
    def recorder(self) -> Graphs:
        return self

    def run(self, key: Key, piece: Piece, *tensors: Tensor) -> Calculated:
        if self.failed is not None:
            return piece(*tensors)
        if key in self.recorded:
            return self.recorded[key].replay(tensors)
        self.calls[key] = self.calls.get(key, 0) + 1
        if self.calls[key] <= WARM_UPS:
            return piece(*tensors)
        try:
            self.recorded[key] = self.record(piece, tensors)
        except RuntimeError as error:
            cause = error.__context__ or error  # a graph that is left half way says nothing of why
            self.failed = f"the step cannot be recorded as CUDA graphs: {first_line(cause)}"
            self.recorded.clear()
            traceback.clear_frames(error.__traceback__)  # they hold what was made so far
        if self.failed is not None:
            return piece(*tensors)
        return self.recorded[key].replay(tensors)

    def record(self, piece: Piece, tensors: tuple[Tensor, ...]) -> Recorded:
        """Record one call, which calculates nothing yet."""
        made = {id(output) for one in self.recorded.values() for output in one.outputs}
        inputs = tuple(one if id(one) in made else own_place(one) for one in tensors)
        graph = torch.cuda.CUDAGraph()
        device = tensors[0].device
        if self.stream is None:
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        before = torch.cuda.current_stream(device)
        self.recording = True
        try:
            with (
                # Keeping what the way back needs, torch fears that what it compiled has spoiled it.
                functorch_config.patch(donated_buffer=False),
                # Other threads may go on pinning memory for images meanwhile.
                torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"),
            ):
                outputs = piece(*inputs)
        except RuntimeError:
            torch.cuda.set_stream(before)  # where torch leaves the other one
            raise
        finally:
            self.recording = False
        return Recorded(graph, inputs, outputs)


@dataclass
class Compiled:
    """Pieces through torch.compile, whole or not at all, and then as another engine runs them.

    What goes back through another piece stays as it is: it calls what was compiled with that piece.
    torch traces a penalty's own gradient only if it is told to, since 2.11.
    """

    inner: Eager | Graphs
    backend: str = "inductor"
    pieces: dict[Key, Piece] = field(default_factory=dict)
    refused: str | None = None
    """Why nothing is compiled any more."""

    @property
    def name(self) -> str:
        return f"compiled {self.inner.name}" if self.refused is None else self.inner.name

    @property
    def why(self) -> str:
        return self.failed or "asked for"

    @property
    def records(self) -> bool:
        return self.inner.records

    @property
    def recorder(self) -> Eager | Graphs:
        return self.inner

    @property
    def recording(self) -> bool:
        return self.inner.recording

    @property
    def failed(self) -> str | None:
        return "; ".join(one for one in (self.refused, self.inner.failed) if one) or None

    def run(self, key: Key, piece: Piece, *tensors: Tensor) -> Calculated:
        if key not in self.pieces:
            from_outside = all(tensor.is_leaf for tensor in tensors)
            self.pieces[key] = self.compiled(piece) if from_outside else piece
        chosen = self.pieces[key] if self.refused is None else piece
        return self.inner.run(key, chosen, *tensors)

    def compiled(self, piece: Piece) -> Piece:
        """The piece, compiled when it is first called; from a failure on as Python says it."""
        fast = torch.compile(piece, fullgraph=True, dynamic=False, backend=self.backend)

        def guarded(*tensors: Tensor) -> Calculated:
            if self.refused is None:
                try:
                    with torch._dynamo.config.patch(trace_autograd_ops=True):
                        return fast(*tensors)
                except Exception as error:  # of many kinds, and nothing is computed yet
                    self.refused = f"the step cannot be compiled: {first_line(error)}"
            return piece(*tensors)

        return guarded


def first_line(error: BaseException) -> str:
    """What an error says, in short."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def own_place(tensor: Tensor) -> Tensor:
    """A tensor of the same shape, strides and wish for a gradient, that a graph always reads."""
    return torch.empty_like(tensor).requires_grad_(tensor.requires_grad)


def choose_engine(
    asked: Compile, recipe: Recipe, device: torch.device, processes: ProcessGroup
) -> Engine:
    """Graphs on CUDA, for all that can be recorded; compiled pieces where that is asked for.

    On a CPU compiled steps were 1.1 to 1.5 times as fast, and the compiler took 18 to 161 seconds
    before the first one (docs/speed.md), so that nobody gets it who does not ask.
    """
    if asked == "off":
        return Eager()
    inner: Eager | Graphs
    if device.type != "cuda":
        inner = Eager(f"a {device.type} has no graphs to record")
    elif recipe.sync_batch_norm and processes.size > 1:
        inner = Eager("sync_batch_norm talks to the other processes in the middle of a piece")
    else:
        inner = Graphs("a GPU launches a recorded graph faster than its kernels")
    if asked == "auto":
        return inner
    torch._dynamo.reset()  # what was compiled for another run counts against a limit
    return Compiled(inner)
