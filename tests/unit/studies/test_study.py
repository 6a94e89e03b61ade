"""Studies as files and values: what is read, what is refused, and what arms share."""

from __future__ import annotations

import dataclasses
import json
import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas import recipes
from ganvas.errors import RecipeError, StudyError
from ganvas.randomness import draw_latents, named_generator
from ganvas.recipes import Recipe
from ganvas.studies.reading import check_study, load_study, read_study
from ganvas.studies.study import Arm, Study, format_changes

from ..tiny import start, tiny_recipe

SHORT = """
base = "dcgan"
data = "fashion"
seeds = 5
images = "60k"
shared.data.size = [64, 64]
[[arms]]
name = "no-norm"
architecture.discriminator_norm = "none"
[[arms]]
recipe = "mlp"
[[arms]]
name = "resnet-net"
architecture = "resnet"
[[arms]]
name = "resnet-deep"
against = "resnet-net"
architecture.blocks_per_resolution = 2
"""


def study_from(text: str, **changes: Any) -> Study:
    return read_study({**tomllib.loads(text), **changes})


def problems_of(text: str = SHORT, **changes: Any) -> str:
    with pytest.raises(StudyError) as caught:
        study_from(text, **changes)
    return str(caught.value)


def with_arm(**arm: Any) -> list[dict[str, Any]]:
    return [*tomllib.loads(SHORT)["arms"], arm]


def test_a_short_file_becomes_complete_recipes() -> None:
    study = study_from(SHORT)
    names = [arm.name for arm in study.all_arms]
    assert names == ["dcgan", "no-norm", "mlp", "resnet-net", "resnet-deep"]
    assert study.images == 60_000
    assert study.arm("no-norm").recipe == dataclasses.replace(
        study.base,
        architecture=dataclasses.replace(recipes.dcgan().architecture, discriminator_norm="none"),
    )
    assert {arm.recipe.data.size for arm in study.all_arms} == {(64, 64)}, "shared by all"
    mlp = dataclasses.replace(recipes.mlp(), data=study.base.data)
    assert study.arm("mlp").recipe == mlp


def test_an_arm_changes_what_it_is_compared_with() -> None:
    study = study_from(SHORT)
    assert study.changes("resnet-deep") == {"architecture.blocks_per_resolution": 2}
    assert study.changes("no-norm") == {"architecture.discriminator_norm": "none"}
    assert study.changes("resnet-net") == {"architecture": "resnet"}, "with its own defaults"
    assert study.changes("mlp") == {"architecture": "mlp", "architecture.generator_norm": "batch"}
    assert study.changes("dcgan") == {}
    assert format_changes(study.changes("resnet-net")) == 'architecture = "resnet"'


def test_families_are_what_is_compared_with_the_same_arm() -> None:
    families = study_from(SHORT).families()
    names = {base: [arm.name for arm in arms] for base, arms in families.items()}
    assert names == {"dcgan": ["no-norm", "mlp", "resnet-net"], "resnet-net": ["resnet-deep"]}


def test_written_out_it_reads_back_to_the_same() -> None:
    for study in (study_from(SHORT), study_from(SHORT, images=None, time="1h30m", quality=200.0)):
        assert read_study(json.loads(study.to_json())) == study
        assert read_study(tomllib.loads(study.to_toml())) == study
    assert study.time == 5400


def test_from_python_it_is_checked_as_a_file_is() -> None:
    hinge = dataclasses.replace(recipes.dcgan(), batch=64)
    study = Study(base=recipes.dcgan(), arms=(Arm(name="big", recipe=hinge),), data="fashion")
    with pytest.raises(StudyError, match="none is given"):
        check_study(study)
    study = dataclasses.replace(study, images=1000)
    checked = check_study(study)
    assert [arm.against for arm in checked.all_arms] == ["", "dcgan"]
    assert checked.all_arms == study.all_arms


def test_a_base_alone_is_a_study_of_its_seeds() -> None:
    assert [arm.name for arm in study_from(SHORT, arms=[]).all_arms] == ["dcgan"]


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
def test_what_is_wrong_with_a_study_is_said(changes: Any, fragments: list[str]) -> None:
    said = problems_of(**changes)
    for fragment in fragments:
        assert fragment in said


@pytest.mark.parametrize(
    ("arm", "fragments"),
    [
        ({"name": "x", "batchh": 3}, ["arm 'x': batchh: no such field. Did you mean batch?"]),
        ({"name": "x"}, ["arm 'x': it is the same as 'dcgan'; nothing is changed"]),
        (
            {"name": "x", "architecture": {"discriminator_norm": "none"}},
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
            ["arm 'x': objective.penalties.r1.weight: a batch-normalised discriminator"],
        ),
    ],
)
def test_what_is_wrong_with_an_arm_is_said(arm: Any, fragments: list[str]) -> None:
    said = problems_of(arms=with_arm(**arm))
    for fragment in fragments:
        assert fragment in said


