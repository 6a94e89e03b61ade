"""What all data that is computed must do. A new kind is tested by being in the table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.generated import GeneratedDataset
from ganvas.data.inspecting import inspect
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import BUILT_IN, open_source, source_exists
from ganvas.data.stream import ImageStream
from ganvas.data.synthetic import POINTS
from ganvas.errors import DataError
from ganvas.images import to_signed
from ganvas.networks import POINT
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.files import checked
from ganvas.recipes.players import build_networks
from ganvas.recipes.recommendation import recommend

KINDS = [*POINTS, "stacked"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (100, 8, 8), np.uint8)
    np.savez(path, images=images, labels=np.arange(100) % 10)
    return path


@pytest.fixture(scope="module", params=KINDS)
def location(request: pytest.FixtureRequest, digits: Path) -> str:
    return f"stacked:{digits}" if request.param == "stacked" else str(request.param)


@pytest.fixture(scope="module")
def dataset(location: str) -> GeneratedDataset:
    source = open_source(location)
    assert isinstance(source, GeneratedDataset)
    return source


@pytest.fixture(scope="module")
def recipe(dataset: GeneratedDataset) -> Recipe:
    """The recipe that the data itself names, for the smallest images that there are."""
    recipe = CATALOG[dataset.recipe]()
    if recipe.data.size == POINT:
        return recipe
    return replace(recipe, data=replace(recipe.data, size=(12, 12)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def prepared(dataset: GeneratedDataset, recipe: Recipe, cache: Path) -> PreparedData:
    return prepare(dataset, recipe.data, cache)


def test_every_built_in_is_found_by_its_name() -> None:
    assert set(POINTS) < set(BUILT_IN)
    for name in BUILT_IN:
        assert open_source(name).location == name
        assert source_exists(name)


def test_location_opens_the_same(dataset: GeneratedDataset, location: str) -> None:
    assert dataset.location == location
    assert source_exists(dataset.location)
    again = open_source(dataset.location)
    assert (type(again), again.name, again.location) == (
        type(dataset),
        dataset.name,
        dataset.location,
    )


def test_its_name_may_stand_in_a_folder_name(dataset: GeneratedDataset) -> None:
    assert not set(dataset.name) & set(':/\\*?"<>| ')


def test_the_named_recipe_can_be_built_for_it(recipe: Recipe, prepared: PreparedData) -> None:
    generator, discriminator = build_networks(checked(recipe), prepared.shape, num_labels=0)
    batch = to_signed(ImageStream(prepared, seed=0).next(4).images)
    with torch.no_grad():
        assert discriminator(batch).shape == (4,)
        assert generator(torch.zeros(4, recipe.latent_dim)).shape == batch.shape


def test_the_split_is_whole(prepared: PreparedData) -> None:
    everything = np.arange(len(prepared.images))
    assert len(prepared.held_out) > 0
    np.testing.assert_array_equal(
        np.sort(np.concatenate([prepared.training, prepared.held_out])), everything
    )
    assert (np.diff(prepared.held_out) > 0).all()


def test_every_label_has_a_name(prepared: PreparedData) -> None:
    if prepared.labels is None:
        assert prepared.label_names == ()
        return
    assert prepared.labels.shape == prepared.images.shape[:1]
    assert prepared.labels.min() >= 0
    assert prepared.labels.max() < len(prepared.label_names)
    assert len(set(prepared.label_names)) == len(prepared.label_names)


def test_it_is_kept_like_other_data(
    dataset: GeneratedDataset, recipe: Recipe, cache: Path, prepared: PreparedData
) -> None:
    stages: list[str] = []
    again = prepare(dataset, recipe.data, cache, lambda stage, done, total: stages.append(stage))
    assert set(stages) <= {"reading"}
    assert isinstance(again.images, np.memmap)
    assert not again.images.flags.writeable
    assert again.key == prepared.key


def test_it_is_the_same_everywhere(
    location: str, recipe: Recipe, prepared: PreparedData, tmp_path: Path
) -> None:
    other = prepare(open_source(location), recipe.data, tmp_path)
    assert other.fingerprint == prepared.fingerprint
    np.testing.assert_array_equal(other.images, prepared.images)
    np.testing.assert_array_equal(other.held_out, prepared.held_out)


def test_training_never_sees_what_is_held_out(prepared: PreparedData) -> None:
    stream = ImageStream(prepared, seed=1)
    held_out = {row.tobytes() for row in prepared.images[prepared.held_out]}
    for _ in range(10):
        assert not any(row.tobytes() in held_out for row in stream.next(1000).images.numpy())


def test_the_other_kind_of_recipe_is_refused(
    dataset: GeneratedDataset, recipe: Recipe, tmp_path: Path
) -> None:
    wrong = DataSettings() if recipe.data.size == POINT else DataSettings(size=POINT)
    with pytest.raises(DataError, match=f"such as {dataset.recipe}"):
        prepare(dataset, wrong, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_inspection_says_how_to_train_on_it(dataset: GeneratedDataset, recipe: Recipe) -> None:
    inspection = inspect(dataset, recipe.data, minimum=10)  # type: ignore[arg-type]
    assert inspection.trainable
    assert inspection.unusable == ()
    command = f"ganvas train {dataset.recipe} {dataset.location}"
    assert recommend(inspection).lines()[-1] == f"next: {command}"
    assert json.loads(json.dumps(inspection.to_json()))["usable"] == inspection.usable
    assert inspection.lines()[0].startswith(
        f"{dataset.name}: {inspection.distinct:,} {inspection.things} to train on"
    )
