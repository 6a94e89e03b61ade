"""How pieces of a step are calculated: what is recorded, when, and what happens if it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from ganvas.ranks import ALONE, Ranks
from ganvas.training import engine
from ganvas.training.engine import (
    WARM_UPS,
    Calculated,
    Compiled,
    Eager,
    Graphs,
    choose_engine,
)
from tests.unit.tiny import tiny_recipe

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


class Tape:
    """Stands in for a CUDA graph: what was recorded is done again, in the same tensors."""

    def replay(self) -> None:
        again = self.piece(*self.inputs)
        for place, value in zip(self.outputs, again, strict=True):
            place.copy_(value)


class Recording(Graphs):
    """Graphs on a tape."""

    def record(self, piece: engine.Piece, tensors: tuple[Tensor, ...]) -> engine.Recorded:
        recorded = super().record(piece, tensors)
        tape = recorded.graph
        tape.piece, tape.inputs, tape.outputs = piece, recorded.inputs, recorded.outputs
        return recorded


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def graph(tape: Tape, stream: object, capture_error_mode: str) -> Iterator[None]:
        yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    pretend_streams(monkeypatch)


def pretend_streams(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Streams by name; what becomes the current one again is collected."""
    restored: list[object] = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"a stream of {device}")
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "before")
    monkeypatch.setattr(torch.cuda, "set_stream", restored.append)
    return restored


def twice(tensor: Tensor) -> Calculated:
    return (2 * tensor,)


@pytest.mark.usefixtures("tape")
def test_a_piece_is_recorded_once_and_then_reads_what_it_is_given() -> None:
    graphs = Recording("for a test")
    for number in range(2 * WARM_UPS):
        (made,) = graphs.run(("twice",), twice, torch.tensor([float(number)]))
        assert made.tolist() == [2.0 * number]
        assert (("twice",) in graphs.recorded) == (number >= WARM_UPS)


@pytest.mark.usefixtures("tape")
def test_keys_are_recorded_apart() -> None:
    graphs = Recording("for a test")
    for _ in range(WARM_UPS + 1):
        graphs.run(("one",), twice, torch.ones(1))
    (made,) = graphs.run(("other",), lambda tensor: (tensor + 1,), torch.ones(3))
    assert made.tolist() == [2.0, 2.0, 2.0]
    assert list(graphs.recorded) == [("one",)]


@pytest.mark.usefixtures("tape")
def test_a_wish_for_gradients_is_recorded_too() -> None:
    def slope(tensor: Tensor) -> Calculated:
        return torch.autograd.grad(tensor.square().sum(), tensor)

    graphs = Recording("for a test")
    for number in range(WARM_UPS + 3):
        leaf = torch.tensor([float(number)], requires_grad=True)
        (made,) = graphs.run(("slope",), slope, leaf)
        assert made.tolist() == [2.0 * number]
        assert leaf.grad is None


@pytest.mark.usefixtures("tape")
def test_what_another_piece_made_is_read_where_it_lies() -> None:
    graphs = Recording("for a test")
    for number in range(WARM_UPS + 1):
        (made,) = graphs.run(("first",), twice, torch.tensor([float(number)]))
        (more,) = graphs.run(("second",), twice, made)
        assert more.tolist() == [4.0 * number]
    assert graphs.recorded["second",].inputs[0] is graphs.recorded["first",].outputs[0]


def test_what_cannot_be_recorded_is_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def graph(tape: Tape, stream: object, capture_error_mode: str) -> Iterator[None]:
        yield
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    restored = pretend_streams(monkeypatch)
    graphs = Graphs("for a test")
    assert (graphs.name, graphs.why, graphs.failed) == ("graphs", "for a test", None)
    for number in range(WARM_UPS + 4):
        (made,) = graphs.run(("twice",), twice, torch.tensor([float(number)]))
        assert made.tolist() == [2.0 * number]
    assert restored == ["before"]
    assert (graphs.name, graphs.why) == ("eager", graphs.failed)
    assert graphs.failed == (
        "the step cannot be recorded as CUDA graphs: "
        "operation not permitted when stream is capturing"
    )


def test_graphs_are_for_cuda_and_for_what_talks_to_nobody_on_the_way() -> None:
    plain = tiny_recipe()
    two = Ranks(0, 2)
    assert isinstance(choose_engine("auto", plain, CUDA, ALONE), Graphs)
    assert isinstance(choose_engine("auto", plain, CUDA, two), Graphs)
    together = tiny_recipe(sync_batch_norm=True)
    for asked, recipe, device, ranks, why in [
        ("off", plain, CUDA, ALONE, "asked for"),
        ("auto", plain, CPU, ALONE, "a cpu has no graphs to record"),
        ("auto", together, CUDA, two, "sync_batch_norm talks to the other processes"),
        ("auto", tiny_recipe(augmentation=0.3), CUDA, ALONE, "augmentation stands between"),
    ]:
        chosen = choose_engine(asked, recipe, device, ranks)
        assert isinstance(chosen, Eager)
        assert chosen.why.startswith(why)


def test_compiled_pieces_run_in_what_the_device_has() -> None:
    for device, inner in [(CPU, Eager), (CUDA, Graphs)]:
        chosen = choose_engine("on", tiny_recipe(), device, ALONE)
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
