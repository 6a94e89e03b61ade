"""Probes measure every column for any network, loss, penalty and constraint."""

from __future__ import annotations

import dataclasses
import functools
import math
from itertools import cycle, islice
from typing import Any

import pytest
import torch

from ganvas.health.columns import COLUMNS, MISSING
from ganvas.health.probes import measure
from ganvas.health.probes.context import LabelledImages
from ganvas.networks import DISCRIMINATORS, GENERATORS, POINT, Dimensions, Discriminator, ImageShape
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.precision import Precision
from ganvas.recipes import Recipe, checked
from ganvas.recipes.players import conditional
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.probe_contexts import context, copied_context, draw, probe
from tests.builders.tiny import BATCH, FAMILIES, SIDE, fill_zero_weights, small, start, tiny_recipe
from tests.contract.network_variations import DISCRIMINATOR_VARIATIONS, NUM_LABELS
from tests.contract.test_conditional import FAMILIES as CONDITIONAL_FAMILIES
from tests.contract.test_conditional import labelled

EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)
MOST = max(len(FAMILIES), len(LOSSES))
PAIRS = list(islice(zip(cycle(FAMILIES), cycle(LOSSES), strict=True), MOST))
"""Every family of networks and every loss at least once."""
COUNT = 2 * BATCH

CLIPPED = {"probe/clip/share", "probe/clip/small"}
HELD_OUT = {name for name in COLUMNS if "held_out" in name} | {"probe/ranking/memory", "probe/r_v"}
FIRST = {"probe/movement/last", "probe/movement/before_last"}
BOUNDED = {name for name in COLUMNS if name.startswith(("probe/output", "probe/checkerboard"))}
LABELS = {name for name in COLUMNS if name.startswith("probe/labels/")}
"""What does not apply without clipping, without held-out images, at the first probes, to points,
and without labels."""

R_V = {"probe/r_v": "real and fake logits are"}
BOUND = {"probe/lipschitz/bound": "a layer that divides by the spread"}
MULTIPLYING = {"probe/lipschitz/bound": "no bound of such a layer is known"}
FIX_UP = {
    f"probe/gradient/{player}/slope": "layers have no gradient at all"
    for player in ("generator", "discriminator")
}
"""What a network may lack by its nature, and what the reason then says; the last of one whose
blocks start as the identity only before the first step."""


def has_norms(family: str) -> bool:
    """Whether its discriminator can be normalised."""
    return "norm" in {field.name for field in dataclasses.fields(DISCRIMINATORS[family])}


def unbounded(family: str) -> dict[str, str]:
    """Missing of a discriminator with excitations or attention: products of features have no
    bound."""
    return MULTIPLYING if family in ("biggan", "fastgan") else {}


def probed(recipe: Recipe, steps: int = 2, **changes: Any) -> dict[str, Any]:
    """A few steps of training, and then all probes."""
    state = start(recipe)
    for _ in range(steps):
        train_step(state, recipe)
    earlier = [draw(COUNT, 1, SIDE, SIDE, seed=seed) for seed in (4, 5)]
    pixels = tuple(((images + 1) * 127.5).to(torch.uint8) for images in earlier)
    fields = {"count": COUNT, "previous_snapshots": pixels, **changes}
    return measure(copied_context(state, recipe, **fields))


@functools.cache
def probed_once(family: str) -> dict[str, Any]:
    """All probes of a family's networks, for tests that compare others with them."""
    return probed(tiny_recipe(small(family)))


def check(
    numbers: dict[str, Any], absent: set[str], excused: dict[str, str], labels: bool = False
) -> None:
    """Every column but the absent ones is there and finite, or is missing for an excused reason."""
    absent = absent if labels else absent | LABELS
    missing = numbers.pop(MISSING, {})
    for name, reason in missing.items():
        assert excused[name] in reason
    assert set(numbers) == set(COLUMNS) - absent - set(missing)
    for name, value in numbers.items():
        values = value if isinstance(value, list) else [value]
        assert values, name
        assert all(isinstance(number, float) and math.isfinite(number) for number in values), name


@pytest.mark.parametrize(("family", "loss"), PAIRS)
def test_every_column_is_measured(family: str, loss: Any) -> None:
    recipe = tiny_recipe(small(family), objective=ObjectiveSettings(loss=loss))
    check(probed(recipe), absent=CLIPPED, excused=R_V | unbounded(family))


@EVERY_FAMILY
def test_every_column_is_measured_under_every_constraint_and_penalty(
    family: str,
) -> None:
    penalties = Penalties(**{name: PenaltySettings(weight=1.0) for name in PENALTIES})
    settings = ObjectiveSettings(
        loss="relativistic", clip_weights=0.05, spectral_norm=True, penalties=penalties, pac=2
    )
    recipe = tiny_recipe(small(family), objective=settings)
    check(probed(recipe), absent=set(), excused=R_V | unbounded(family))


