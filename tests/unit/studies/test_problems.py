"""What is refused in a study and in its arms."""

from __future__ import annotations

from typing import Any

import pytest

from .short_study import problems_of, with_arm


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"base": "dcgn"}, ["base: 'dcgn' is no recipe. Did you mean dcgan?"]),
        ({"base": None}, ["base: missing"]),
        ({"seeds": 0}, ["seeds: must be greater than or equal to 1, got 0"]),
        ({"seeds": "many"}, ["seeds: must be a number, got 'many'"]),
        ({"images": "6oo"}, ["images: '6oo' is no whole number"]),
        ({"images": None}, ["images or time: the budget of each run; none is given"]),
        ({"time": "10m"}, ["one of the two, not both"]),
        ({"images": None, "time": "10 parsecs"}, ["time: '10 parsecs' is no time"]),
        ({"images": None, "time": 0.0}, ["time: must be greater than 0"]),
        ({"metrics": ["fd-lite"]}, ["metrics: 'fd-lite' is not a metric. Did you mean fd-lite0?"]),
        ({"metrics": []}, ["metrics: no metric was named"]),
        ({"samples": 3}, ["samples: must be greater than or equal to 100"]),
        ({"data": ""}, ["data: what to train on is missing"]),
        ({"seed": 3}, ["seed: no such field. Did you mean seeds?"]),
        ({"arms": 3}, ["arms: expected a list of tables"]),
        ({"shared": {"data": {"sze": 3}}}, ["data.sze: no such field. Did you mean size?"]),
    ],
)
def test_problems_of_a_study_are_reported(changes: Any, fragments: list[str]) -> None:
    message = problems_of(**changes)
    for fragment in fragments:
        assert fragment in message


@pytest.mark.parametrize(
    ("arm", "fragments"),
    [
        ({"name": "x", "batchh": 3}, ["arm 'x': batchh: no such field. Did you mean batch?"]),
        ({"name": "x"}, ["arm 'x': it is the same as 'dcgan'; nothing is changed"]),
        (
            {"name": "x", "discriminator": {"network": {"norm": "none"}}},
            ["arm 'x': it is the same as 'no-norm'; nothing is changed"],
        ),
        ({"name": "mlp", "batch": 8}, ["arm 'mlp': 2 arms have this name"]),
        ({"name": "dcgan", "batch": 8}, ["arm 'dcgan': 2 arms have this name"]),
        ({"name": "MLP", "batch": 8}, ["arm 'mlp': it differs from 'MLP' in case only"]),
        ({"batch": 8}, ["arm 'number-5': it needs a name"]),
        ({"name": "a/b", "batch": 8}, ["arm 'a/b': a name must be letters, digits"]),
        ({"recipe": "mlpp"}, ["'mlpp' is no recipe. Did you mean mlp?"]),
        ({"recipe": 7}, ["expected a recipe's name, got 7"]),
        (
            {"name": "x", "batch": 8, "against": "no-nrm"},
            ["arm 'x': against: 'no-nrm' is not an arm. Did you mean no-norm?"],
        ),
        (
            {"name": "x", "batch": 8, "against": "x"},
            ["arm 'x': against: 'x' must be listed before it"],
        ),
        ({"name": "x", "images": 5}, ["arm 'x': images: the study decides it, for all arms"]),
        (
            {"name": "x", "data": {"size": [32, 32]}},
            ["arm 'x': data.size: (32, 32), but the base has (64, 64)", "--shared data.size=..."],
        ),
        ({"name": "x", "data": {"held_out": 0.2}}, ["data.held_out: 0.2, but the base has 0.1"]),
        ({"name": "x", "batch": 60_001}, ["the budget of 60000 is less than one batch"]),
        (
            {"name": "x", "objective": {"penalties": {"r1": {"weight": 1.0}}}},
            ["arm 'x': objective.penalties.r1.weight: under batch normalisation"],
        ),
    ],
)
def test_problems_of_an_arm_are_reported(arm: Any, fragments: list[str]) -> None:
    message = problems_of(arms=with_arm(**arm))
    for fragment in fragments:
        assert fragment in message


def test_a_repeated_arm_is_reported_once() -> None:
    message = problems_of(arms=[{"recipe": "mlp"}, {"recipe": "mlp"}])
    assert message.count("mlp") == 1
    assert "2 arms have this name" in message
