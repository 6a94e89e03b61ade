"""Every named recipe can be tuned. New recipes are tested automatically."""

from __future__ import annotations

import pytest

from ganvas.fields import has_field
from ganvas.recipes import CATALOG, checked
from ganvas.schedules import extremes, parse_schedule
from ganvas.training.candidates import recipe_of, with_tuning, with_values


@pytest.mark.parametrize("name", CATALOG)
def test_every_value_gives_a_valid_recipe(name: str) -> None:
    whole = CATALOG[name]()
    recipe, tuning = with_tuning(whole)
    assert all(has_field(recipe, field) for field in tuning.fields)
    assert recipe.images + 2 * tuning.images == whole.images
    tried = set()
    for candidate in tuning.candidates:
        checked(with_values(recipe, candidate))
        checked(recipe_of(candidate, tuning, recipe))
        tried.add(tuple(extremes(parse_schedule(text)) for text in candidate.values.values()))
    assert len(tried) == len(tuning.candidates)
