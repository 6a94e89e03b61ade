"""How a device calculates the pieces of a step: as Python says it, or as a recorded CUDA graph.

A piece is a function of tensors alone, the same for as long as its key is: it makes fakes, or one
player's gradients. Small networks are bound by the time that Python takes to launch their hundreds
of kernels; a graph launches all of a piece's at once. Kernels and results are the same. What stands
between the pieces (drawing, averaging over ranks, optimizers) is a few launches, and not recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from ganvas.ranks import Ranks
from ganvas.recipes import Recipe

Calculated = tuple[Tensor, ...]
Piece = Callable[..., Calculated]
Key = tuple[str, ...]
Compile = Literal["auto", "off"]

WARM_UPS = 3
"""Calls before a piece is recorded, in which libraries choose and load their kernels."""


class Engine(Protocol):
    """Calculates pieces."""

    name: str
    why: str
    """What decided that it is this one, in a few words."""

    def run(self, key: Key, piece: Piece, *tensors: Tensor) -> Calculated:
        """The piece of the tensors. What it gives may be written over when `key` runs again."""
        ...


@dataclass
class Eager:
    """As Python says it."""

    why: str = "asked for"
    name: str = "eager"

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
        with torch.no_grad():
            for place, tensor in zip(self.inputs, tensors, strict=True):
                if place is not tensor:
                    place.copy_(tensor)
        self.graph.replay()
        return self.outputs


@dataclass
class Graphs:
    """Every piece as a CUDA graph from its fourth call on; as Python says it if that fails.

    A piece that reads what another one has made (the generator's loss, its fakes) is recorded in
    the same step, and goes back through the very tensors that the other one writes.
    """

    why: str
    say: Callable[[str], None] = print
    name: str = "graphs"
    calls: dict[Key, int] = field(default_factory=dict)
    recorded: dict[Key, Recorded] = field(default_factory=dict)
    failed: str | None = None

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
            self.give_up(error)
            return piece(*tensors)
        return self.recorded[key].replay(tensors)

    def record(self, piece: Piece, tensors: tuple[Tensor, ...]) -> Recorded:
        """Record one call, which calculates nothing yet."""
        made = {id(output) for one in self.recorded.values() for output in one.outputs}
        inputs = tuple(one if id(one) in made else own_place(one) for one in tensors)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = piece(*inputs)
        return Recorded(graph, inputs, outputs)

    def give_up(self, error: RuntimeError) -> None:
        """Go on as Python says it, and say why once."""
        self.failed = str(error).splitlines()[0]
        self.recorded.clear()
        self.say(
            f"the step cannot be recorded as CUDA graphs, training goes on without: {self.failed}"
        )


def own_place(tensor: Tensor) -> Tensor:
    """A tensor of the same shape, strides and wish for a gradient, that a graph always reads."""
    return torch.empty_like(tensor).requires_grad_(tensor.requires_grad)


def choose_engine(asked: Compile, recipe: Recipe, device: torch.device, ranks: Ranks) -> Engine:
    """Graphs on CUDA, for all that can be recorded."""
    if asked == "off":
        return Eager()
    if device.type != "cuda":
        return Eager(f"a {device.type} has no graphs to record")
    if recipe.sync_batch_norm and ranks.size > 1:
        return Eager("sync_batch_norm talks to the other processes in the middle of a piece")
    return Graphs("a GPU launches a recorded graph faster than its kernels")
