"""From files and tables to studies, and which problems are reported."""

from __future__ import annotations

import dataclasses
import json
import pickle
import tomllib
from pathlib import Path

import pytest

from ganvas import recipes
from ganvas.errors import RecipeError, StudyError
from ganvas.networks import DCGANDiscriminator
from ganvas.recipes import read_recipe
from ganvas.studies.reading import check_study, load_study, read_study
from ganvas.studies.study import Arm, Study

from .short_study import SHORT, problems_of, study_from, with_arm


def test_a_short_file_becomes_complete_recipes() -> None:
    study = study_from(SHORT)
    names = [arm.name for arm in study.all_arms]
    assert names == ["dcgan", "no-norm", "mlp", "resnet-net", "resnet-deep"]
    assert study.images == 60_000
    assert study.arm("no-norm").recipe == study.base.with_networks(
        discriminator=DCGANDiscriminator(norm="none")
    )
    assert {arm.recipe.data.size for arm in study.all_arms} == {(64, 64)}, "shared by all arms"
    mlp = dataclasses.replace(recipes.mlp(), data=study.base.data)
    assert study.arm("mlp").recipe == mlp


def test_json_and_toml_read_back_to_the_same_study() -> None:
    for study in (study_from(SHORT), study_from(SHORT, images=None, time="1h30m", quality=200.0)):
        assert read_study(json.loads(study.to_json())) == study
        assert read_study(tomllib.loads(study.to_toml())) == study
    assert study.time == 5400


def test_a_study_made_in_python_is_checked() -> None:
    hinge = dataclasses.replace(recipes.dcgan(), batch=64)
    study = Study(base=recipes.dcgan(), arms=(Arm(name="big", recipe=hinge),), data="fashion")
    with pytest.raises(StudyError, match="none is given"):
        check_study(study)
    study = dataclasses.replace(study, images=1000)
    checked = check_study(study)
    assert [arm.against for arm in checked.all_arms] == ["", "dcgan"]
    assert checked.all_arms == study.all_arms


def test_all_problems_of_all_arms_are_reported_at_once() -> None:
    arms = with_arm(name="x", batchh=3) + with_arm(name="y", ema_half_lif=3)[-1:]
    message = problems_of(arms=arms, seeds=0, metrics=["fdd"], base="dcgn")
    for fragment in ("batchh", "ema_half_lif", "seeds", "'fdd'", "'dcgn'"):
        assert fragment in message
    assert "same as" not in message, "consequences of a problem are not reported"


@pytest.mark.parametrize(("size", "read"), [(16, (16, 16)), ("16x32", (16, 32))])
def test_a_size_can_be_written_as_on_the_command_line(size: object, read: tuple[int, int]) -> None:
    study = study_from(SHORT, shared={"data": {"size": size}})
    assert {arm.recipe.data.size for arm in study.all_arms} == {read}


def test_a_study_given_as_a_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(study_from(SHORT).to_toml())
    with pytest.raises(RecipeError, match=r"study.toml: this is a study, it has arms"):
        read_recipe(path)


def test_points_are_scored_by_modes() -> None:
    study = read_study({"base": "points-modern", "data": "ring", "images": "1k"})
    assert study.metrics == ("modes",)
    assert study.scores[0] == "modes"


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("base = ")
    with pytest.raises(StudyError, match="not valid TOML"):
        load_study(tmp_path / "bad.toml")


@pytest.mark.parametrize("text", ["[]", "3", '"dcgan"'])
def test_a_file_without_a_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "study.json"
    path.write_text(text)
    with pytest.raises(StudyError, match="expected a table"):
        load_study(path)


def test_shared_must_be_a_table_without_what_the_study_decides() -> None:
    assert "shared: expected a table" in problems_of(shared="data.size")
    message = problems_of(shared={"images": 400_000})
    assert message.count("shared: images: the study decides it") == 1
    assert "\n" not in message.partition("shared: images")[2], "reported once, not for every arm"


def test_an_unreadable_recipe_is_named_as_written() -> None:
    message = problems_of(arms=[{"recipe": "nowhere.toml"}, {"recipe": "dcgann"}])
    assert "arm 'nowhere.toml': nowhere.toml: cannot be read" in message
    assert "arm 'dcgann': 'dcgann' is no recipe. Did you mean dcgan?" in message


def test_study_errors_survive_pickling() -> None:
    error = StudyError(["data: missing", "seeds: at least 1"], "study.toml")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)
