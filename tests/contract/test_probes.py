"""Probes measure all they promise for any architecture, loss, penalty and constraint."""

from __future__ import annotations

import dataclasses
import math
from itertools import cycle, islice
from typing import Any

import pytest
import torch

from ganvas.health.columns import COLUMNS, MISSING
from ganvas.health.probes import measure
from ganvas.networks import ARCHITECTURES, POINT, Architecture, ImageShape
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.precision import FP32, Precision
from ganvas.recipes import Recipe
from ganvas.training.step import train_step
from tests.builders.probe_contexts import context, copied_context, draw, probe
from tests.builders.tiny import BATCH, SIDE, awake, small, start, tiny_recipe
from tests.contract.test_architectures import VARIATIONS

EVERY_ARCHITECTURE = pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
MOST = max(len(ARCHITECTURES), len(LOSSES))
PAIRS = list(islice(zip(cycle(ARCHITECTURES.values()), cycle(LOSSES), strict=True), MOST))
"""Every architecture and every loss at least once."""
COUNT = 2 * BATCH

CLIPPED = {"probe/clip/share", "probe/clip/small"}
HELD_OUT = {name for name in COLUMNS if "held_out" in name} | {"probe/ranking/memory", "probe/r_v"}
FIRST = {"probe/movement/last", "probe/movement/before_last"}
BOUNDED = {name for name in COLUMNS if name.startswith(("probe/output", "probe/checkerboard"))}
"""What does not apply without clipping, without held-out images, at the first probes, to points."""

R_V = {"probe/r_v": "real and fake logits are"}
BOUND = {"probe/lipschitz/bound": "a layer that divides by the spread"}
FIX_UP = {
    f"probe/gradient/{player}/slope": "layers have no gradient at all"
    for player in ("generator", "discriminator")
}
"""What a network may lack by its nature, and what the reason then says; the last of one whose
blocks start as the identity only before the first step."""


def has_norms(kind: type[Architecture]) -> bool:
    """Whether its discriminator can be normalised."""
    return "discriminator_norm" in {field.name for field in dataclasses.fields(kind)}


def probed(recipe: Recipe, steps: int = 2, **changes: Any) -> dict[str, Any]:
    """A few steps of training, and then all probes."""
    state = start(recipe)
    for _ in range(steps):
        train_step(state, recipe)
    earlier = [draw(COUNT, 1, SIDE, SIDE, seed=seed) for seed in (4, 5)]
    pixels = tuple(((images + 1) * 127.5).to(torch.uint8) for images in earlier)
    fields = {"count": COUNT, "previous_snapshots": pixels, **changes}
    return measure(copied_context(state, recipe, objective, **fields))


def check(numbers: dict[str, Any], absent: set[str], excused: dict[str, str]) -> None:
    """Every column but the absent ones is there and finite, or is missing for an excused reason."""
    missing = numbers.pop(MISSING, {})
    for name, reason in missing.items():
        assert excused[name] in reason
    assert set(numbers) == set(COLUMNS) - absent - set(missing)
    for name, value in numbers.items():
        values = value if isinstance(value, list) else [value]
        assert values, name
        assert all(isinstance(number, float) and math.isfinite(number) for number in values), name


@pytest.mark.parametrize(("kind", "loss"), PAIRS)
def test_every_column_is_measured(kind: type[Architecture], loss: Any) -> None:
    recipe = tiny_recipe(architecture=small(kind), objective=ObjectiveSettings(loss=loss))
    check(probed(recipe), absent=CLIPPED, excused=R_V)


@EVERY_ARCHITECTURE
def test_every_column_is_measured_under_every_constraint_and_penalty(
    kind: type[Architecture],
) -> None:
    penalties = Penalties(**{name: PenaltySettings(weight=1.0) for name in PENALTIES})
    settings = ObjectiveSettings(
        loss="relativistic", clip_weights=0.05, spectral_norm=True, penalties=penalties, pac=2
    )
    recipe = tiny_recipe(architecture=small(kind), objective=settings)
    check(probed(recipe), absent=set(), excused=R_V)


