"""Process groups: slices, random numbers, agreement, refused settings, and restarts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed import DistBackendError

from ganvas.devices import device_of_process
from ganvas.errors import DeviceError, Diverged, Interrupted, RankLost, RecipeError, Unhealthy
from ganvas.evaluation.extractors import local_range
from ganvas.latents.latents import BATCH_SIZE
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.precision import Precision
from ganvas.processes import SINGLE_PROCESS, ProcessGroup, reporting_lost_processes
from ganvas.randomness import draw_latents, draw_uniform, named_generator
from ganvas.runs import Run
from ganvas.runs.status import Status
from ganvas.torchrun import launch, restarts
from ganvas.training.distributed import (
    agree_on_precision,
    check_batch_is_divisible,
    check_batch_norm_samples,
    find_run_of_launch,
    is_over,
)
from ganvas.training.state import TrainState
from tests.builders import run_files
from tests.builders.tiny import small, start, tiny_recipe

THREE = [ProcessGroup(rank, 3) for rank in range(3)]


def test_local_slices_partition_the_batch_in_order() -> None:
    rows = torch.arange(12)
    assert torch.equal(torch.cat([rows[processes.local_slice(12)] for processes in THREE]), rows)
    assert {len(rows[processes.local_slice(12)]) for processes in THREE} == {4}


@pytest.mark.parametrize("size", [1, 2, 3, 64])
@pytest.mark.parametrize("n", [1, BATCH_SIZE, BATCH_SIZE + 1, 3 * BATCH_SIZE - 1, 10_000])
def test_samples_to_score_are_shared_in_whole_batches(n: int, size: int) -> None:
    ranges = [local_range(rank, size, n) for rank in range(size)]
    assert [row for rows in ranges for row in rows] == list(range(n))
    assert all(rows.start % BATCH_SIZE == 0 for rows in ranges if rows)
    batches = [-(-len(rows) // BATCH_SIZE) for rows in ranges]
    assert max(batches) - min(batches) <= 1
    assert batches[0] == max(batches)


def test_a_single_process_raises_its_own_error() -> None:
    with pytest.raises(DeviceError, match="none here"), SINGLE_PROCESS.failing_together():
        raise DeviceError("none here")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (RuntimeError("[pair.cc:5] Connection closed"), RankLost, "process of this run is gone$"),
        (DistBackendError("NCCL: Duplicate GPU\nmore"), RankLost, r"\(NCCL: Duplicate GPU\)$"),
        (torch.OutOfMemoryError("CUDA out of memory"), RuntimeError, "out of memory"),
        (RuntimeError("CUDA error: an illegal address"), RuntimeError, "illegal address"),
    ],
)
def test_errors_of_lost_processes_are_told_from_local_ones(
    error: RuntimeError, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message), reporting_lost_processes():
        raise error


def test_one_process_ignores_sync_batch_norm() -> None:
    """So a run of several GPUs can continue on one GPU or on a CPU."""
    recipe = tiny_recipe(small("dcgan", discriminator={"norm": "batch"}), sync_batch_norm=True)
    state = start(recipe)
    plain = start(dataclasses.replace(recipe, sync_batch_norm=False))
    modules = list(state.discriminator.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in modules)
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in modules)
    assert state.tensors().keys() == plain.tensors().keys()


def test_ranks_draw_what_one_process_draws() -> None:
    def draw_all(processes: ProcessGroup) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        random = named_generator(0, "test")
        latents = draw_latents(6, 5, random, processes)
        uniform = draw_uniform((6 // processes.size, 1, 2), random, processes)
        return latents, uniform, random.get_state()

    whole = draw_all(SINGLE_PROCESS)
    parts = [draw_all(processes) for processes in THREE]
    for kind in range(2):
        assert torch.equal(torch.cat([part[kind] for part in parts]), whole[kind])
    assert all(torch.equal(part[2], whole[2]) for part in parts)  # and they stay in step


class FakeProcessGroup(ProcessGroup):
    """A process group whose other ranks report fixed precisions."""

    def all_gather_object(self, value: Any) -> list[Any]:
        return [value, ("fp32", "has no bfloat16"), value]


def test_ranks_agree_on_a_precision() -> None:
    state = start(tiny_recipe())
    before = state.precision
    state.processes = FakeProcessGroup(0, 3)
    agree_on_precision(state)
    assert state.precision == before
    state.precision = Precision("bf16", "for a test")
    agree_on_precision(state)
    assert state.precision == Precision("fp32", "process 1: has no bfloat16")


class TestRefused:
    cpu = torch.device("cpu")

    @pytest.mark.parametrize(
        ("size", "batch", "pac", "images", "processes"),
        [
            (3, 64, 1, "63 or 66", "2 or 4"),
            (8, 4, 1, "8", "4"),
            (2, 18, 2, "16 or 20", "1 or 3"),
            (2, 12, 4, "8 or 16", "1 or 3"),
        ],
    )
    def test_batches_that_cannot_be_shared(
        self, size: int, batch: int, pac: int, images: str, processes: str
    ) -> None:
        recipe = tiny_recipe(batch=batch, objective=ObjectiveSettings(pac=pac))
        with pytest.raises(
            RecipeError, match=f"Nearest: {images} images, or {processes} processes$"
        ):
            check_batch_is_divisible(recipe, ProcessGroup(0, size), self.cpu)

    @pytest.mark.parametrize(("size", "batch", "pac"), [(1, 7, 1), (4, 64, 1), (2, 16, 4)])
    def test_batches_that_can_be_shared(self, size: int, batch: int, pac: int) -> None:
        recipe = tiny_recipe(batch=batch, objective=ObjectiveSettings(pac=pac))
        check_batch_is_divisible(recipe, ProcessGroup(0, size), self.cpu)

    def test_both_batches_and_sync_batch_norm_at_once(self) -> None:
        recipe = tiny_recipe(batch=5, generator_batch=7, sync_batch_norm=True)
        with pytest.raises(RecipeError) as caught:
            check_batch_is_divisible(recipe, ProcessGroup(0, 2), self.cpu)
        assert [line.split(":")[0] for line in caught.value.problems] == [
            "batch",
            "generator_batch",
            "sync_batch_norm",
        ]
        check_batch_is_divisible(
            tiny_recipe(sync_batch_norm=True), ProcessGroup(0, 2), torch.device("cuda")
        )

    def test_a_batch_of_one_is_not_normalised(self) -> None:
        def state(norm: str) -> TrainState:
            recipe = tiny_recipe(small("dcgan", generator={"norm": norm}), batch=4)
            return dataclasses.replace(start(recipe), processes=ProcessGroup(0, 4))

        recipe = tiny_recipe(batch=4)
        with pytest.raises(RecipeError, match=r"generator.s batch normalisation .* at least 8"):
            check_batch_norm_samples(recipe, state("batch"))
        check_batch_norm_samples(recipe, state("layer"))

    def test_more_processes_than_gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        with pytest.raises(DeviceError, match="this machine has 2"):
            device_of_process(torch.device("cuda"), ProcessGroup(2, 3, 2))
        with pytest.raises(DeviceError, match="mps"):
            device_of_process(torch.device("mps"), ProcessGroup(0, 2))


class TestRestart:
    def test_a_launch_has_one_name_over_its_restarts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
        assert launch() is None
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "photos-1")
        assert launch() == "photos-1"
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
        assert launch() not in (None, "none")
        assert launch() == launch()

    def test_restarts_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TORCHELASTIC_RESTART_COUNT", raising=False)
        assert not restarts()
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
        assert restarts()

    def test_only_the_run_of_this_launch_is_continued(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        mine = self.create_run(Path("runs/a-1"), "mine")
        self.create_run(Path("runs/a-2"), "other")
        self.create_run(Path("runs/a-3"), None)
        monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
        assert find_run_of_launch(None) is None
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
        assert find_run_of_launch(None) == str(mine.directory)
        assert find_run_of_launch("runs/a-1") == "runs/a-1"
        assert find_run_of_launch("runs/a-2") is None
        assert find_run_of_launch("runs/a-4") is None

    @pytest.mark.parametrize(
        ("status", "error"),
        [("diverged", Diverged), ("unhealthy", Unhealthy), ("interrupted", Interrupted)],
    )
    def test_a_run_that_ended_is_not_restarted(
        self, tmp_path: Path, status: Status, error: type[Exception]
    ) -> None:
        run = self.create_run(tmp_path / "run", None)
        assert not is_over(run, None)
        run.write_status(status, 10, "why")
        with pytest.raises(error, match=str(run.directory)):
            is_over(run, None)

    def test_a_finished_run_is_over_unless_it_is_to_train_longer(self, tmp_path: Path) -> None:
        run = self.create_run(tmp_path / "run", None)
        run.write_status("finished", 100)
        assert is_over(run, None)
        assert is_over(run, 100)
        assert not is_over(run, 200)

    @staticmethod
    def create_run(directory: Path, launch: str | None) -> Run:
        recipe = tiny_recipe(small("mlp")).with_fixed_schedules()
        return Run.create(directory, recipe, run_files.environment(launch=launch), {})
