"""Training is what it was before a recipe had two players and one loop ran on every process.

`ganvas_0_1.json` was written by version 0.1: means of everything measured over eight steps, and the
mean and standard deviation of every tensor afterwards. On one machine checkpoints are equal bit for
bit; processors round differently, so here numbers must be close.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganvas.data.settings import DataSettings
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import PlayerSettings
from ganvas.schedules import Ramp
from ganvas.training.step import train_step
from tests.builders.tiny import SIDE, small, start, tiny_recipe

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "ganvas_0_1.json").read_text(encoding="utf-8")
)
SIZE = (SIDE, SIDE)
STEPS = 8
NOISE = 2 * STEPS * 2e-4
"""How far eight steps of Adam can move a weight, there and back."""
RMSPROP = PlayerSettings(optimizer="rmsprop", beta1=0.0)
R1_AND_R2 = Penalties(r1=PenaltySettings(weight=1.0), r2=PenaltySettings(weight=1.0))
LAZY = Penalties(gradient_penalty=PenaltySettings(weight=10.0, every=2))
ONE_SIDED = Penalties(one_sided_gradient_penalty=PenaltySettings(weight=1.0))
RECIPES: dict[str, dict[str, Any]] = {
    "dcgan": {
        "networks": small("dcgan", discriminator={"norm": "batch"}),
        "objective": ObjectiveSettings(real_label=0.9),
        "augmentation": 0.3,
        "data": DataSettings(size=SIZE, flip=True),
    },
    "wgan": {
        "objective": ObjectiveSettings(loss="wasserstein", clip_weights=0.05),
        "generator": RMSPROP,
        "discriminator": RMSPROP,
        "discriminator_steps": 3,
        "generator_batch": 6,
    },
    "resnet": {
        "networks": small("resnet"),
        "objective": ObjectiveSettings(loss="hinge", spectral_norm=True, penalties=LAZY),
        "data": DataSettings(size=SIZE, dequantize=True),
    },
    "r3gan": {
        "networks": small("r3gan"),
        "objective": ObjectiveSettings(loss="relativistic", penalties=R1_AND_R2),
        "fresh_reals_for_generator": True,
        "ema_half_life": Ramp(shape="cosine", start=0.0, end=20.0, images=60),
    },
    "mlp": {
        "networks": small("mlp"),
        "objective": ObjectiveSettings(loss="least-squares", penalties=ONE_SIDED),
    },
}


@pytest.mark.parametrize("name", RECIPES)
def test_eight_steps_are_those_of_version_0_1(name: str) -> None:
    recipe = tiny_recipe(**RECIPES[name])
    state = start(recipe, seed=3)
    for _ in range(STEPS):
        train_step(state, recipe)
    expected = REFERENCE[name]
    assert state.images_seen == expected["images_seen"]
    assert state.metrics.compute() == pytest.approx(expected["means"], rel=5e-3, abs=1e-5)
    for module, network in state.modules().items():
        tensors = {
            key: tensor.double()
            for key, tensor in network.state_dict().items()
            if tensor.is_floating_point()
        }
        assert tensors.keys() == expected["networks"][module].keys()
        for key, (mean, deviation) in expected["networks"][module].items():
            found = float(tensors[key].mean()), float(tensors[key].std(unbiased=False))
            # A bias before a normalisation has no gradient but rounding, and Adam moves it all the
            # same, by the learning rate at each step.
            tolerance = NOISE if deviation < NOISE else 2e-5
            close = pytest.approx((mean, deviation), rel=5e-3, abs=tolerance)
            assert found == close, f"{module}/{key}"


def test_the_reference_has_every_recipe() -> None:
    assert REFERENCE.keys() == RECIPES.keys()
