"""A restored state goes on bit for bit as the one that was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas import tensor_file
from ganvas.data.settings import DataSettings
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import PlayerSettings, Recipe
from ganvas.schedules import Ramp
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tiny import BATCH, same, small, start, tiny_recipe
from tests.unit.training.test_step import RMSPROP, SIZE

SCHEDULED = PlayerSettings(
    learning_rate=Ramp(shape="cosine", start=1e-3, end=1e-4, images=60),
    beta1=0.0,
    beta2=Ramp(shape="cosine", start=0.9, end=0.99, images=60),
)

ADAM = PlayerSettings(learning_rate=Ramp(shape="cosine", start=1e-3, end=1e-4, images=60))


PENALISED = Penalties(
    gradient_penalty=PenaltySettings(weight=10.0),
    r1=PenaltySettings(weight=Ramp(shape="linear", start=1.0, end=0.1, images=80), every=3),
)

RESUMED: dict[str, dict[str, Any]] = {
    "adam, batch norm, flip": {
        "networks": small("dcgan", discriminator={"norm": "batch"}),
        "generator": ADAM,
        "discriminator": ADAM,
        "data": DataSettings(size=SIZE, flip=True),
    },
    "rmsprop, clipping, five steps": {
        "objective": ObjectiveSettings(loss="wasserstein", clip_weights=0.05),
        "generator": RMSPROP,
        "discriminator": RMSPROP,
        "discriminator_steps": 5,
    },
    "spectral norm, penalties, dequantize": {
        "networks": small("resnet"),
        "objective": ObjectiveSettings(loss="hinge", spectral_norm=True, penalties=PENALISED),
        "generator": ADAM,
        "discriminator": RMSPROP,
        "data": DataSettings(size=SIZE, flip=True, dequantize=True),
        "generator_batch": 6,
    },
    "relativistic mlp without average": {
        "networks": small("mlp"),
        "objective": ObjectiveSettings(loss="relativistic", penalties=PENALISED),
        "ema_half_life": 0,
    },
    "r3gan, new reals, every schedule": {
        "networks": small("r3gan"),
        "objective": ObjectiveSettings(loss="relativistic", penalties=PENALISED),
        "generator": SCHEDULED,
        "discriminator": SCHEDULED,
        "data": DataSettings(size=SIZE, flip=True, dequantize=True),
        "fresh_reals_for_generator": True,
        "ema_half_life": Ramp(shape="cosine", start=0.0, end=20.0, images=60),
    },
    "augmented more and more, packs": {
        "objective": ObjectiveSettings(loss="relativistic", pac=2, penalties=PENALISED),
        "data": DataSettings(size=SIZE, flip=True),
        "fresh_reals_for_generator": True,
        "augmentation": Ramp(shape="cosine", start=0.0, end=0.8, images=20),
    },
}  # fmt: skip


class TestResume:
    @staticmethod
    def train(state: TrainState, recipe: Recipe, steps: int) -> None:
        for _ in range(steps):
            train_step(state, recipe)

    @pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED)
    @pytest.mark.parametrize("stop_after", [0, 1, 4])
    def test_restored_state_continues_bit_for_bit(
        self, tmp_path: Path, changes: dict[str, Any], stop_after: int
    ) -> None:
        recipe = tiny_recipe(**changes)
        straight = start(recipe)
        self.train(straight, recipe, stop_after + 3)

        stopped = start(recipe)
        self.train(stopped, recipe, stop_after)
        path = tmp_path / "checkpoint.safetensors"
        tensor_file.write(path, stopped.tensors(), stopped.values())
        self.train(stopped, recipe, 2)

        resumed = start(recipe, seed=0)
        self.train(resumed, recipe, 1)  # whatever it was before is forgotten
        resumed.restore(*tensor_file.read(path))
        self.train(resumed, recipe, 3)

        assert resumed.values() == straight.values()
        ours, theirs = resumed.tensors(), straight.tensors()
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []

    def test_checkpoint_holds_every_part_of_the_state(self) -> None:
        recipe = tiny_recipe()
        state = start(recipe)
        self.train(state, recipe, 1)
        rooms = {name.split("/")[0] for name in state.tensors()}
        assert rooms == {*state.modules(), *state.optimizers(), "random"}
        assert sum(name.startswith("random/") for name in state.tensors()) == len(state.random)
        assert state.values()["drawn"] == BATCH

    def test_start_depends_on_the_seed_alone(self) -> None:
        torch.manual_seed(1)
        first = start(tiny_recipe())
        torch.manual_seed(2)
        second = start(tiny_recipe())
        other = start(tiny_recipe(), seed=1)
        assert same(first.tensors().values(), second.tensors().values())
        assert not same(first.tensors().values(), other.tensors().values())
