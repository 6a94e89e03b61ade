"""A network as plain Python: calls of torch's operators on weights by name, without any class.

torch.export follows the network once and keeps its operators. Each becomes a line, so that the
file needs neither ganvas nor the version of torch that wrote it.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from ganvas.errors import GanvasError
from ganvas.exports.tracing import Inputs, first_cause, innermost_failing_layer, quiet_exporter

CHECKS = ("aten._assert_tensor_metadata.default",)
"""Operators that only check what the exporter saw."""


def plain_code(network: nn.Module, inputs: Mapping[str, Tensor]) -> str:
    """Python that computes what the network does: `CONSTANTS` and `generate(weights, ...)`.

    Args:
        network: ready for use; its state dict has the weights of `generate`.
        inputs: what it takes, by name, with a batch of two or more.

    Raises:
        GanvasError: a layer cannot be followed; the message names it.
    """
    examples = tuple(inputs.values())
    with quiet_exporter():
        try:
            program = _export(network, examples)
        except RuntimeError as error:
            layer = innermost_failing_layer(network, examples, can_be_exported)
            raise GanvasError(
                f"{layer} cannot be written as plain code: {first_cause(error)}"
            ) from error
    return Listing(program, list(inputs)).text()


def _export(network: nn.Module, inputs: Inputs) -> ExportedProgram:
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} for _ in inputs)
    return torch.export.export(network, inputs, dynamic_shapes=shapes)


def can_be_exported(layer: nn.Module, inputs: Inputs) -> bool:
    """Whether a layer can be followed alone."""
    try:
        _export(layer, inputs)
    except RuntimeError:
        return False
    return True


class Listing:
    """The operators of a program as lines of Python.

    Args:
        program: of `torch.export`.
        inputs: the names of what it takes, in order.
    """

    def __init__(self, program: ExportedProgram, inputs: Sequence[str]) -> None:
        self.inputs = list(inputs)
        self.names: dict[str, str] = {}
        self.constants: dict[str, Tensor] = {}
        given = iter(inputs)
        for spec in program.graph_signature.input_specs:
            name = spec.arg.name
            if spec.kind == InputKind.USER_INPUT:
                self.names[name] = next(given)
                continue
            assert spec.target is not None
            self.names[name] = f"weights[{spec.target!r}]"
            if spec.target not in program.state_dict:
                self.constants[spec.target] = program.constants[spec.target]
        self.nodes = [node for node in program.graph.nodes if node.op != "placeholder"]

    def text(self) -> str:
        """The module: the constants and the function."""
        lines = [f"def generate(weights, {', '.join(self.inputs)}):"]
        lines += [f"    {self.line(node)}" for node in self.nodes if str(node.target) not in CHECKS]
        constants = ", ".join(
            f"{name!r}: torch.tensor({constant.tolist()}, dtype={constant.dtype})"
            for name, constant in self.constants.items()
        )
        return "\n".join([f"CONSTANTS = {{{constants}}}", "", "", *lines, ""])

    def line(self, node: Node) -> str:
        """One operator, with the shape of what it gives."""
        if node.op == "output":
            (outputs,) = node.args
            assert isinstance(outputs, tuple)
            return f"return {self.value(outputs[0])}"
        values = [self.value(value) for value in node.args]
        if node.target is operator.getitem:
            return f"{node.name} = {values[0]}[{values[1]}]"
        if not isinstance(node.target, torch._ops.OpOverload):
            raise GanvasError(f"{node.target} cannot be written as plain code")
        values += [f"{name}={self.value(value)}" for name, value in node.kwargs.items()]
        return f"{node.name} = torch.ops.{node.target}({', '.join(values)}){shape_of(node)}"

    def value(self, value: Any) -> str:
        """An argument as Python."""
        if isinstance(value, Node):
            return self.names.get(value.name, value.name)
        if isinstance(value, list | tuple):
            return f"[{', '.join(self.value(item) for item in value)}]"
        if isinstance(value, torch.device):  # that of the machine which exported
            return f"{self.inputs[0]}.device"
        return repr(value)


def shape_of(node: Node) -> str:
    """`  # (N, 64, 8, 8)`: the shape of a tensor, as a comment."""
    value = node.meta["val"]
    if not isinstance(value, Tensor):
        return ""
    sizes = ["N" if isinstance(size, torch.SymInt) else str(size) for size in value.shape]
    return f"  # ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
