"""Advice: changes that a recipe can take, in the words of the command line, cause first."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.parsing import parse
from ganvas.cli.train import Train
from ganvas.errors import RecipeError
from ganvas.fields import field_types
from ganvas.health import advice
from ganvas.health.advice import (
    SPECTRAL_NORM,
    advise,
    apply_change,
    field_value,
    lower_to,
    multiply,
    raise_to,
    regularise,
    reset_momentum,
    scaled,
    set_to,
    slower,
)
from ganvas.health.assessment import apply_rules
from ganvas.health.finding import Change
from ganvas.health.rules import RULES
from ganvas.health.rules.progress import usual_rampup
from ganvas.json_files import from_plain, to_plain
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import CATALOG, Recipe
from ganvas.schedules import Ramp
from tests.builders.symptoms import SICK, rate

DCGAN = CATALOG["dcgan"]()


def changed(field: str, value: str, recipe: Recipe = DCGAN) -> Any:
    return field_value(apply_change(recipe, Change(field, value, "")), field)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("discriminator.learning_rate", "5e-5", 5e-5),
        (
            "generator.learning_rate",
            "cosine:2e-4:0:2M",
            Ramp(shape="cosine", start=2e-4, end=0.0, images=2_000_000),
        ),
        ("images", "1.5M", 1_500_000),
        ("generator_batch", "64", 64),
        ("data.flip", "true", True),
        ("objective.spectral_norm", "true", True),
        ("objective.loss", "hinge", "hinge"),
        ("objective.real_label", "0.9", 0.9),
        ("generator.network.upsampling", "resize", "resize"),
    ],
)
def test_values_are_parsed_as_on_the_command_line(field: str, value: str, expected: Any) -> None:
    assert changed(field, value) == expected


def test_only_the_field_changes() -> None:
    longer = apply_change(DCGAN, Change("images", "400k", ""))
    assert longer == replace(DCGAN, images=400_000)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("images", "many", "whole number"),
        ("discriminator.learning_rate", "fast", "no schedule"),
        ("discriminator.learning_rate", "-1", "above 0"),
        ("data.flip", "yes", "true or false"),
        ("objective.loss", "hing", "'hing'"),
        ("generator.network.wdth", "3", "Did you mean generator.network.width?"),
        ("generator.network.residual", "true", "no such field"),
        ("images.more", "3", "no such field"),
        ("nonsense", "3", "no such field"),
        ("objective.penalties", "3", "a group of fields"),
        ("objective.penalties.r1.weight", "1", "under batch normalisation"),
        ("objective.pac", "3", "multiple of 3"),
    ],
)
def test_an_invalid_change_is_refused(field: str, value: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        changed(field, value)


def test_flags_of_advice_make_the_recipe_that_apply_change_makes() -> None:
    """What is printed can be typed."""
    seen = set()
    for case in SICK.values():
        for finding in apply_rules(case.evidence):
            for change in finding.advice:
                if case.recipe == "dcgan" and not case.settings:
                    seen.add(change)
    assert len(seen) >= 8
    words = [word for change in sorted(seen, key=str) for word in change.flag.split()]
    verb = parse(["train", "dcgan", "fashion", *words])
    assert isinstance(verb, Train)
    for change in seen:
        alone = field_value(apply_change(DCGAN, change), change.field)
        if sum(other.field == change.field for other in seen) == 1:
            assert field_value(verb.recipe, change.field) == alone


@pytest.mark.parametrize("name", ["dcgan", "wgan", "wgan-gp", "resnet-paper", "points-modern"])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize("factor", [30.0, 1 / 30])
def test_a_learning_rate_that_is_far_off_is_the_first_advice(
    name: str, player: str, factor: float
) -> None:
    recipe = CATALOG[name]().with_fixed_schedules()
    settings: Any = getattr(recipe, player)
    rate = settings.learning_rate
    off: Any = replace(rate, start=rate.start * factor) if isinstance(rate, Ramp) else rate * factor
    broken = replace(recipe, **{player: replace(settings, learning_rate=off)})  # type: ignore[arg-type]
    for case in SICK.values():
        _, seen = next(RULES[case.symptom].evaluations(case.evidence))
        first = advise(broken, seen.remedies)[0]
        assert apply_change(broken, first) == recipe


def test_two_learning_rates_that_are_far_off_are_one_change() -> None:
    """Either alone would leave a run that fails as before."""
    generator, discriminator = rate("dcgan", "generator", 100), rate("dcgan", "discriminator", 1e-3)
    broken = replace(DCGAN, **generator, **discriminator)
    first, *others = advise(broken, (slower("discriminator"), SPECTRAL_NORM))
    assert first.flag == ("--generator.learning-rate 0.0002 --discriminator.learning-rate 0.0002")
    assert first.why == (
        "both are far off: the generator's 0.02 is 100 times the usual rate, and the "
        "discriminator's 2e-07 is one 1,000th of the usual rate"
    )
    assert first.keeps_weights
    assert apply_change(broken, first) == DCGAN
    assert [change.field for change in others] == ["objective.spectral_norm"]
    assert from_plain(Change, to_plain(first)) == first


def test_a_momentum_that_is_far_off_is_reset_in_both_networks_at_once() -> None:
    """Radford 2016, section 4: 0.9 oscillates, 0.5 does not; wgan has none (Arjovsky 2017)."""
    wgan = CATALOG["wgan"]()
    broken = apply_change(wgan, Change("generator.beta1", "0.9", ""))
    broken = apply_change(broken, Change("discriminator.beta1", "0.9", ""))
    first, second = advise(broken, (SPECTRAL_NORM,))
    assert first.flag == "--generator.beta1 0 --discriminator.beta1 0"
    assert first.why == "with 0.9 training oscillates (Radford 2016)"
    assert apply_change(broken, first) == wgan
    assert second.field == "objective.spectral_norm"
    custom = replace(apply_change(DCGAN, Change("generator.beta1", "0.9", "")), name="custom")
    assert advise(custom, ())[0].flag == "--generator.beta1 0.5"
    assert advise(replace(DCGAN, name="custom"), ())[0].field == "discriminator.learning_rate"


@pytest.mark.parametrize("name", CATALOG)
def test_no_recipe_is_told_that_its_own_momentum_is_far_off(name: str) -> None:
    assert reset_momentum(CATALOG[name]()) is None


def test_custom_recipes_have_the_papers_usual_learning_rate() -> None:
    recipe = replace(DCGAN, name="custom", **rate("dcgan", "discriminator", 100))
    (first, *_) = advise(recipe, ())
    why = "0.02 is 100 times the usual rate"
    assert first == Change("discriminator.learning_rate", "0.0002", why)
    slow = replace(DCGAN, name="custom", **rate("dcgan", "generator", 1e-3))
    assert advise(slow, ())[0].flag == "--generator.learning-rate 0.0002"
    assert advise(slow, ())[0].why == "2e-07 is one 1,000th of the usual rate"
    assert advise(CATALOG["wgan-paper"](), ())[0].flag != "--generator.learning-rate 0.0002"


def test_something_is_always_advised() -> None:
    assert advise(DCGAN, ()) == (
        Change("discriminator.learning_rate", "0.0001", "the discriminator takes smaller steps"),
    )


def test_fields_that_have_the_value_already_are_not_advised() -> None:
    resnet = CATALOG["resnet"]()
    assert resnet.objective.spectral_norm
    assert "objective.spectral_norm" not in {c.field for c in advise(resnet, (SPECTRAL_NORM,))}
    assert advise(DCGAN, (SPECTRAL_NORM,))[0].field == "objective.spectral_norm"


def test_at_most_three_changes_of_different_fields() -> None:
    remedies = (
        set_to("data.flip", "true", ""),
        slower("generator"),
        slower("generator", 2.0),
        set_to("objective.pac", "2", ""),
        set_to("batch", "64", ""),
    )
    assert [change.field for change in advise(DCGAN, remedies)] == [
        "data.flip",
        "generator.learning_rate",
        "objective.pac",
    ]


def penalised(loss: Any, **weights: Any) -> Recipe:
    penalties = Penalties(**{name: PenaltySettings(weight=w) for name, w in weights.items()})
    return replace(
        CATALOG["stacked-modern"](), objective=ObjectiveSettings(loss=loss, penalties=penalties)
    )


@pytest.mark.parametrize(
    ("recipe", "flag"),
    [
        (penalised("hinge"), "--objective.penalties.r1.weight 1"),
        (penalised("wasserstein"), "--objective.penalties.gradient-penalty.weight 10"),
        (
            penalised("wasserstein", gradient_penalty=10.0),
            "--objective.penalties.gradient-penalty.weight 40",
        ),
        # Huang 2024: under the relativistic loss R1 alone diverges.
        (penalised("relativistic", r1=0.5), "--objective.penalties.r2.weight 0.5"),
        (penalised("relativistic", r1=0.5, r2=0.5), "--objective.penalties.r1.weight 2"),
    ],
)
def test_regularisation_suits_the_loss_and_existing_penalties(recipe: Recipe, flag: str) -> None:
    change = regularise(recipe)
    assert change is not None
    assert change.flag == flag
    assert apply_change(recipe, change) != recipe


@pytest.mark.parametrize(
    ("value", "factor", "text"),
    [
        (2e-4, 0.25, "5e-05"),
        (0.006, 1 / 30, "0.0002"),
        (32, 2, "64"),
        (10_000.0, 0.25, "2500"),
        (1, 0.5, "1"),
        (Ramp(shape="linear", start=2e-4, end=0.0), 0.5, "linear:0.0001:0.0"),
        (Ramp(shape="cosine", start=1.0, end=0.1, images=99), 10, "cosine:10.0:1.0:99"),
    ],
)
def test_schedules_are_scaled_as_a_whole(value: Any, factor: float, text: str) -> None:
    assert scaled(value, factor) == text


def test_remedies_without_a_change_return_none() -> None:
    assert multiply("objective.penalties.r1.weight", 4, "")(DCGAN) is None
    assert multiply("generator.network.residual", 4, "")(DCGAN) is None
    assert raise_to("latent_dim", 64, "")(DCGAN) is None
    assert lower_to("latent_dim", 256, "")(DCGAN) is None
    assert raise_to("discriminator.network.width", 32, "")(DCGAN) is None
    narrow = replace(DCGAN, latent_dim=2)
    assert raise_to("latent_dim", 64, "")(narrow) == Change("latent_dim", "64", "")


@pytest.mark.parametrize(
    ("rampup", "value"), [(0.0, "0.1"), (0.05, None), (0.1, None), (1.0, "0.1")]
)
def test_the_usual_ramp_up_is_advised_where_there_is_none_or_a_longer_one(
    rampup: float, value: str | None
) -> None:
    change = usual_rampup(replace(DCGAN, ema_rampup=rampup))
    assert (change and change.value) == value


def test_every_field_that_a_remedy_names_exists() -> None:
    fields = {name for make in CATALOG.values() for name in field_types(make())}
    package = Path(advice.__file__).parent
    source = "".join(path.read_text() for path in sorted(package.rglob("*.py")))
    named = set(re.findall(r'(?:set_to|multiply|raise_to|lower_to)\(\s*"([\w.]+)"', source))
    assert len(named) > 10
    assert named - fields == set()


def test_a_discriminator_is_given_labels_in_the_form_that_its_family_has() -> None:
    for recipe, value in (
        ("dcgan", "projection"),
        ("mlp", "concatenation"),
        ("r3gan", "projection"),
    ):
        change = advice.labels_for_discriminator(CATALOG[recipe]())
        assert change is not None
        assert (change.field, change.value) == ("discriminator.network.conditioning", value)
    for recipe in ("dcgan-conditional", "pacgan-points"):  # it has them; it cannot take them
        assert advice.labels_for_discriminator(CATALOG[recipe]()) is None


def test_labels_rise_from_30_to_60_percent_of_the_run() -> None:
    recipe = replace(CATALOG["dcgan-conditional"](), images=100_000)
    change = advice.labels_later(recipe)
    assert change is not None
    assert change.flag == "--label-strength linear:0:1:30000-60000"
    assert change.keeps_weights
    assert advice.labels_later(apply_change(recipe, change)) is None
    assert advice.advise(CATALOG["r3gan-conditional"](), (advice.labels_later,)) == advise(
        CATALOG["r3gan-conditional"](), ()
    )  # its discriminator has no logit without labels


def test_gains_are_shared_where_each_label_has_its_own() -> None:
    change = advice.shared_gains(CATALOG["resnet-paper-conditional"]())
    assert change is not None
    assert change.flag == "--generator.network.conditioning shared"
    assert advice.shared_gains(CATALOG["dcgan-conditional"]()) is None
    assert advice.shared_gains(CATALOG["mlp"]()) is None
