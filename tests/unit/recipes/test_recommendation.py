"""What `check` recommends for images of each kind, why, and that the docs recommend the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data.inspecting import inspect
from ganvas.data.preparation import prepare
from ganvas.data.settings import RECIPE_FOR_IMAGES, DataSettings
from ganvas.data.sources import open_source
from ganvas.errors import DataError
from ganvas.recipes.recommendation import Recommendation, recommend

from ..data.pictures import flat

README = Path(__file__).parents[3] / "README.md"


def recommended(data: Path | str, *flags: str, channels: str = "auto") -> Recommendation:
    settings = DataSettings(channels=channels)  # type: ignore[arg-type]
    return recommend(inspect(open_source(data), settings, 2, flags=flags))


def arrays(path: Path, count: int, side: int, *channels: int) -> Path:
    """Different images of noise in one file."""
    shape = (count, side, side, *channels)
    np.save(path, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    return path


def photographs(folder: Path, mode: str = "RGB", count: int = 3, side: int = 70) -> Path:
    folder.mkdir(parents=True)
    for value in range(count):
        colour = value if mode == "L" else (value,) * len(mode)
        flat(mode, colour, side).save(folder / f"{value}.png")
    return folder


def reason(recommendation: Recommendation, start: str) -> str:
    """The one reason or note that starts so."""
    texts = (*recommendation.reasons, *recommendation.notes)
    (found,) = [text for text in texts if text.startswith(start)]
    return found


@pytest.mark.parametrize(
    ("side", "flag", "why"),
    [
        (20, "--size 32", "as most images are no larger"),
        (40, "--size 32", "as most images are smaller than 64 pixels"),
        (64, "--size 64", "as most images are that large"),
    ],
)
def test_the_size_follows_from_the_images_and_says_why(
    tmp_path: Path, side: int, flag: str, why: str
) -> None:
    recommendation = recommended(photographs(tmp_path / "photos", side=side))
    assert flag in recommendation.command
    assert why in reason(recommendation, flag)
    assert recommendation.settings.size == (int(flag.split()[1]),) * 2


def test_a_size_is_recommended_beside_other_flags_and_none_beside_a_given_one(
    tmp_path: Path,
) -> None:
    folder = photographs(tmp_path / "photos")
    assert "--size 64 --flip" in recommended(folder, "--flip").command
    given = recommended(folder, "--size", "16")
    assert given.command.count("--size") == 1
    assert not any(reason.startswith("--size") for reason in given.reasons)


def test_few_images_get_a_recipe_of_their_own_and_many_do_not(tmp_path: Path) -> None:
    few = recommended(arrays(tmp_path / "few.npy", 1999, 16))
    many = recommended(arrays(tmp_path / "many.npy", 2000, 16))
    assert few.recipe == "few"
    assert "fewer than 2,000 images" in reason(few, "few as")
    assert many.recipe == "resnet-dcgan"


def test_too_few_to_hold_any_out_are_no_case_for_what_follows_overfitting(tmp_path: Path) -> None:
    assert recommended(arrays(tmp_path / "few.npy", 12, 16)).recipe == "resnet-dcgan"


def test_more_is_held_out_where_scores_need_it(tmp_path: Path) -> None:
    recommendation = recommended(arrays(tmp_path / "few.npy", 110, 16))
    assert "--held-out 0.2" in recommendation.command
    assert recommendation.settings.held_out == 0.2
    assert reason(recommendation, "--held-out 0.2")
    given = recommended(tmp_path / "few.npy", "--held-out", "0.1")
    assert given.command.count("--held-out") == 1


@pytest.mark.parametrize(
    ("mode", "channels", "expected"), [("L", "auto", 1), ("RGB", "auto", 3), ("RGBA", "4", 4)]
)
def test_channels_are_those_that_training_gets(
    tmp_path: Path, mode: str, channels: str, expected: int
) -> None:
    folder = photographs(tmp_path / "photos", mode)
    assert recommended(folder, channels=channels).channels == expected


def test_grey_of_any_kind_is_grey_as_in_training(tmp_path: Path) -> None:
    """Numbers that Pillow has no mode for, and palettes of greys alone."""
    noise = np.random.default_rng(0).random((4, 70, 70), dtype=np.float32)
    np.savez(tmp_path / "scans.npz", noise)
    (tmp_path / "palettes").mkdir()
    for number, pixels in enumerate(noise):
        picture = Image.fromarray((255 * pixels).astype(np.uint8)).convert("P")
        picture.putpalette([value for value in range(256) for _ in range(3)])
        picture.save(tmp_path / "palettes" / f"{number}.png")
    for name in ("scans.npz", "palettes"):
        prepared = prepare(open_source(tmp_path / name), DataSettings(), tmp_path / "cache")
        assert recommended(tmp_path / name).channels == prepared.shape.channels == 1


def test_alpha_that_would_be_lost_is_mentioned(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos", "RGBA")
    lost = recommended(folder)
    assert reason(lost, "transparent pixels become white").endswith("--channels 4 keeps it")
    assert f"note: {lost.notes[-1]}" in lost.lines(), "on a line of its own"
    assert lost.to_json()["why"][-1] == lost.notes[-1]
    assert recommended(folder, channels="4").notes == ()


@pytest.mark.parametrize(
    ("count", "channels", "recipe", "grounds"),
    [
        (240, 4, "few", "(docs/results/few-transparent.md)"),
        (240, 2, "few", "nothing was measured on such images with 2 channels"),
        (30, 4, "dcgan", "nothing was measured on such images with 4 channels"),
    ],
)
def test_few_images_with_alpha_are_few_too(
    tmp_path: Path, count: int, channels: int, recipe: str, grounds: str
) -> None:
    data = arrays(tmp_path / "sprites.npy", count, 32, channels)
    settings = DataSettings(channels=str(channels))  # type: ignore[arg-type]
    flags = ["--held-out", "0.1"]  # of 30 images too few to follow overfitting by
    chosen = recommend(inspect(open_source(data), settings, 2, flags=flags))
    assert chosen.recipe == chosen.build().name == recipe
    assert grounds in reason(chosen, recipe)


def test_what_labels_are_for_is_said(tmp_path: Path) -> None:
    photographs(tmp_path / "photos" / "cat")
    photographs(tmp_path / "photos" / "dog", "L")
    rare = recommended(tmp_path / "photos")
    assert "labels serve scores alone, as learning them takes" in reason(rare, "labels")
    pixels = np.random.default_rng(0).integers(0, 256, (2_400, 16, 16), dtype=np.uint8)
    labels = np.array(["cat", "dog"])[np.arange(len(pixels)) % 2]
    for name, count in (("few", 400), ("many", 2_400)):
        np.savez(tmp_path / f"{name}.npz", images=pixels[:count], labels=labels[:count])
    few, many = recommended(tmp_path / "few.npz"), recommended(tmp_path / "many.npz")
    assert (few.recipe, many.recipe) == ("few", "resnet-dcgan-conditional")
    assert "--labels on learns them too" in reason(few, "labels")
    assert "labels suit it" in reason(many, "resnet-dcgan-conditional")


@pytest.mark.parametrize(("data", "things"), [("ring", "points"), ("stacked:fashion", "stacked")])
def test_generated_data_gets_its_own_recipe(data: str, things: str) -> None:
    source = open_source(data)
    recommendation = recommended_generated(data)
    assert recommendation.command.startswith(f"ganvas train {source.recipe} {data}")  # type: ignore[union-attr]
    assert things in reason(recommendation, source.recipe)  # type: ignore[union-attr]


def recommended_generated(data: str) -> Recommendation:
    size = (1, 1) if data == "ring" else (28, 28)
    return recommend(inspect(open_source(data), DataSettings(size=size), 2))


def test_the_error_about_a_recipe_for_points_names_the_recommended_one(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "photos")
    with pytest.raises(DataError, match=f"such as {RECIPE_FOR_IMAGES}"):
        prepare(open_source(folder), DataSettings(size=(1, 1)), tmp_path / "cache")
    assert recommended(folder).recipe == RECIPE_FOR_IMAGES


def test_the_readme_trains_own_images_as_check_recommends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    photographs(folder, count=0)
    for value in range(600):
        Image.new("RGB", (80, 64), (value % 256, value // 256, 0)).save(folder / f"{value}.bmp")
    command = recommended("photos").command
    assert f"ganvas check photos/\n{command}" in README.read_text(encoding="utf-8")
    assert shlex.split(command)[:4] == ["ganvas", "train", "few", "photos/"]


def test_labels_that_training_would_refuse_are_left_to_auto(tmp_path: Path) -> None:
    photographs(tmp_path / "photos" / "cat")
    Image.new("RGB", (40, 40)).save(photographs(tmp_path / "photos" / "dog") / "one.png")
    settings = DataSettings(labels="on")
    source = open_source(tmp_path / "photos")
    recommendation = recommend(inspect(source, settings, 32, flags=("--labels", "on")))
    assert recommendation.flags[recommendation.flags.index("--labels") + 1] == "auto"
    assert recommendation.settings.labels == "auto"
    assert "--labels auto as some labels have too few images" in "; ".join(recommendation.reasons)


def test_labels_that_are_to_be_learned_anyway_stay_so_and_no_reason_says_otherwise(
    tmp_path: Path,
) -> None:
    photographs(tmp_path / "photos" / "cat")
    photographs(tmp_path / "photos" / "dog", count=3)
    settings = DataSettings(labels="on")
    inspection = inspect(open_source(tmp_path / "photos"), settings, 2, flags=("--labels", "on"))
    recommendation = recommend(inspection, keeps_labels=True)
    assert recommendation.flags[recommendation.flags.index("--labels") + 1] == "on"
    assert recommendation.settings.labels == "on"
    reasons = "; ".join(recommendation.reasons)
    assert "--labels auto" not in reasons
    assert "labels serve scores alone" not in reasons
