"""Gradients along the depth in closed form, and rehearsed updates against real ones."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.data.stream import Batch
from ganvas.health.probes import PROBES
from ganvas.health.probes.context import NotMeasurable
from ganvas.health.probes.gradients import layers
from ganvas.networks import Dimensions, ImageShape, Network
from ganvas.objectives.objective import Objective
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import CATALOG, PlayerSettings
from ganvas.schedules import Ramp
from ganvas.training.inputs import GeneratorInputs
from ganvas.training.step import train_step, update_discriminator, update_generator
from tests.builders.probe_contexts import copied_context, draw, probe
from tests.builders.tiny import same, small, start, tiny_recipe, weights_of

WASSERSTEIN = Objective.build(ObjectiveSettings(loss="wasserstein"))


def factors(growth: float, count: int = 6) -> Tensor:
    """Layer l multiplies by exp(growth l)."""
    return torch.exp(growth * torch.arange(count))


def multipliers(growth: float) -> nn.Sequential:
    """A chain of layers that each multiply one number; (N, 1) -> (N, 1)."""
    chain = nn.Sequential()
    for factor in factors(growth):
        layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(layer.weight, float(factor))
        chain.append(layer)
    return chain


@pytest.mark.parametrize("growth", [-0.7, 0.0, 0.4])
def test_the_generators_gradients_are_those_of_a_deep_linear_chain(growth: float) -> None:
    """x = z prod(w), D(x) = 3 x: dD / dw_l = 3 z prod(w) / w_l, which falls as w_l rises."""
    sets: dict[str, Any] = {
        "generator": nn.Sequential(multipliers(growth), nn.Unflatten(1, (1, 1, 1))),
        "critic": lambda images: 3 * images[:, 0, 0, 0],
        "latents": torch.tensor([[1.0], [4.0]]),
        "real": draw(2, 1, 1, 1),
        "objective": WASSERSTEIN,
    }
    weights = factors(growth)
    expected = 3 * 2.5 * weights.prod() / weights
    numbers = probe("gradient/generator", **sets)
    where = "probe/gradient/generator"
    assert numbers[f"{where}/layers"] == pytest.approx(expected.tolist())
    assert numbers[f"{where}/first"] == pytest.approx(float(expected[0]))
    assert numbers[f"{where}/last"] == pytest.approx(float(expected[-1]))
    assert numbers[f"{where}/norm"] == pytest.approx(float(expected.norm()))
    steepness = probe("gradient/generator/slope", **sets)
    assert steepness == {f"{where}/slope": pytest.approx(-growth, abs=1e-6)}


@pytest.mark.parametrize("growth", [-0.7, 0.4])
def test_the_discriminators_gradients_are_those_of_a_deep_linear_chain(growth: float) -> None:
    """The loss is mean D(fake) - mean D(real), and D(x) = x prod(w)."""
    fake, real = torch.tensor([1.0, 5.0]), torch.tensor([2.0, -3.0])
    sets: dict[str, Any] = {
        "discriminator": nn.Sequential(nn.Flatten(), multipliers(growth), nn.Flatten(0)),
        "fake": fake[:, None, None, None],
        "real": real[:, None, None, None],
        "objective": WASSERSTEIN,
    }
    weights = factors(growth)
    expected = (fake.mean() - real.mean()) * weights.prod() / weights
    where = "probe/gradient/discriminator"
    numbers = probe("gradient/discriminator", **sets)
    assert numbers[f"{where}/layers"] == pytest.approx(expected.tolist())
    assert numbers[f"{where}/norm"] == pytest.approx(float(expected.norm()))
    steepness = probe("gradient/discriminator/slope", **sets)
    assert steepness == {f"{where}/slope": pytest.approx(-growth, abs=1e-6)}


def test_gradient_per_layer_is_independent_of_its_size() -> None:
    """Root mean squares: x_j = sum over 5 latents of w_ji z_i, z = 1, has dD / dw_ji = 1 / 7."""
    generator = nn.Sequential(nn.Linear(5, 7, bias=False), nn.Unflatten(1, (7, 1, 1)))
    numbers = probe(
        "gradient/generator",
        generator=generator,
        latents=torch.ones(4, 5),
        real=draw(4, 7, 1, 1),
        objective=WASSERSTEIN,
    )
    assert numbers["probe/gradient/generator/layers"] == pytest.approx([1 / 7])
    assert numbers["probe/gradient/generator/norm"] == pytest.approx(35**0.5 / 7)


def test_slope_is_not_measurable_with_an_idle_layer() -> None:
    sets: dict[str, Any] = {
        "generator": nn.Sequential(multipliers(0.0), nn.Unflatten(1, (1, 1, 1))),
        "critic": lambda images: 0 * images[:, 0, 0, 0],
        "latents": torch.ones(2, 1),
        "real": draw(2, 1, 1, 1),
    }
    assert probe("gradient/generator", **sets)["probe/gradient/generator/norm"] == 0
    with pytest.raises(NotMeasurable, match="6 of 6 layers have no gradient at all"):
        probe("gradient/generator/slope", **sets)
    sets["generator"] = nn.Sequential(nn.Linear(1, 1), nn.Unflatten(1, (1, 1, 1)))
    sets["critic"] = lambda images: images[:, 0, 0, 0]
    with pytest.raises(NotMeasurable, match="one layer has no slope"):
        probe("gradient/generator/slope", **sets)


def test_layers_go_from_input_to_output_without_shortcuts() -> None:
    torch.manual_seed(0)
    state = start(tiny_recipe(small("resnet")))
    names = {weight: name for name, weight in state.discriminator.named_parameters()}
    found = [names[weight] for weight in layers(state.discriminator)]
    assert found[:2] == ["halve1.convolution1.weight", "halve1.convolution2.weight"]
    assert found[2] == "final1.convolution1.weight"
    assert found[-1] == "logit.2.weight"
    assert not [name for name in found if "shortcut" in name]
    assert [name for name in names.values() if "shortcut" in name]


@pytest.mark.parametrize("role", ["generator", "discriminator"])
@pytest.mark.parametrize("name", ["dcgan", "resnet", "r3gan", "mlp"])
def test_what_labels_add_is_no_layer(name: str, role: Any) -> None:
    """Without strength it has no gradient: that is no generator that stands still."""
    recipe = CATALOG[name]()
    dimensions = Dimensions(ImageShape(1, 16, 16), 6, num_labels=3)

    def names_of_layers(network: Network) -> list[str]:
        built = network.build(dimensions)
        names = {weight: name for name, weight in built.named_parameters()}
        return [names[weight] for weight in layers(built)]

    plain = getattr(recipe, role).network
    conditional = plain.conditional()
    assert conditional.uses_labels
    assert names_of_layers(conditional) == names_of_layers(plain)


def test_updates_are_relative_to_the_weights() -> None:
    """Plain descent at 0.1: each number of the chain moves by a tenth of its gradient."""
    sets: dict[str, Any] = {
        "generator": nn.Sequential(multipliers(0.4), nn.Unflatten(1, (1, 1, 1))),
        "critic": lambda images: 3 * images[:, 0, 0, 0],
        "latents": torch.ones(2, 1),
        "real": draw(2, 1, 1, 1),
        "objective": WASSERSTEIN,
    }
    weights = factors(0.4)
    ratios = 0.1 * (3 * weights.prod() / weights) / weights
    numbers = probe("update/generator", **sets)
    middle = float(ratios.sort().values[2:4].mean())  # of six
    assert numbers["probe/update/generator"] == pytest.approx(middle, rel=1e-5)
    assert numbers["probe/update/generator_largest"] == pytest.approx(float(ratios[0]), rel=1e-5)


FALLING = Ramp(shape="cosine", start=1e-2, end=0.0, images=60)
RMSPROP = PlayerSettings(optimizer="rmsprop", learning_rate=FALLING, beta1=0.0)
RECIPES: dict[str, dict[str, Any]] = {
    "adam, batch norm": {
        "networks": small("resnet", discriminator={"norm": "batch"}),
    },
    "rmsprop, clipped, a falling rate": {
        "objective": ObjectiveSettings(loss="wasserstein", clip_weights=0.01),
        "generator": RMSPROP,
        "discriminator": RMSPROP,
    },
    "spectral norm, penalties that are due": {
        "objective": ObjectiveSettings(
            loss="hinge",
            spectral_norm=True,
            penalties=Penalties(
                gradient_penalty=PenaltySettings(weight=3.0), r1=PenaltySettings(every=3, weight=1)
            ),
        ),
    },
    "relativistic packs": {
        "objective": ObjectiveSettings(loss="relativistic", pac=2),
        "networks": small("resnet"),
    },
}


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_the_probed_update_is_the_next_update_of_training(changes: dict[str, Any]) -> None:
    recipe = tiny_recipe(**changes).with_fixed_schedules()
    state = start(recipe)
    for _ in range(3):
        train_step(state, recipe)
    random = torch.Generator()
    random.set_state(state.random["penalties"].get_state())
    context = copied_context(state, recipe, random=random)
    players = {"generator": state.generator, "discriminator": state.discriminator}
    before = {player: weights_of(network) for player, network in players.items()}
    measured = {**PROBES["update/generator"](context), **PROBES["update/discriminator"](context)}
    for player, network in players.items():
        assert same(network.parameters(), before[player])

    fake, real = state.generator(context.latents), Batch(context.real, None)
    update_generator(state, recipe, GeneratorInputs(context.latents, None), fake, real)
    update_discriminator(state, recipe, real, fake)
    copies = {"generator": context.generator, "discriminator": context.discriminator}
    for player, network in players.items():
        for ours, theirs in zip(copies[player].parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-7)
        earlier = dict(zip(network.parameters(), before[player], strict=True))
        now = {weight: weight.detach() for weight in layers(network)}
        ratios = [float((now[w] - earlier[w]).norm() / earlier[w].norm()) for w in now]
        ours = [measured[f"probe/update/{player}{kind}"] for kind in ("", "_largest")]
        assert ours == pytest.approx([statistics.median(ratios), max(ratios)], rel=1e-3)
        assert min(ratios) > 0
