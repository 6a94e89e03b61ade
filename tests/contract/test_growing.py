"""Every family that grows: coarse stages keep names and shapes, and runs resume bit for bit."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.errors import RecipeError
from ganvas.growth import Growth
from ganvas.health.probes.checkerboard import PERIOD_2, PERIOD_4, peak_prominence, spectrum
from ganvas.health.thresholds import Thresholds
from ganvas.networks import DISCRIMINATORS, GENERATORS, Dimensions, ImageShape, Network
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import PlayerSettings, Recipe, checked
from ganvas.runs.checkpoints import later_doublings_in
from ganvas.training.engine import WARMUP_STEPS, CudaGraphs
from ganvas.training.freezing import frozen_stages
from ganvas.training.growing import grow_if_due
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.tape import pretend_cuda_graphs
from tests.builders.tiny import (
    BATCH,
    LATENT_DIM,
    Networks,
    fill_zero_weights,
    narrow,
    same,
    small,
    tiny_data,
)
from tests.builders.tiny import tiny_recipe as recipe_with

pytestmark = pytest.mark.usefixtures("nothing_to_collect")

SHAPE = ImageShape(2, 48, 96)
NUM_LABELS = 3

GROWING: list[Network] = [
    variant
    for table in (GENERATORS, DISCRIMINATORS)
    for kind in table.values()
    if kind.grows
    for variant in (narrow(kind), narrow(kind).conditional())
]
EVERY_NETWORK = pytest.mark.parametrize(
    "network", GROWING, ids=[f"{n.name}-{n.role}-{n.uses_labels}" for n in GROWING]
)
FAMILIES = sorted(name for name in GENERATORS if name in DISCRIMINATORS and GENERATORS[name].grows)
ONE_BLOCK = {role: {"blocks_per_resolution": 1} for role in ("generator", "discriminator")}
PLAYERS = {
    **{family: small(family) for family in FAMILIES},
    "r3gan": small("r3gan", **ONE_BLOCK),
    "conditional": tuple(network.conditional() for network in small("dcgan")),
    "normalised": small("resnet", discriminator={"norm": "batch"}),
    "mixed": (narrow(GENERATORS["dcgan"]), narrow(DISCRIMINATORS["r3gan"])),
}


def built(network: Network, later_doublings: int) -> torch.nn.Module:
    return network.build(Dimensions(SHAPE, LATENT_DIM, NUM_LABELS, later_doublings))


def inputs_of(network: Network) -> list[Tensor]:
    first = (2, LATENT_DIM) if network.role == "generator" else (2, *dataclasses.astuple(SHAPE))
    labels = [torch.tensor([0, 2])] if network.uses_labels else []
    return [torch.randn(first, generator=torch.Generator().manual_seed(0)), *labels]


def shapes(network: torch.nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


@EVERY_NETWORK
def test_only_the_layers_next_to_the_image_change_as_stages_are_added(network: Network) -> None:
    """All others keep name and shape. Next to the image are the stages of one resolution."""
    coarse, finer, full = (shapes(built(network, later)) for later in (2, 1, 0))
    for before, after in ((coarse, finer), (finer, full)):
        lost = {name for name, shape in before.items() if after.get(name) != shape}
        stages = {name.partition(".")[0] for name in lost}
        kept = {name.partition(".")[0] for name in before.keys() - lost}
        assert len(stages - kept) <= 2, lost
        assert len(lost) < len(before) / 2
        assert len(after) > len(before)


@EVERY_NETWORK
def test_a_coarse_network_has_the_full_size_outside_and_its_own_inside(network: Network) -> None:
    """A generator repeats pixels; a discriminator sees nothing but means of squares."""
    coarse, inputs = built(network, 2).eval(), inputs_of(network)
    with torch.no_grad():
        outputs = coarse(*inputs)
        if network.role == "generator":
            assert outputs.shape == (2, *dataclasses.astuple(SHAPE))
            corners = outputs[:, :, ::4, ::4]
            assert torch.equal(outputs, corners.repeat_interleave(4, 2).repeat_interleave(4, 3))
            return
        images, *labels = inputs
        means = images.unflatten(3, (-1, 4)).unflatten(2, (-1, 4)).mean((3, 5))
        blocks = means.repeat_interleave(4, 2).repeat_interleave(4, 3)
        assert outputs.shape == (2,)
        torch.testing.assert_close(coarse(blocks, *labels), outputs)


@EVERY_NETWORK
@pytest.mark.parametrize("later_doublings", [-1, 3, 5_000])
def test_what_has_no_such_coarse_size_is_refused(network: Network, later_doublings: int) -> None:
    with pytest.raises(RecipeError, match=f"later_doublings: 0 to 2 .*, got {later_doublings}"):
        built(network, later_doublings)


@EVERY_NETWORK
def test_a_network_that_is_not_growing_has_neither_stage(network: Network) -> None:
    assert not {"enlarge", "average"} & {name for name, _ in built(network, 0).named_children()}


def data_for(recipe: Recipe) -> PreparedData:
    size = (14, 1, *recipe.data.size)
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    return dataclasses.replace(
        tiny_data(), images=pixels, labels=np.arange(14) % 3, label_names=("a", "b", "c")
    )


def growing(networks: Networks, *heights: int, **changes: Any) -> Recipe:
    """Two steps at each of these sizes."""
    labels = "on" if networks[0].uses_labels else "scores"
    recipe = recipe_with(
        networks,
        data=DataSettings(size=(heights[-1], heights[-1]), labels=labels),
        images=2 * BATCH * len(heights),
        grow=Growth(heights=heights),
        **changes,
    )
    return checked(recipe).with_fixed_schedules()


def start(recipe: Recipe, later_doublings: int | None = None) -> TrainState:
    device = torch.device("cpu")
    return TrainState.start(recipe, data_for(recipe), 0, device, later_doublings=later_doublings)


def train_until(state: TrainState, recipe: Recipe, images: int) -> TrainState:
    """As `fit` does."""
    while state.images_seen < images:
        grow_if_due(recipe, state)
        train_step(state, recipe)
    return state


def saved(state: TrainState) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors = {name: tensor.clone() for name, tensor in state.tensors().items()}
    return tensors, json.loads(json.dumps(state.values()))


def restored(recipe: Recipe, saved_state: tuple[dict[str, Tensor], dict[str, Any]]) -> TrainState:
    tensors, values = saved_state
    state = start(recipe, later_doublings_in(values))
    state.restore(tensors, values)
    return state


def equal(one: TrainState, other: TrainState) -> bool:
    """Whether two states hold the same, bit for bit."""
    ours, theirs = one.tensors(), other.tensors()
    return (
        ours.keys() == theirs.keys()
        and same(ours.values(), theirs.values())
        and one.values() == other.values()
    )


@pytest.mark.parametrize(
    ("players", "stages"), in_turns(PLAYERS, ["all train", "frozen", "frozen", "all train"])
)
def test_a_run_resumes_bit_for_bit_before_at_and_after_a_change(players: str, stages: str) -> None:
    recipe = growing(PLAYERS[players], 12, 24, grow_freeze=stages == "frozen")
    state, checkpoints = start(recipe), []
    for images in (BATCH, 2 * BATCH, 3 * BATCH, 4 * BATCH):
        train_until(state, recipe, images)
        checkpoints.append(saved(state))
    assert [later_doublings_in(values) for _, values in checkpoints] == [1, 1, 0, 0]
    for checkpoint in checkpoints:
        assert equal(train_until(restored(recipe, checkpoint), recipe, recipe.images), state)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_learnt_is_kept_and_what_is_new_trains(family: str) -> None:
    recipe = growing(small(family), 12, 24, 48)
    state = train_until(start(recipe), recipe, 2 * BATCH)
    before = {name: module.state_dict() for name, module in state.modules().items()}
    lines = grow_if_due(recipe, state)
    assert lines[0].startswith(f"at {2 * BATCH} images the networks grow to 24x24, and keep: ")
    for name, module in state.modules().items():
        now = module.state_dict()
        kept = [
            key for key in now if key in before[name] and now[key].shape == before[name][key].shape
        ]
        assert same((now[key] for key in kept), (before[name][key] for key in kept))
        assert f"{name} {len(kept)} of {len(now)} tensors" in lines[0]
    grown = {name: weight.clone() for name, weight in state.generator.named_parameters()}
    train_until(state, recipe, 4 * BATCH)
    still = [
        name for name, old in grown.items() if torch.equal(old, state.generator.get_parameter(name))
    ]
    assert not still
    assert grow_if_due(recipe, state), "and once more, at the next size"
    assert grow_if_due(recipe, state) == [], "but only once"


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_stages_are_those_of_the_average_and_stay(family: str) -> None:
    """In the generator and its EMA alike, from the first change to the end."""
    recipe = growing(small(family), 12, 24, 48, grow_freeze=True)
    state = train_until(start(recipe), recipe, 2 * BATCH)
    assert frozen_stages(state.generator) == []
    averages = state.ema.state_dict()
    lines = grow_if_due(recipe, state)
    first = frozen_stages(state.generator)
    assert first
    assert lines[-1].endswith("train no more (grow_freeze)")
    train_until(state, recipe, 4 * BATCH)
    grow_if_due(recipe, state)
    second = frozen_stages(state.generator)
    assert set(first) < set(second)
    assert "image" not in second
    train_until(state, recipe, 5 * BATCH)
    assert frozen_stages(state.discriminator) == []
    for name, weight in state.generator.named_parameters():
        if name.partition(".")[0] in first:
            assert torch.equal(weight, averages[name])
            assert torch.equal(state.ema.get_parameter(name), averages[name])


@pytest.mark.parametrize("family", FAMILIES)
def test_growing_networks_are_captured_again(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph of the smaller networks would go on writing their tensors."""
    pretend_cuda_graphs(monkeypatch)
    steps = WARMUP_STEPS + 2
    recipe = dataclasses.replace(
        growing(small(family), 12, 24),
        images=2 * steps * BATCH,
        grow=Growth(heights=(12, 24), ends=(steps * BATCH,)),
    )
    plain, captured = start(recipe), start(recipe)
    graphs = CudaGraphs("for a test")
    captured.use_engine(graphs)
    for state in (plain, captured):
        train_until(state, recipe, recipe.images)
    assert captured.engine is not graphs
    assert captured.engine.captures
    assert equal(plain, captured)


