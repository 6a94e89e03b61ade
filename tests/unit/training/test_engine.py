"""How the functions of a step run: what is captured or compiled, when, and what if it cannot be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.training import engine as engine_room
from ganvas.training.engine import (
    WARMUP_STEPS,
    Compiled,
    CudaGraphs,
    Eager,
    Tensors,
    choose_engine,
)
from tests.builders.tape import pretend_cuda_graphs
from tests.builders.tiny import tiny_recipe

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    return pretend_cuda_graphs(monkeypatch)


def twice(tensor: Tensor) -> Tensors:
    return (2 * tensor,)


@pytest.mark.usefixtures("tape")
def test_a_function_is_captured_once_and_then_reads_what_it_is_given() -> None:
    graphs = CudaGraphs("for a test")
    run = graphs.wrap(twice)
    for number in range(2 * WARMUP_STEPS):
        (result,) = run(torch.tensor([float(number)]))
        assert result.tolist() == [2.0 * number]
        assert (graphs.functions[0].captured is not None) == (number >= WARMUP_STEPS)


@pytest.mark.usefixtures("tape")
def test_functions_are_captured_separately() -> None:
    graphs = CudaGraphs("for a test")
    first, second = graphs.wrap(twice), graphs.wrap(lambda tensor: (tensor + 1,))
    for _ in range(WARMUP_STEPS + 1):
        first(torch.ones(1))
    (result,) = second(torch.ones(3))
    assert result.tolist() == [2.0, 2.0, 2.0]
    assert [function.captured is not None for function in graphs.functions] == [True, False]


@pytest.mark.usefixtures("tape")
def test_captured_inputs_keep_requires_grad() -> None:
    def gradient(tensor: Tensor) -> Tensors:
        return torch.autograd.grad(tensor.square().sum(), tensor)

    run = CudaGraphs("for a test").wrap(gradient)
    for number in range(WARMUP_STEPS + 3):
        leaf = torch.tensor([float(number)], requires_grad=True)
        (result,) = run(leaf)
        assert result.tolist() == [2.0 * number]
        assert leaf.grad is None


@pytest.mark.usefixtures("tape")
def test_outputs_of_another_function_are_read_in_place() -> None:
    graphs = CudaGraphs("for a test")
    first, second = graphs.wrap(twice), graphs.wrap(twice)
    for number in range(WARMUP_STEPS + 1):
        (result,) = first(torch.tensor([float(number)]))
        (more,) = second(result)
        assert more.tolist() == [4.0 * number]
    writer, reader = (function.captured for function in graphs.functions)
    assert writer is not None
    assert reader is not None
    assert reader.inputs[0] is writer.outputs[0]


@pytest.mark.usefixtures("tape")
def test_backward_goes_through_the_inputs_of_the_last_call() -> None:
    weight = torch.tensor([3.0], requires_grad=True)
    graphs = CudaGraphs("for a test")

    def backward(result: Tensor) -> Tensors:
        return torch.autograd.grad(result.sum(), weight, retain_graph=graphs.is_capturing)

    forward, back = graphs.wrap(lambda inputs: (weight * inputs,)), graphs.wrap(backward)
    for number in range(2 * WARMUP_STEPS):
        (result,) = forward(torch.tensor([float(number)]))
        (gradient,) = back(result)
        assert gradient.tolist() == [number]
    assert graphs.fallback is None
    assert not graphs.is_capturing


def test_a_function_that_cannot_be_captured_runs_eagerly(tape: list[object]) -> None:
    def reads_a_number(tensor: Tensor) -> Tensors:
        assert tensor.sum().item() >= 0
        return twice(tensor)

    graphs = CudaGraphs("for a test")
    run = graphs.wrap(reads_a_number)
    assert (graphs.name, graphs.reason, graphs.fallback) == ("graphs", "for a test", None)
    for number in range(WARMUP_STEPS + 4):
        (result,) = run(torch.tensor([float(number)]))
        assert result.tolist() == [2.0 * number]
    assert tape == ["before"]
    assert (graphs.name, graphs.reason) == ("eager", graphs.fallback)
    assert graphs.fallback == (
        "the step cannot be captured as CUDA graphs: "
        "operation not permitted when stream is capturing: asks for a number"
    )


def test_graphs_are_for_cuda_without_communication_inside_the_step() -> None:
    plain = tiny_recipe()
    two = ProcessGroup(0, 2)
    assert isinstance(choose_engine("auto", plain, CUDA, SINGLE_PROCESS), CudaGraphs)
    assert isinstance(choose_engine("auto", plain, CUDA, two), CudaGraphs)
    assert isinstance(
        choose_engine("auto", tiny_recipe(augmentation=0.3), CUDA, SINGLE_PROCESS), CudaGraphs
    )
    together = tiny_recipe(sync_batch_norm=True)
    for asked, recipe, device, processes, why in [
        ("off", plain, CUDA, SINGLE_PROCESS, "asked for"),
        ("auto", plain, CPU, SINGLE_PROCESS, "a cpu has no graphs to record"),
        ("auto", together, CUDA, two, "sync_batch_norm talks to the other processes"),
    ]:
        chosen = choose_engine(asked, recipe, device, processes)
        assert isinstance(chosen, Eager)
        assert chosen.reason.startswith(why)


def test_compiled_functions_run_in_the_engine_of_the_device() -> None:
    for device, inner in [(CPU, Eager), (CUDA, CudaGraphs)]:
        chosen = choose_engine("on", tiny_recipe(), device, SINGLE_PROCESS)
        assert isinstance(chosen, Compiled)
        assert isinstance(chosen.inner, inner)


def test_a_function_that_cannot_be_compiled_runs_eagerly() -> None:
    engine = Compiled(Eager(), backend="aot_eager")
    assert (engine.name, engine.reason, engine.fallback) == ("compiled eager", "asked for", None)

    def talkative(tensor: Tensor) -> Tensors:
        torch._dynamo.graph_break()
        return (2 * tensor,)

    run = engine.wrap(talkative)
    for number in range(3):
        (result,) = run(torch.tensor([float(number)]))
        assert result.tolist() == [2.0 * number]
    assert (engine.name, engine.reason) == ("eager", engine.fallback)
    assert engine.fallback is not None
    assert engine.fallback.startswith("the step cannot be compiled: ")


def test_a_function_may_stay_uncompiled() -> None:
    engine = Compiled(Eager(), backend="aot_eager")
    leaf = torch.ones(2, requires_grad=True)

    def gradient(result: Tensor) -> Tensors:
        return torch.autograd.grad(result.square().sum(), leaf)

    (result,) = engine.wrap(twice)(leaf)
    assert engine.wrap(gradient, compiled=False) is gradient
    assert gradient(result)[0].tolist() == [8.0, 8.0]
    assert engine.fallback is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code
@pytest.mark.usefixtures("tape")
def test_backward_through_a_compiled_function_can_be_captured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A capture retains buffers that warm-ups donated; the tape cannot see what such kernels do."""
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8))
    weights, given = list(network.parameters()), torch.randn(16, 4)
    compiled, graphs = Compiled(Eager()), CudaGraphs("for a test")
    monkeypatch.setattr(engine_room, "static_copy", lambda tensor: tensor)  # as if captured

    def backward(result: Tensor) -> Tensors:
        return torch.autograd.grad(result.square().sum(), weights, retain_graph=graphs.is_capturing)

    forward, back = compiled.wrap(lambda given: (network(given),)), graphs.wrap(backward)
    for number in range(WARMUP_STEPS + 1):
        (result,) = forward(given)
        gradients = back(result)
        for ours, theirs in zip(gradients, backward(network(given)), strict=True):
            assert number == WARMUP_STEPS or torch.allclose(ours, theirs, atol=1e-5)
    assert compiled.fallback is None
    assert graphs.fallback is None
