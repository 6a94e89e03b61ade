"""Studies from the command line's --base, --vary, --recipes and --shared."""

from __future__ import annotations

from typing import Any

import pytest

from ganvas import recipes
from ganvas.errors import StudyError
from ganvas.schedules import parse_duration
from ganvas.studies.reading import read_study
from ganvas.studies.study import Study
from ganvas.studies.variations import arm_name, study_table


def study(base: str = "", vary: Any = (), of: Any = (), shared: Any = ()) -> Study:
    table = study_table(base, list(vary), list(of), list(shared))
    return read_study({**table, "data": "fashion", "images": 100_000})


def test_each_value_makes_an_arm_that_changes_one_field() -> None:
    vary = [
        "network=mlp,dcgan,resnet",
        "generator.network=dcgan,resnet",
        "objective.loss=non-saturating,wasserstein",
    ]
    varied = study("dcgan", vary)
    changes = {arm.name: varied.changes(arm.name) for arm in varied.all_arms}
    assert changes == {
        "dcgan": {},
        "mlp": {"network": "mlp"},
        "resnet": {"network": "resnet"},
        "resnet-generator": {"generator.network": "resnet"},
        "loss-wasserstein": {"objective.loss": "wasserstein"},
    }, "the base's own values make no arms"


def test_the_first_of_whole_recipes_is_the_base() -> None:
    varied = study(of=["wgan", "dcgan"], shared=["data.size=16", "ema-half-life=1k"])
    assert [arm.name for arm in varied.all_arms] == ["wgan", "dcgan"]
    for arm in varied.all_arms:
        assert arm.recipe.data.size == (16, 16)
        assert arm.recipe.ema_half_life == 1000
    assert varied.arm("dcgan").recipe.objective == recipes.dcgan().objective


def test_an_arm_is_named_by_its_field_and_value() -> None:
    assert arm_name("network", "resnet") == "resnet"
    assert arm_name("discriminator.network", "resnet") == "resnet-discriminator"
    assert arm_name("discriminator.network.norm", "none") == "discriminator-norm-none"
    assert arm_name("objective.penalties.r1.weight", "0.1") == "r1.weight-0.1"
    assert arm_name("generator.learning_rate", "linear:2e-4:0") == (
        "generator.learning-rate-linear-2e-4-0"
    )


def test_all_problems_are_reported_at_once() -> None:
    vary = [
        "objective=x",
        "seeds=1,2",
        "objective.los=x",
        "objective.loss=hing",
        "batch=many",
        "batch",
        "batch=32",
    ]
    with pytest.raises(StudyError) as caught:
        study(
            "dcgan",
            [*vary, "objective.spectral_norm=yes", "network=vit", "architecture=resnet"],
            shared=["batch"],
        )
    message = str(caught.value)
    for fragment in (
        "--vary objective.los: dcgan has no such field. Did you mean objective.loss?",
        "--vary objective: a group of fields. It has: objective.loss, ",
        "--vary seeds: the study decides it, for all arms alike: --seeds",
        "'hing' is none of its values. Did you mean hinge?",
        "'many' is no whole number",
        "--vary batch: expected FIELD=VALUE",
        "--vary batch=32: this is the base's own value",
        "must be true or false, got 'yes'",
        "'vit' is no generator network",
        "--vary architecture: is now called network (of both players), generator.network or",
        "--shared batch: expected FIELD=VALUE",
    ):
        assert fragment in message


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("", [], [], []), "give a study's file or directory"),
        (("dcgan", [], ["mlp"], []), "cannot be combined with --base"),
        (("dcgan", [], [], []), "--base dcgan alone is one arm, with nothing to compare it with"),
        (("dcgan", ["batch=8,16"], [], ["batch=8,16"]), "expected a single value"),
    ],
)
def test_conflicting_flags_are_refused(arguments: Any, fragment: str) -> None:
    with pytest.raises(StudyError, match=fragment):
        study_table(*arguments)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("1h 30m", 5400)]
)
def test_a_time_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "ten minutes", "1..5h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_duration(text)
