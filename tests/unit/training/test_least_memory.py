"""The memory that a step surely needs: never more than it takes, and enough to refuse by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ganvas import devices
from ganvas.errors import OutOfMemory
from ganvas.recipes import CATALOG, Recipe
from ganvas.training import least_memory as module
from ganvas.training.least_memory import check_memory, least_memory
from ganvas.training.step import train_step
from tests.builders.tiny import start, tiny_recipe

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", CATALOG)
def test_every_recipe_can_be_counted_without_its_weights(name: str) -> None:
    recipe = CATALOG[name]()
    assert 0 < least_memory(recipe, CPU, processes=2) < least_memory(recipe, CPU)


def kept_by_a_step(recipe: Recipe) -> int:
    """Bytes that a real step keeps for its backward passes, all of them together."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    state = start(recipe)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        train_step(state, recipe)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_it_grows_with_the_batch_and_a_step_keeps_more() -> None:
    recipe = replace(tiny_recipe(), precision="fp32")
    two, four, six = (least_memory(replace(recipe, batch=batch), CPU) for batch in (2, 4, 6))
    assert 0 < four - two == six - four
    images = recipe.batch * recipe.data.size[0] * recipe.data.size[1] * 4
    assert images < least_memory(recipe, CPU) < kept_by_a_step(recipe)


def test_a_step_that_cannot_fit_is_refused_unless_that_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = CATALOG["dcgan"]()
    huge = replace(recipe, data=replace(recipe.data, size=(4096, 4096)))
    monkeypatch.setattr(module, "total_memory", lambda device: 24 * 10**9)
    check_memory(recipe, CPU)
    with pytest.raises(
        OutOfMemory, match=r"dcgan with batches of 32 at 4096x4096 .* cpu has 24 GB"
    ):
        check_memory(huge, CPU)
    check_memory(huge, CPU, compile="on")  # which may keep less
    monkeypatch.setattr(module, "total_memory", lambda device: None)
    check_memory(huge, CPU)


def test_memory_of_a_machine_is_that_with_its_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices.sys, "platform", "linux")
    meminfo = tmp_path / "meminfo"
    monkeypatch.setattr(devices, "MEMINFO", meminfo)
    assert devices.total_memory(CPU) is None
    meminfo.write_text("MemTotal:       2048 kB\nMemFree:        99 kB\nSwapTotal:  1024 kB\n")
    assert devices.total_memory(CPU) == 3072 * 1024
    monkeypatch.setattr(devices.sys, "platform", "darwin")
    assert devices.total_memory(CPU) is None
