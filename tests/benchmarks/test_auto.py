"""`auto` beside fixed recipes: what it chose is trained like them, and judged against the best."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganvas
from ganvas.recipes import CATALOG, Recipe

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import auto
import unseen

LINES = ("8 images", "chose few at 32x32", "no second choice")


def choice(recipe: Recipe) -> ganvas.Choice:
    """With the budget and the scores that `auto` gives."""
    scores = dataclasses.replace(recipe.evaluation, every=100)
    return ganvas.Choice(dataclasses.replace(recipe, images=400, evaluation=scores), LINES)


def few(**changes: Any) -> Recipe:
    recipe = CATALOG["few"]()
    data = dataclasses.replace(recipe.data, size=(48, 48), held_out=0.4, **changes)
    return dataclasses.replace(recipe, data=data)


def test_a_fixed_recipe_that_was_chosen_is_trained_once() -> None:
    arms = auto.arms_of(choice(few()), takes_labels=False, held_out=0.4)
    assert list(arms) == ["few", "dcgan", "resnet-dcgan"]
    assert all(recipe.data.size == (48, 48) for recipe in arms.values())
    assert len({recipe.images for recipe in arms.values()}) == 1
    assert not any(recipe.evaluation.every for recipe in arms.values())


def test_a_choice_that_differs_from_the_fixed_recipes_is_an_arm_of_its_own() -> None:
    arms = auto.arms_of(choice(few(flip=True)), takes_labels=True, held_out=0.4)
    assert list(arms) == [auto.NAME, *auto.FIXED, *auto.WITH_LABELS]
    assert [name for name, recipe in arms.items() if recipe.data.flip] == [auto.NAME]
    assert [name for name, recipe in arms.items() if recipe.takes_labels] == [*auto.WITH_LABELS]


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        (108.0, "Chosen: 108. Best: `dcgan`, 100. Within 10 % of it (+8.0 %)."),
        (112.0, "Chosen: 112. Best: `dcgan`, 100. Not within 10 % of it (+12.0 %)."),
        (90.0, "Chosen: 90. Best: `few`, 90. Within 10 % of it (+0.0 %)."),
    ],
)
def test_the_choice_is_judged_against_the_best(chosen: float, text: str) -> None:
    assert auto.verdict({"few": chosen, "dcgan": 100.0, "resnet-dcgan": 130.0}) == text


def test_an_arm_with_a_failed_seed_cannot_be_the_best() -> None:
    results = {
        "noise/1/few/0": {"fd-lite0": 80.0},
        "noise/1/few/1": {"failed": "diverged"},
        "noise/1/dcgan/0": {"fd-lite0": 100.0},
        "noise/1/dcgan/1": {"fd-lite0": 104.0},
    }
    assert auto.mean_distance(results, "noise", "few", 1) == math.inf
    assert auto.mean_distance(results, "noise", "dcgan", 1) == 102


def test_the_first_budget_decides_every_later_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed that is measured differs from call to call, and could change the choice."""
    asked = []

    def choose(inspection: Any, seconds: int, images: int, quiet: bool) -> ganvas.Choice:
        asked.append((seconds, images))
        return choice(few())

    monkeypatch.setattr(auto, "choose_for", choose)
    results: dict[str, dict[str, Any]] = {}
    inspection: Any = None  # what `choose` is asked with, and does not read
    for _ in range(2):
        auto.choose_once(results, "noise", inspection, 30)
    assert asked == [(30, None), (None, 400)]
    assert results == {"choice/noise/30": {"images": 400, "lines": list(LINES)}}


def test_all_characters_of_the_standard_are_drawn() -> None:
    characters = list(unseen.gb2312())
    assert len(characters) == len(set(characters)) == 6_763
    assert (characters[0], characters[-1]) == ("啊", "齄")


def test_cats_and_dogs_have_their_names() -> None:
    labels = np.array([5, 3, 0] * 1_000)
    images = np.broadcast_to(labels[:, None, None, None], (3_000, 2, 2, 3))
    chosen, names = unseen.cats_and_dogs(images, labels)
    assert set(zip(names.tolist(), chosen[:, 0, 0, 0].tolist(), strict=True)) == {
        ("cat", unseen.CATS),
        ("dog", unseen.DOGS),
    }
    assert len(names) == 2 * unseen.PETS
