"""Two processes with half a batch each train what one process trains with the whole of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas import tensor_file
from ganvas.processes import SINGLE_PROCESS
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

from . import distributed_state
from .distributed_state import CASES, IN_SINGLE, SINGLE, STEPS, numbers_of, path_of, recipe_of


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the results of two processes for all cases."""
    return distributed_state.made_once(
        tmp_path_factory, "pair", distributed_state.train_in_two_processes
    )


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """So that sums of 32 and of 64 numbers do not differ by rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def differences(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, float]:
    """The largest difference of each pair of tensors that is above 1e-6."""
    assert ours.keys() == theirs.keys()
    gaps = {name: float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours}
    return {name: gap for name, gap in gaps.items() if not gap <= 1e-6}


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_two_halves_of_a_batch_train_what_the_whole_trains(pair: Path, name: str) -> None:
    alone = distributed_state.train_alone(name)
    shared, values = tensor_file.read(path_of(pair, 0, name))
    assert differences(shared, numbers_of(alone)) == {}
    for number in ("images_seen", "discriminator_steps", "drawn", "counts"):
        assert values[number] == alone.values()[number]


@pytest.mark.parametrize("name", IN_SINGLE)
def test_in_single_precision_every_loss_and_penalty_differs_by_rounding(
    pair: Path, name: str
) -> None:
    """Measured: at most 1.2e-7 of the weights' length. With convolutions, and Adam dividing by
    gradients that are next to nothing, it was 3e-3: so the proof is in double."""
    torch.set_default_dtype(torch.float32)
    alone = numbers_of(distributed_state.train_alone(name))
    shared, _ = tensor_file.read(path_of(pair / SINGLE, 0, name))
    for player in ("generator/", "discriminator/", "ema/"):
        names = [key for key in alone if key.startswith(player)]
        ours, theirs = (
            torch.cat([one[key].detach().flatten() for key in names]) for one in (shared, alone)
        )
        assert ours.dtype == torch.float32
        assert float((ours - theirs).norm() / theirs.norm()) < 1e-5


@pytest.mark.parametrize("name", CASES)
def test_both_processes_hold_the_same_bits(pair: Path, name: str) -> None:
    first, second = (tensor_file.read(path_of(pair, rank, name)) for rank in range(2))
    assert first[1] == second[1]
    assert [key for key in first[0] if not torch.equal(first[0][key], second[0][key])] == []


def test_one_process_resumes_what_two_have_begun(pair: Path) -> None:
    name = "penalty gradient_penalty"
    recipe = recipe_of(CASES[name])
    state = distributed_state.start(recipe, SINGLE_PROCESS)
    state.restore(*tensor_file.read(path_of(pair, 0, "half way")))
    for _ in range(STEPS - STEPS // 2):
        train_step(state, recipe)
    assert differences(numbers_of(state), numbers_of(distributed_state.train_alone(name))) == {}


def test_a_number_that_is_not_finite_in_one_process_stops_both_with_the_same_error(
    pair: Path,
) -> None:
    for result in results(pair):
        assert result["errors when process 1 breaks"] == [
            "discriminator: loss term adversarial became not a number",
            "generator: loss term adversarial became not a number",
            "discriminator: the gradient of loss term adversarial is not finite",
        ]


def test_statistics_of_batch_normalisation_are_the_mean_of_both(pair: Path) -> None:
    """In the first step nothing before the generator's first norm depends on who sees what."""
    first, second = (result["statistics"] for result in results(pair))
    assert first == second
    channels = 8  # next to the base grid
    alone = distributed_state.statistics(SINGLE_PROCESS, 1)[:channels]
    assert first[0][:channels] == pytest.approx(alone, rel=1e-9, abs=1e-12)
    assert first[0][:channels] != first[1][:channels]


def test_two_processes_resume_bit_for_bit_with_batch_normalisation_too(pair: Path) -> None:
    assert [result["resumes bit for bit"] for result in results(pair)] == [True, True]


def test_objects_and_numbers_are_exchanged(pair: Path) -> None:
    for result in results(pair):
        assert result["largest"] == 6
        assert result["gathered"] == [{"rank": 0, "text": ""}, {"rank": 1, "text": "ä"}]
        assert result["broadcast"] == "from process 0"


def test_shutting_down_leaves_no_thread_behind(pair: Path) -> None:
    """A thread that is left when the interpreter ends would abort the process."""
    assert [result["group is gone"] for result in results(pair)] == [True, True]


def test_a_single_process_is_the_trivial_case() -> None:
    numbers = torch.arange(4.0)
    SINGLE_PROCESS.all_reduce_mean([numbers])
    assert torch.equal(numbers, torch.arange(4.0))
    assert torch.equal(numbers[SINGLE_PROCESS.local_slice(4)], numbers)
    assert (
        SINGLE_PROCESS.all_reduce_max(3),
        SINGLE_PROCESS.all_gather_object("a"),
        SINGLE_PROCESS.broadcast_object(lambda: 5),
    ) == (3, ["a"], 5)
    assert isinstance(distributed_state.start(recipe_of({}), SINGLE_PROCESS), TrainState)