@pytest.mark.parametrize(
    "kind", [kind for kind in ARCHITECTURES.values() if has_norms(kind)], ids=lambda k: k.name
)
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_only_the_bound_is_missing_of_normalised_discriminators(
    kind: type[Architecture], norm: str
) -> None:
    recipe = tiny_recipe(architecture=small(kind, discriminator_norm=norm))
    numbers = probed(recipe)
    assert set(BOUND) <= set(numbers[MISSING])
    check(numbers, absent=CLIPPED, excused=R_V | BOUND)


@EVERY_ARCHITECTURE
def test_gradients_alone_are_of_the_numbers_that_training_calculates_in(
    kind: type[Architecture],
) -> None:
    """In bfloat16 they are float32's within rounding; all else is float32's to the last bit."""
    recipe = tiny_recipe(architecture=small(kind))
    exact, rough = (
        probed(recipe, precision=precision) for precision in (FP32, Precision("bf16", "for a test"))
    )
    of_training = {name for name in exact if name.startswith(("probe/gradient/", "probe/update/"))}
    assert all(rough[name] == exact[name] for name in exact.keys() - of_training)
    for player in ("generator", "discriminator"):
        norm = f"probe/gradient/{player}/norm"
        assert rough[norm] != exact[norm]
        assert rough[norm] == pytest.approx(exact[norm], rel=0.15)


@EVERY_ARCHITECTURE
def test_the_first_probes_of_a_run_without_held_out_images(kind: type[Architecture]) -> None:
    recipe = tiny_recipe(architecture=small(kind))
    numbers = probed(recipe, steps=0, previous_snapshots=(), held_out=draw(0, 1, SIDE, SIDE))
    excused = FIX_UP if kind.name == "r3gan" else {}
    check(numbers, absent=CLIPPED | HELD_OUT | FIRST, excused=excused)


@pytest.mark.parametrize("pac", [1, 2])
@pytest.mark.parametrize(
    "kind", [kind for kind in ARCHITECTURES.values() if kind.makes_points], ids=lambda k: k.name
)
def test_points_have_no_pixels_and_all_else(kind: type[Architecture], pac: int) -> None:
    torch.manual_seed(0)
    generator, discriminator = small(kind).build_packed(ImageShape(2, *POINT), 3, pac)
    sets = [4 * draw(COUNT, 2, 1, 1, seed=seed) for seed in range(4)]
    measured = measure(
        context(
            real=sets[0],
            held_out=sets[1],
            previous_snapshots=tuple(sets[2:]),
            generator=generator,
            ema=generator,
            discriminator=discriminator,
            latents=draw(COUNT, 3),
            objective=Objective.build(ObjectiveSettings(pac=pac)),
        )
    )
    check(measured, absent=CLIPPED | BOUNDED, excused=R_V)


@EVERY_ARCHITECTURE
def test_probes_repeat_themselves_bit_for_bit(kind: type[Architecture]) -> None:
    recipe = tiny_recipe(architecture=small(kind))
    assert probed(recipe) == probed(recipe)


@pytest.mark.parametrize("architecture", VARIATIONS)
def test_no_discriminator_is_steeper_than_its_bound(architecture: Architecture) -> None:
    """Nor is one left without a bound, unless it normalises; whatever its options are."""
    if vars(architecture).get("discriminator_norm", "none") != "none":
        return
    torch.manual_seed(0)
    network = awake(architecture.build(ImageShape(1, SIDE, SIDE), 3).discriminator)
    with torch.no_grad():  # of the first weights, N(0, 0.02), too little comes through to compare
        for weight in network.parameters():
            weight.mul_(3)
    real = draw(COUNT, 1, SIDE, SIDE, seed=1)
    near = real + 1e-2 * draw(*real.shape, seed=2)
    shown = {"fake": near, "real": real, "discriminator": network}
    (bound,) = probe("lipschitz/bound", **shown).values()
    steepest = probe("input_gradient", **shown)
    (between,) = probe("lipschitz/empirical", **shown).values()
    assert 0 < max(between, *steepest.values()) < bound
