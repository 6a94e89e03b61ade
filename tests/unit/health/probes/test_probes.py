"""Taking probes: a failure stays alone, and training never notices."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganvas.health.columns import COLUMNS, MISSING
from ganvas.health.probes import PROBES, measure, run_probes
from ganvas.health.probes.context import NotMeasurable, ProbeContext, ProbeValues
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import PlayerSettings, Recipe
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.probe_contexts import Critic, a_mean, context, copied_context, training_context
from tests.builders.tiny import same, small, start, tiny_recipe, weights_of

RMSPROP = PlayerSettings(optimizer="rmsprop", learning_rate=1e-3, beta1=0.0)
RECIPES: dict[str, dict[str, Any]] = {
    "adam, batch norm": {"networks": small("resnet", discriminator={"norm": "batch"})},
    "rmsprop, clipped": {
        "objective": ObjectiveSettings(loss="wasserstein", clip_weights=0.01),
        "generator": RMSPROP,
        "discriminator": RMSPROP,
    },
    "spectral norm, penalties": {
        "objective": ObjectiveSettings(
            loss="hinge",
            spectral_norm=True,
            penalties=Penalties(gradient_penalty=PenaltySettings(weight=3.0)),
        ),
    },
}
EVERY_RECIPE = pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)


def trained(changes: dict[str, Any], steps: int = 3) -> tuple[TrainState, Recipe]:
    recipe = tiny_recipe(**changes)
    state = start(recipe)
    for _ in range(steps):
        train_step(state, recipe)
    return state, recipe


# -- Failures ------------------------------------------------------------------------------------


def test_a_failing_probe_does_not_affect_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(context: ProbeContext) -> ProbeValues:
        raise RuntimeError("a tensor is where it should not be\nand much more about it")

    def empty(context: ProbeContext) -> ProbeValues:
        raise NotMeasurable("there is none")

    whole = measure(context())
    monkeypatch.setitem(PROBES, "r_t", broken)
    monkeypatch.setitem(PROBES, "likeness", empty)
    numbers = measure(context())
    missing = numbers.pop(MISSING)
    assert missing == {
        **whole[MISSING],
        "probe/r_t": "RuntimeError: a tensor is where it should not be",
        "probe/likeness": "there is none",
    }
    gone = {"probe/r_t", "probe/likeness/mean_gap", MISSING}
    assert numbers == {name: whole[name] for name in whole if name not in gone}


def test_non_finite_numbers_are_left_out_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: ProbeValues = {
        "probe/a": float("nan"),
        "probe/b": [1.0, float("-inf")],
        "probe/c": [1.0, 2.0],
        "probe/d": 3.0,
    }
    monkeypatch.setitem(PROBES, "r_t", lambda context: made)
    numbers = measure(context())
    assert numbers["probe/c"] == [1.0, 2.0]
    assert numbers["probe/d"] == 3.0
    missing = numbers[MISSING]
    assert isinstance(missing, dict)
    assert missing["probe/a"] == "not finite: nan"
    assert missing["probe/b"] == "not finite: [1.0, -inf]"
    assert not {"probe/a", "probe/b"} & set(numbers)


def test_keyboard_interrupt_passes_through_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(context: ProbeContext) -> ProbeValues:
        raise KeyboardInterrupt

    monkeypatch.setitem(PROBES, "r_t", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure(context())


@pytest.mark.parametrize("where", ["generator", "discriminator"])
def test_diverged_networks_are_reported_as_missing_numbers(where: str) -> None:
    """No share, rank or distance is made of numbers that are none."""
    state, recipe = trained({})
    with torch.no_grad():
        next(getattr(state, where).parameters()).fill_(float("nan"))
    numbers = measure(copied_context(state, recipe))
    missing = numbers.pop(MISSING)
    assert isinstance(missing, dict)
    assert sum("not finite" in reason for reason in missing.values()) >= 5
    about_images = {"diversity", "likeness", "checkerboard", "output"}
    about_logits = {"logits", "ranking", "accuracy", "input_gradient", "gradient", "update"}
    measured = {name.split("/")[1] for name in numbers}
    if where == "generator":
        assert measured == {"r_t", "lipschitz"}  # which look at no fakes
    else:
        assert about_images <= measured
        assert not about_logits & measured


def test_a_generator_that_raises_leaves_only_reasons() -> None:
    class Broken(nn.Linear):
        def forward(self, latents: Tensor) -> Tensor:
            raise ValueError("no such thing")

    numbers = measure(context(generator=Broken(1, 1)))
    missing = numbers[MISSING]
    assert isinstance(missing, dict)
    assert "ValueError: no such thing" in missing.values()
    assert set(numbers) <= {"probe/r_t", MISSING}


def test_no_failure_of_probes_stops_training() -> None:
    """Such as a graphics card without room for copies, or for that many images at once."""

    class Full(nn.Linear):
        def forward(self, latents: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("out of memory")

    class Uncopied(nn.Linear):
        def __deepcopy__(self, memo: Any) -> nn.Module:
            raise torch.OutOfMemoryError("out of memory")

    numbers, snapshot = run_probes(context(generator=Full(1, 1)), 0.1, 0.1)
    assert "OutOfMemoryError: out of memory" in numbers[MISSING].values()
    assert snapshot is None
    numbers, snapshot = run_probes(context(generator=Uncopied(1, 1)), 0.1, 0.1)
    assert numbers == {MISSING: {"probe/copies": "OutOfMemoryError: out of memory"}}
    assert snapshot is None


def test_run_probes_copies_and_measures() -> None:
    state, recipe = trained({})
    training = training_context(state)
    before = everything(state)
    numbers, snapshot = run_probes(training, 2e-4, 2e-4)
    after = everything(state)
    assert [key for key in before if not equal(before[key], after[key])] == []
    assert numbers == measure(copied_context(state, recipe))
    assert snapshot is not None
    assert snapshot.shape == training.real.shape
    assert snapshot.dtype == torch.uint8


def test_records_are_json_and_columns_have_a_meaning() -> None:
    state, recipe = trained({})
    numbers = measure(copied_context(state, recipe))
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
    assert set(numbers) - {MISSING} <= set(COLUMNS)


# -- Nothing else changes ------------------------------------------------------------------------


def everything(state: TrainState) -> dict[str, Any]:
    """All that training consists of, gradients and modes included, as values."""
    found: dict[str, Any] = {k: tensor.clone() for k, tensor in state.tensors().items()}
    for name, module in state.modules().items():
        found[f"{name}/modes"] = [part.training for part in module.modules()]
        for key, weight in module.named_parameters():
            found[f"{name}/{key}/requires grad"] = weight.requires_grad
            found[f"{name}/{key}/grad"] = None if weight.grad is None else weight.grad.clone()
    for name, optimizer in state.optimizers().items():
        groups = optimizer.state_dict()["param_groups"]
        found[f"{name}/groups"] = [dict(group) for group in groups]
    found["program"] = torch.random.get_rng_state()
    return found


def equal(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) else one == other


@EVERY_RECIPE
def test_probes_do_not_change_training_state(changes: dict[str, Any]) -> None:
    state, recipe = trained(changes)
    before = everything(state)
    assert sum(value is not None for key, value in before.items() if key.endswith("/grad")) > 10
    probed = copied_context(state, recipe)
    measure(probed)
    after = everything(state)
    assert before.keys() == after.keys()
    assert [key for key in before if not equal(before[key], after[key])] == []
    # And that is not because nothing happened: the copies were trained on.
    copies = (probed.generator, probed.discriminator)
    for copied, original in zip(copies, (state.generator, state.discriminator), strict=True):
        assert not same(copied.parameters(), original.parameters())


@EVERY_RECIPE
def test_training_is_the_same_with_and_without_probes(changes: dict[str, Any]) -> None:
    watched, recipe = trained(changes)
    alone, _ = trained(changes)
    for _ in range(2):
        measure(copied_context(watched, recipe))
        for state in (watched, alone):
            train_step(state, recipe)
    ours, theirs = watched.tensors(), alone.tensors()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize("algorithm", ["adam", "rmsprop"])
def test_copies_of_capturable_optimizers_give_no_warning(
    algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It warns of a copy that could be recorded in a graph and is not."""
    settings = PlayerSettings(optimizer=algorithm, beta1=0.0)  # type: ignore[arg-type]
    state, recipe = trained({"generator": settings, "discriminator": settings})
    for optimizer in state.optimizers().values():
        optimizer.param_groups[0]["capturable"] = True
    gpu = torch.device("cuda")
    monkeypatch.setattr(
        torch.accelerator,
        "current_accelerator",
        lambda check_available=False: gpu if check_available else None,
    )
    idle = SimpleNamespace(is_capturing=lambda: False)
    monkeypatch.setattr(torch.accelerator, "current_stream", lambda: idle)
    numbers = measure(copied_context(state, recipe))
    assert "probe/update/generator" in numbers
    assert "probe/update/discriminator" in numbers


