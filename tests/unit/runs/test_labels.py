"""Whether a run is conditioned on labels: `--labels auto|on|off`, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings, Labels
from ganvas.errors import DataError, RecipeError
from ganvas.networks import DISCRIMINATORS, GENERATORS
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import CATALOG, Recipe, checked
from ganvas.runs.labels import with_labels
from tests.builders.tiny import SIDE, narrow, tiny_data, tiny_recipe


def data(*counts: int) -> PreparedData:
    """Images of labels a, b, ..., so many of each."""
    labels = np.repeat(np.arange(len(counts)), counts)
    names = tuple(f"label{index}" for index in range(len(counts)))
    return dataclasses.replace(tiny_data(count=len(labels)), labels=labels, label_names=names)


def recipe(labels: Labels, **changes: Any) -> Recipe:
    return tiny_recipe(data=DataSettings(size=(SIDE, SIDE), labels=labels), **changes)


def test_auto_conditions_where_every_label_has_twenty_images_and_says_so() -> None:
    conditional, line = with_labels(recipe("auto"), data(20, 35))
    assert conditional.generator.network.uses_labels
    assert conditional.discriminator.network.uses_labels
    assert conditional.name == "custom-conditional"
    assert line == "labels are learned: 2 labels, 20 to 35 training images each"


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((), "the images have none, or not all have one (ganvas check says how many)"),
        ((40,), "there are 1, and auto wants 2 to 1,000"),
        (
            (20, 19, 3),
            "auto wants 20 training images of each, and 2 labels have fewer: label1 (19), "
            "label2 (3)",
        ),
    ],
)
def test_auto_says_why_it_does_not(counts: tuple[int, ...], reason: str) -> None:
    images = data(*counts) if counts else tiny_data()
    plain, line = with_labels(recipe("auto"), images)
    assert plain == recipe("auto")
    assert line == f"labels are not learned: {reason}"


def test_auto_takes_the_labels_out_of_a_conditional_recipe_that_they_do_not_suit() -> None:
    conditional, _ = with_labels(recipe("auto"), data(20, 20))
    plain, line = with_labels(conditional, data(3, 3))
    assert plain == recipe("auto")
    assert "2 labels have fewer: label0 (3), label1 (3)" in line


def test_on_conditions_on_two_images_a_label() -> None:
    conditional, line = with_labels(recipe("on"), data(2, 2))
    assert conditional.takes_labels
    assert line == "labels are learned: 2 labels, 2 training images each"


@pytest.mark.parametrize("labels", ["scores", "off", "folders", "1"])
def test_other_choices_leave_the_networks_as_they_are(labels: Labels) -> None:
    assert with_labels(recipe(labels), data(20, 20)) == (recipe(labels), "")


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (tiny_data(), "the networks take labels, and these images have none"),
        (data(9), "1 label cannot be learned, the networks take 2 to 1,000"),
        (data(*[2] * 1_001), "1,001 labels cannot be learned"),
        (data(1, 5, 1), "at least 2 images to train on, and these have fewer: label0, label2"),
    ],
)
def test_labels_that_cannot_be_learned_are_one_sentence(images: PreparedData, words: str) -> None:
    with pytest.raises(DataError) as caught:
        with_labels(recipe("on"), images)
    message = str(caught.value)
    assert words in message
    assert "--labels auto" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", [name for name in CATALOG if name.endswith("-conditional")])
def test_conditional_recipes_need_labels(name: str) -> None:
    with pytest.raises(DataError, match="these images have none"):
        with_labels(CATALOG[name](), tiny_data())
    assert with_labels(CATALOG[name](), data(5, 5))[0] == CATALOG[name]()


def test_a_conditional_recipe_without_labels_is_refused_with_the_field() -> None:
    conditional, _ = with_labels(recipe("on"), data(5, 5))
    off = dataclasses.replace(conditional.data, labels="off")
    with pytest.raises(RecipeError) as caught:
        checked(dataclasses.replace(conditional, data=off))
    (problem,) = caught.value.problems
    assert problem.startswith("data.labels: the networks take labels")


def test_a_network_that_cannot_take_labels_is_refused_where_they_must_be_learned() -> None:
    networks = (narrow(GENERATORS["strided"]), narrow(DISCRIMINATORS["dcgan"]))
    with pytest.raises(RecipeError, match=r"generator\.network: strided cannot take labels"):
        checked(recipe("on", networks=networks))
    plain, line = with_labels(recipe("auto", networks=networks), data(20, 20))
    assert not plain.takes_labels
    assert line == "labels are not learned: one of the networks cannot take them"


BASES = [name for name in CATALOG if f"{name}-conditional" in CATALOG and name != "resnet-paper"]
"""Recipes with a conditional one; the published one of resnet-paper has other gains."""


@pytest.mark.parametrize("name", BASES)
def test_a_recipe_whose_labels_are_on_is_its_conditional_one(name: str) -> None:
    """Checked as it is trained, so that the run can be read again."""
    named, learned = CATALOG[name](), CATALOG[f"{name}-conditional"]()
    for labels in ("on", "auto"):
        given = dataclasses.replace(named, data=dataclasses.replace(named.data, labels=labels))
        trained, _ = with_labels(checked(given), data(20, 20))
        assert checked(trained) == trained
        assert dataclasses.replace(trained, data=learned.data) == learned


def test_combinations_with_labels_are_checked_before_the_networks_take_them() -> None:
    packs = ObjectiveSettings(pac=2)
    with pytest.raises(RecipeError, match=r"objective\.pac: .* takes one label per image"):
        checked(recipe("on", objective=packs))
    plain, line = with_labels(checked(recipe("auto", objective=packs)), data(20, 20))
    assert plain == recipe("auto", objective=packs)
    assert line.startswith("labels are not learned: objective.pac: ")


def test_a_strength_of_labels_that_are_not_learned_is_told() -> None:
    _, line = with_labels(recipe("scores", label_strength=0.5), data(20, 20))
    assert line.startswith("warning: --label-strength does nothing")


def with_choice(base: Recipe, labels: Labels) -> Recipe:
    return dataclasses.replace(base, data=dataclasses.replace(base.data, labels=labels))


def test_rates_follow_the_recipe_of_the_same_name_with_or_without_labels_unless_they_were_set() -> (
    None
):
    plain, conditional = (CATALOG[name]() for name in ("resnet-dcgan", "resnet-dcgan-conditional"))
    rates = (plain.generator.learning_rate, conditional.generator.learning_rate)
    assert rates == (8e-4, 4e-4)
    for choice in ("on", "auto"):
        learned, line = with_labels(with_choice(plain, choice), data(20, 20))
        assert learned.generator.learning_rate == 4e-4
        ending = "; generator.learning_rate 0.0004, as in resnet-dcgan-conditional"
        assert line.endswith(ending)
    unlabelled, line = with_labels(with_choice(conditional, "auto"), data(3, 3))
    assert unlabelled.generator.learning_rate == 8e-4
    assert line.endswith("; generator.learning_rate 0.0008, as in resnet-dcgan")
    player = dataclasses.replace(plain.generator, learning_rate=5e-4)
    own = dataclasses.replace(plain, generator=player)
    learned, line = with_labels(with_choice(own, "on"), data(20, 20))
    assert learned.generator.learning_rate == 5e-4
    assert "learning_rate" not in line
