"""The state of training: releasing memory, and random numbers on another device."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch
from torch import Tensor, nn

from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tiny import same, small, start, tiny_data, tiny_recipe, weights_of


def trained(steps: int = 2) -> TrainState:
    recipe = tiny_recipe()
    state = start(recipe)
    for _ in range(steps):
        train_step(state, recipe)
    return state


def test_release_memory_leaves_no_references() -> None:
    state = trained()
    held = [weakref.ref(weight) for weight in state.generator.parameters()]
    held += [
        weakref.ref(tensor) for name, tensor in state.tensors().items() if "random" not in name
    ]
    state.release_memory()
    gc.collect()
    assert not [ref for ref in held if ref() is not None]


def test_random_numbers_start_again_on_another_kind_of_device() -> None:
    """The state of a GPU's generator has 16 bytes, which a CPU's cannot load."""
    recipe = tiny_recipe()
    state = trained()
    tensors, values = dict(state.tensors()), state.values()
    assert trained(0).restore(*copy.deepcopy((tensors, values)))
    for name in tensors:
        if "random" in name:
            tensors[name] = torch.zeros(16, dtype=torch.uint8)
    ends = []
    for images_seen in (8, 8, 16):
        other = start(recipe)
        kept = copy.deepcopy((tensors, {**values, "images_seen": images_seen}))
        assert not other.restore(*kept)
        assert same(weights_of(other.generator), weights_of(state.generator))
        train_step(other, recipe)
        ends.append(weights_of(other.generator))
    assert same(ends[0], ends[1])
    assert not same(ends[0], ends[2])


def test_a_restored_state_has_its_snapshots_in_their_order() -> None:
    """Movement is measured from the last probe and from the one before."""
    state, other = trained(0), trained(0)
    state.snapshots = tuple(torch.full((2, 1, 4, 4), value, dtype=torch.uint8) for value in (3, 5))
    other.restore(copy.deepcopy(state.tensors()), state.values())
    assert [int(snapshot[0, 0, 0, 0]) for snapshot in other.snapshots] == [3, 5]


@pytest.mark.parametrize("channels", [1, 3])
def test_activations_of_a_step_on_a_cpu_are_all_channels_last(channels: int) -> None:
    """Where a layer's outputs and their gradients had different layouts, both took long."""
    recipe = tiny_recipe(small("dcgan", discriminator={"norm": "batch"}))
    state = start(recipe, data=tiny_data(channels=channels))
    grids: list[Tensor] = []

    def keep(_: nn.Module, __: object, outputs: Tensor) -> None:
        outputs.register_hook(grids.append)
        grids.append(outputs)

    for network in (state.generator, state.discriminator):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
                layer.register_forward_hook(keep)
    train_step(state, recipe)
    # Images are in torch's default layout; a grid of one position is in both.
    wide = [grid for grid in grids if grid.shape[1] > channels and grid.shape[2:].numel() > 1]
    assert len(wide) > 20
    assert all(grid.is_contiguous(memory_format=torch.channels_last) for grid in wide)
    assert not any(grid.is_contiguous() for grid in wide)