@EVERY_RECIPE
def test_the_copied_optimizers_hold_the_copied_weights(changes: dict[str, Any]) -> None:
    state, recipe = trained(changes)
    copied = copied_context(state, recipe)
    assert copied.generator.training
    assert copied.discriminator.training
    assert copied.ema.training
    assert not state.ema.training
    for player, settings in (
        ("generator", recipe.generator),
        ("discriminator", recipe.discriminator),
    ):
        network, optimizer = getattr(copied, player), getattr(copied, f"{player}_optimizer")
        (group,) = optimizer.param_groups
        assert group["lr"] == settings.learning_rate
        pairs = itertools.zip_longest(group["params"], network.parameters())
        assert all(one is other for one, other in pairs)
        assert all(weight.grad is None for weight in network.parameters())
        original = state.player(player).optimizer
        for weight, source in zip(group["params"], original.param_groups[0]["params"], strict=True):
            assert weight is not source
            for key, tensor in optimizer.state[weight].items():
                assert torch.equal(tensor, original.state[source][key])
                assert tensor.data_ptr() != original.state[source][key].data_ptr()


def test_global_random_state_is_restored_after_probes() -> None:
    """Dropout draws from the program's generator, which training may be using too."""
    critic = nn.Sequential(nn.Dropout(), Critic(a_mean))
    before = torch.random.get_rng_state()
    measure(context(discriminator=critic))
    assert torch.equal(before, torch.random.get_rng_state())