def test_everything_else_goes_on_through_a_change() -> None:
    """Random numbers, the stream, logits' averages, the augmentation; only probes start again."""
    objective = ObjectiveSettings(penalties=Penalties(lecam=PenaltySettings(weight=0.1)))
    recipe = growing(small("dcgan"), 12, 24, augmentation=0.3, objective=objective)
    state = train_until(start(recipe), recipe, 2 * BATCH)
    state.snapshots = (torch.zeros(1),)
    tensors, values = saved(state)
    grow_if_due(recipe, state)
    now = state.tensors()
    going_on = [name for name in tensors if name.startswith(("random/", "logit_averages"))]
    assert len(going_on) == 1 + len(state.random)
    assert same((now[name] for name in going_on), (tensors[name] for name in going_on))
    assert state.values() == {**values, "later_doublings": 0}
    assert state.snapshots == ()
    assert not any("_optimizer/" in name for name in now), "their moments are of other gradients"


def test_the_ramp_up_of_the_average_begins_again_at_each_size() -> None:
    """With half the images at this size as half-life, one step forgets three quarters."""
    recipe = growing(small("dcgan"), 12, 24, ema_half_life=1e9, ema_rampup=0.5)
    state = train_until(start(recipe), recipe, 2 * BATCH)
    grow_if_due(recipe, state)
    new = state.ema.state_dict()["double2.0.weight"].clone()
    train_step(state, recipe)
    moved = (state.ema.state_dict()["double2.0.weight"] - new) / (
        state.generator.state_dict()["double2.0.weight"] - new
    )
    half_life = 0.5 * BATCH
    expected = torch.full_like(moved, 1 - 0.5 ** (BATCH / half_life))
    torch.testing.assert_close(moved, expected, rtol=1e-2, atol=1e-2)


