"""How pieces of a step are calculated: what is recorded, when, and what happens if it cannot be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.training import engine as engine_room
from ganvas.training.engine import (
    WARM_UPS,
    Calculated,
    Compiled,
    Eager,
    Graphs,
    choose_engine,
)
from tests.unit.tape import pretend_cuda_graphs
from tests.unit.tiny import tiny_recipe

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    return pretend_cuda_graphs(monkeypatch)


def twice(tensor: Tensor) -> Calculated:
    return (2 * tensor,)


@pytest.mark.usefixtures("tape")
def test_a_piece_is_recorded_once_and_then_reads_what_it_is_given() -> None:
    graphs = Graphs("for a test")
    for number in range(2 * WARM_UPS):
        (made,) = graphs.run(("twice",), twice, torch.tensor([float(number)]))
        assert made.tolist() == [2.0 * number]
        assert (("twice",) in graphs.recorded) == (number >= WARM_UPS)


@pytest.mark.usefixtures("tape")
def test_keys_are_recorded_apart() -> None:
    graphs = Graphs("for a test")
    for _ in range(WARM_UPS + 1):
        graphs.run(("one",), twice, torch.ones(1))
    (made,) = graphs.run(("other",), lambda tensor: (tensor + 1,), torch.ones(3))
    assert made.tolist() == [2.0, 2.0, 2.0]
    assert list(graphs.recorded) == [("one",)]


@pytest.mark.usefixtures("tape")
def test_a_wish_for_gradients_is_recorded_too() -> None:
    def slope(tensor: Tensor) -> Calculated:
        return torch.autograd.grad(tensor.square().sum(), tensor)

    graphs = Graphs("for a test")
    for number in range(WARM_UPS + 3):
        leaf = torch.tensor([float(number)], requires_grad=True)
        (made,) = graphs.run(("slope",), slope, leaf)
        assert made.tolist() == [2.0 * number]
        assert leaf.grad is None


@pytest.mark.usefixtures("tape")
def test_what_another_piece_made_is_read_where_it_lies() -> None:
    graphs = Graphs("for a test")
    for number in range(WARM_UPS + 1):
        (made,) = graphs.run(("first",), twice, torch.tensor([float(number)]))
        (more,) = graphs.run(("second",), twice, made)
        assert more.tolist() == [4.0 * number]
    assert graphs.recorded["second",].inputs[0] is graphs.recorded["first",].outputs[0]


@pytest.mark.usefixtures("tape")
def test_the_way_back_is_through_what_the_last_call_read() -> None:
    weight = torch.tensor([3.0], requires_grad=True)
    graphs = Graphs("for a test")

    def back(made: Tensor) -> Calculated:
        return torch.autograd.grad(made.sum(), weight, retain_graph=graphs.recording)

    for number in range(2 * WARM_UPS):
        given = torch.tensor([float(number)])
        (made,) = graphs.run(("forth",), lambda given: (weight * given,), given)
        (slope,) = graphs.run(("back",), back, made)
        assert slope.tolist() == [number]
    assert graphs.failed is None
    assert not graphs.recording


def test_what_cannot_be_recorded_is_done_without(tape: list[object]) -> None:
    def twice_and_told(tensor: Tensor) -> Calculated:
        assert tensor.sum().item() >= 0
        return twice(tensor)

    graphs = Graphs("for a test")
    assert (graphs.name, graphs.why, graphs.failed) == ("graphs", "for a test", None)
    for number in range(WARM_UPS + 4):
        (made,) = graphs.run(("twice",), twice_and_told, torch.tensor([float(number)]))
        assert made.tolist() == [2.0 * number]
    assert tape == ["before"]
    assert (graphs.name, graphs.why) == ("eager", graphs.failed)
    assert graphs.failed == (
        "the step cannot be recorded as CUDA graphs: "
        "operation not permitted when stream is capturing: asks for a number"
    )


def test_graphs_are_for_cuda_and_for_what_talks_to_nobody_on_the_way() -> None:
    plain = tiny_recipe()
    two = ProcessGroup(0, 2)
    assert isinstance(choose_engine("auto", plain, CUDA, SINGLE_PROCESS), Graphs)
    assert isinstance(choose_engine("auto", plain, CUDA, two), Graphs)
    assert isinstance(
        choose_engine("auto", tiny_recipe(augmentation=0.3), CUDA, SINGLE_PROCESS), Graphs
    )
    together = tiny_recipe(sync_batch_norm=True)
    for asked, recipe, device, processes, why in [
        ("off", plain, CUDA, SINGLE_PROCESS, "asked for"),
        ("auto", plain, CPU, SINGLE_PROCESS, "a cpu has no graphs to record"),
        ("auto", together, CUDA, two, "sync_batch_norm talks to the other processes"),
    ]:
        chosen = choose_engine(asked, recipe, device, processes)
        assert isinstance(chosen, Eager)
        assert chosen.why.startswith(why)


def test_compiled_pieces_run_in_what_the_device_has() -> None:
    for device, inner in [(CPU, Eager), (CUDA, Graphs)]:
        chosen = choose_engine("on", tiny_recipe(), device, SINGLE_PROCESS)
        assert isinstance(chosen, Compiled)
        assert isinstance(chosen.inner, inner)


def test_what_cannot_be_compiled_is_done_without() -> None:
    engine = Compiled(Eager(), backend="aot_eager")
    assert (engine.name, engine.why, engine.failed) == ("compiled eager", "asked for", None)

    def talkative(tensor: Tensor) -> Calculated:
        torch._dynamo.graph_break()
        return (2 * tensor,)

    for number in range(3):
        (made,) = engine.run(("talkative",), talkative, torch.tensor([float(number)]))
        assert made.tolist() == [2.0 * number]
    assert (engine.name, engine.why) == ("eager", engine.failed)
    assert engine.failed is not None
    assert engine.failed.startswith("the step cannot be compiled: ")


def test_a_piece_that_goes_back_through_another_one_is_left_as_it_is() -> None:
    engine = Compiled(Eager(), backend="aot_eager")
    leaf = torch.ones(2, requires_grad=True)
    (made,) = engine.run(("first",), twice, leaf)
    (slope,) = engine.run(
        ("second",), lambda made: torch.autograd.grad(made.square().sum(), leaf), made
    )
    assert slope.tolist() == [8.0, 8.0]
    assert engine.failed is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code
@pytest.mark.usefixtures("tape")
def test_the_way_back_through_what_was_compiled_can_be_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Recording keeps what warm-ups gave away; the tape cannot see what such kernels do."""
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8))
    weights, given = list(network.parameters()), torch.randn(16, 4)
    compiled, graphs = Compiled(Eager()), Graphs("for a test")
    monkeypatch.setattr(engine_room, "own_place", lambda one: one)  # as if it had been recorded

    def back(made: Tensor) -> Calculated:
        return torch.autograd.grad(made.square().sum(), weights, retain_graph=graphs.recording)

    for number in range(WARM_UPS + 1):
        (made,) = compiled.run(("forth",), lambda given: (network(given),), given)
        found = graphs.run(("back",), back, made)
        for ours, theirs in zip(found, back(network(given)), strict=True):
            assert number == WARM_UPS or torch.allclose(ours, theirs, atol=1e-5)
    assert compiled.failed is None
    assert graphs.failed is None