def test_equal_contexts_give_equal_bits() -> None:
    state, recipe = trained({})
    once = measure(copied_context(state, recipe))
    with torch.no_grad():
        again = measure(copied_context(state, recipe))
    assert once == again


def test_snapshot_is_of_the_images_that_were_probed() -> None:
    """Read after the probes, when the rehearsed update has changed the generator."""
    state, recipe = trained({})
    probed = copied_context(state, recipe)
    images = probed.generator(probed.latents).detach()
    measure(probed)
    assert torch.equal(probed.snapshot, ((images + 1) * 127.5).round().to(torch.uint8))
    assert not torch.equal(probed.generator(probed.latents), images)


def test_only_the_last_probes_change_weights() -> None:
    probed = copied_context(*trained({}))
    players = (probed.generator, probed.discriminator, probed.ema)
    weights = [weights_of(player) for player in players]
    images = [tensor.clone() for tensor in (probed.real, probed.held_out, probed.latents)]
    for name, probe in PROBES.items():
        if name in ("update/generator", "update/discriminator"):
            continue
        probe(probed)
        for player, before in zip(players, weights, strict=True):
            assert same(player.parameters(), before), name
    assert list(PROBES)[-2:] == ["update/generator", "update/discriminator"]
    measure(probed)
    assert same((probed.real, probed.held_out, probed.latents), images)