@pytest.mark.parametrize("family", CONDITIONAL_FAMILIES)
def test_every_column_is_measured_of_conditional_networks(family: str) -> None:
    recipe = conditional(tiny_recipe(small(family)))
    labels = torch.arange(COUNT) % NUM_LABELS
    state = TrainState.start(checked(recipe), labelled(), 0, torch.device("cpu"))
    train_step(state, recipe)
    measured = measure(
        copied_context(
            state,
            recipe,
            count=COUNT,
            previous_snapshots=(draw(COUNT, 1, SIDE, SIDE), draw(COUNT, 1, SIDE, SIDE)),
            generator_labels=(labels,),
            discriminator_labels=(labels,),
            held_out_labels=(labels,),
            labelled=LabelledImages(draw(COUNT, 1, 8, 8), labels.sort().values),
        )
    )
    check(measured, absent=CLIPPED, excused=R_V | BOUND | unbounded(family), labels=True)


@pytest.mark.parametrize("family", [family for family in FAMILIES if has_norms(family)])
@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_normalised_discriminators_lack_only_the_bound(family: str, norm: str) -> None:
    recipe = tiny_recipe(small(family, discriminator={"norm": norm}))
    numbers = probed(recipe)
    assert set(BOUND) <= set(numbers[MISSING])
    check(numbers, absent=CLIPPED, excused=R_V | BOUND)


@EVERY_FAMILY
def test_only_gradients_use_the_precision_of_training(
    family: str,
) -> None:
    """In bfloat16 they are float32's within rounding; all else is float32's to the last bit."""
    recipe = tiny_recipe(small(family))
    exact, rough = probed_once(family), probed(recipe, precision=Precision("bf16", "for a test"))
    of_training = {name for name in exact if name.startswith(("probe/gradient/", "probe/update/"))}
    assert all(rough[name] == exact[name] for name in exact.keys() - of_training)
    for player in ("generator", "discriminator"):
        norm = f"probe/gradient/{player}/norm"
        assert rough[norm] != exact[norm]
        assert rough[norm] == pytest.approx(exact[norm], rel=0.15)


@EVERY_FAMILY
def test_first_probes_without_held_out_images_lack_their_columns(family: str) -> None:
    recipe = tiny_recipe(small(family))
    numbers = probed(recipe, steps=0, previous_snapshots=(), held_out=draw(0, 1, SIDE, SIDE))
    excused = unbounded(family) | (FIX_UP if family == "r3gan" else {})
    check(numbers, absent=CLIPPED | HELD_OUT | FIRST, excused=excused)


@pytest.mark.parametrize("pac", [1, 2])
@pytest.mark.parametrize(
    "family", [family for family in FAMILIES if GENERATORS[family].supports_points]
)
def test_only_pixel_columns_are_missing_of_points(family: str, pac: int) -> None:
    torch.manual_seed(0)
    shapes = (ImageShape(2, *POINT), ImageShape(2 * pac, *POINT))
    generator, discriminator = (
        network.build(Dimensions(shape, 3))
        for network, shape in zip(small(family), shapes, strict=True)
    )
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


@EVERY_FAMILY
def test_probes_are_deterministic(family: str) -> None:
    assert probed(tiny_recipe(small(family))) == probed_once(family)


@pytest.mark.parametrize("description", DISCRIMINATOR_VARIATIONS)
def test_no_discriminator_exceeds_its_lipschitz_bound(description: Discriminator) -> None:
    """All but fastgan, attentive ones, and those that divide by a spread or see one, have one."""
    fields = vars(description)
    if fields.get("norm", "none") != "none" or fields.get("attention"):
        return
    if description.uses_batch_statistics or description.name == "fastgan":
        return
    torch.manual_seed(0)
    dimensions = Dimensions(ImageShape(1, SIDE, SIDE), 3, NUM_LABELS)
    network = fill_zero_weights(description.build(dimensions))
    with torch.no_grad():  # of the first weights, N(0, 0.02), too little comes through to compare
        for weight in network.parameters():
            weight.mul_(3)
    real = draw(COUNT, 1, SIDE, SIDE, seed=1)
    near = real + 1e-2 * draw(*real.shape, seed=2)
    labels = (torch.arange(COUNT) % NUM_LABELS,) if description.uses_labels else ()
    shown = {
        "fake": near,
        "real": real,
        "discriminator": network,
        "discriminator_labels": labels,
    }
    (bound,) = probe("lipschitz/bound", **shown).values()
    steepest = probe("input_gradient", **shown)
    (between,) = probe("lipschitz/empirical", **shown).values()
    assert 0 < max(between, *steepest.values()) < bound