def test_a_packed_discriminator_under_constraints_grows_too() -> None:
    objective = ObjectiveSettings(pac=2, spectral_norm=True)
    learning = PlayerSettings(optimizer="rmsprop", beta1=0.0)
    recipe = growing(small("dcgan"), 12, 24, discriminator=learning, objective=objective)
    state = train_until(start(recipe), recipe, 3 * BATCH)
    checkpoint = saved(state)
    train_until(state, recipe, recipe.images)
    assert equal(train_until(restored(recipe, checkpoint), recipe, recipe.images), state)


@pytest.mark.parametrize(
    "network", [n for n in GROWING if n.role == "discriminator" and not n.uses_labels], ids=str
)
def test_a_penalty_of_the_gradient_shrinks_with_the_number_of_pixels(network: Network) -> None:
    """|grad|^2 of D(averages of k x k pixels) is that of D itself over k^2."""
    coarse = fill_zero_weights(built(network, 1)).double()
    average, *stages = coarse.children()
    inside = torch.nn.Sequential(*stages)
    images = inputs_of(network)[0].double()
    squared = []
    for discriminator, seen in ((coarse, images), (inside, average(images))):
        leaf = seen.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(discriminator(leaf).sum(), leaf)
        squared.append(gradient.flatten(1).square().sum(1))
    torch.testing.assert_close(squared[0], squared[1] / 4)


def test_repeated_pixels_are_no_checkerboards() -> None:
    """Their spectrum is zero just where those of strided layers are not."""
    random = torch.Generator().manual_seed(0)
    noise = F.interpolate(torch.randn(64, 1, 16, 16, generator=random), size=64, mode="bicubic")
    real = noise + 0.05 * torch.randn(noise.shape, generator=random)
    repeated = F.interpolate(F.avg_pool2d(real, 4), scale_factor=4)
    for peaks in (PERIOD_2, PERIOD_4):
        fakes, reals = (peak_prominence(spectrum(images), peaks) for images in (repeated, real))
        assert fakes / reals < Thresholds().checkerboard / 4