def test_all_problems_of_all_arms_are_said_at_once() -> None:
    arms = with_arm(name="x", batchh=3) + with_arm(name="y", ema_half_lif=3)[-1:]
    said = problems_of(arms=arms, seeds=0, metrics=["fdd"], base="dcgn")
    for fragment in ("batchh", "ema_half_lif", "seeds", "'fdd'", "'dcgn'"):
        assert fragment in said
    assert "same as" not in said, "what follows from a problem is not a problem of its own"


def test_an_arm_that_is_there_twice_is_said_once() -> None:
    said = problems_of(arms=[{"recipe": "mlp"}, {"recipe": "mlp"}])
    assert said.count("mlp") == 1
    assert "2 arms have this name" in said


@pytest.mark.parametrize(("size", "read"), [(16, (16, 16)), ("16x32", (16, 32))])
def test_a_size_may_be_written_as_on_the_command_line(size: object, read: tuple[int, int]) -> None:
    study = study_from(SHORT, shared={"data": {"size": size}})
    assert {arm.recipe.data.size for arm in study.all_arms} == {read}


def test_a_study_in_the_place_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(study_from(SHORT).to_toml())
    with pytest.raises(RecipeError, match=r"study.toml: this is a study, it has arms"):
        Recipe.from_file(path)


def test_data_may_be_flipped_in_one_arm() -> None:
    study = study_from(SHORT, arms=with_arm(name="flipped", data={"flip": True}))
    assert study.changes("flipped") == {"data.flip": True}


def test_the_study_decides_budget_evaluation_and_what_a_failure_does() -> None:
    study = study_from(SHORT, stop_early=True, evaluations=4, metrics=["swd", "fd-lite0"])
    recipe = study.recipe_for(study.arm("mlp"), 60_001)
    assert (recipe.name, recipe.images, recipe.on_failure) == ("mlp", 60_001, "stop")
    assert recipe.evaluation.every == 15_001, "four scores, the last one at the end"
    assert recipe.evaluation.metrics == ("swd",), "the deciding one alone"
    assert study.recipe_for(study.arm("mlp"), 100).evaluation.every == 25
    none = dataclasses.replace(study, evaluations=0)
    assert none.recipe_for(none.arm("mlp"), 100).evaluation.every == 0


def test_points_are_scored_by_their_modes() -> None:
    study = read_study({"base": "points-modern", "data": "ring", "images": "1k"})
    assert study.metrics == ("modes",)
    assert study.scores[0] == "modes"


def test_a_seed_means_the_same_images_and_latents_in_every_arm() -> None:
    """Whatever an arm changes: networks, loss, batch."""
    one, other = tiny_recipe(), tiny_recipe(architecture=recipes.mlp().architecture, batch=2)
    streams = [start(recipe, seed=3)[0].stream for recipe in (one, other)]
    theirs = torch.cat([streams[1].next(2).images for _ in range(20)])
    assert torch.equal(torch.cat([streams[0].next(4).images for _ in range(10)]), theirs)
    grids = [draw_latents(8, 6, named_generator(3, "grid")) for _ in range(2)]
    assert torch.equal(*grids)
    different = start(one, seed=4)[0].stream.next(4).images
    assert not torch.equal(different, theirs[:4])


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("base = ")
    with pytest.raises(StudyError, match="not valid TOML"):
        load_study(tmp_path / "bad.toml")


@pytest.mark.parametrize("text", ["[]", "3", '"dcgan"'])
def test_a_file_that_holds_no_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.json"
    path.write_text(text)
    with pytest.raises(StudyError, match="expected a table"):
        load_study(path)


def test_what_is_shared_is_a_table_of_what_the_study_does_not_decide() -> None:
    assert "shared: expected a table" in problems_of(shared="data.size")
    said = problems_of(shared={"images": 400_000})
    assert said.count("shared: images: the study decides it") == 1
    assert "\n" not in said.partition("shared: images")[2], "said once, not for every arm"


def test_a_recipe_that_cannot_be_read_is_named_as_it_was_written() -> None:
    said = problems_of(arms=[{"recipe": "nowhere.toml"}, {"recipe": "dcgann"}])
    assert "arm 'nowhere.toml': nowhere.toml: cannot be read" in said
    assert "arm 'dcgann': 'dcgann' is no recipe. Did you mean dcgan?" in said


def test_problems_survive_the_way_from_a_worker() -> None:
    error = StudyError(["data: missing", "seeds: at least 1"], "study.toml")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)
