"""The state of training: releasing memory, and random numbers on another device."""

from __future__ import annotations

import copy
import gc
import weakref

import torch

from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tiny import same, start, tiny_recipe, weights_of


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
