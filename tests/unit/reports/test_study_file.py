"""The short file of a study reads back to the same study."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from ganvas.recipes import recipe_table
from ganvas.reports.study_file import study_toml
from ganvas.studies.reading import read_study

COMMON: dict[str, Any] = {"base": "dcgan", "data": "fashion", "images": 60_000}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"arms": [{"recipe": "mlp"}]}, {"arms": [{"name": "mlp", "recipe": "mlp"}]}),
        (
            {"arms": [{"name": "h", "objective": {"loss": "hinge"}}], "seeds": 5},
            {"arms": [{"name": "h", "objective": {"loss": "hinge"}}], "seeds": 5},
        ),
        (
            {
                "shared": {"data": {"size": [64, 64]}},
                "arms": [
                    {"name": "plain", "network": "resnet"},
                    {"name": "wide", "against": "plain", "generator": {"network": {"width": 96}}},
                ],
            },
            {"shared": {"data": {"size": [64, 64]}}},
        ),
    ],
)
def test_the_short_form_is_short_and_reads_back(
    table: dict[str, Any], expected: dict[str, Any]
) -> None:
    study = read_study({**COMMON, **table})
    text = study_toml(study)
    assert read_study(tomllib.loads(text)) == study
    assert len(text) < 400
    short = tomllib.loads(text)
    assert short["base"] == "dcgan"
    for name, value in expected.items():
        assert short[name] == value


def test_a_base_without_a_name_is_written_in_full() -> None:
    base = recipe_table(read_study(COMMON).base)
    study = read_study({**COMMON, "base": {**base, "name": "mine"}})
    text = study_toml(study)
    assert read_study(tomllib.loads(text)) == study
    assert "[base.generator.network]" in text
