"""What `inspect` says about a folder with every fault, and about good ones."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data.inspecting import inspect
from ganvas.data.inspection import FEW_IMAGES, Inspection
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.source import Unusable
from ganvas.data.sources import open_source
from ganvas.recipes.recommendation import recommend

from .pictures import bomb_png, encoded, flat, photograph

SETTINGS = DataSettings(size=(32, 32))


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def check(folder: Path | str, settings: DataSettings = SETTINGS, minimum: int = 1) -> Inspection:
    return inspect(open_source(folder), settings, minimum)


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six good images of different kinds, one exact copy of a good one, and every fault."""
    folder = tmp_path / "photos"
    save(photograph(200, 100), folder / "a" / "good.JPG")
    save(flat("L", 3, 100), folder / "a" / "grey.png")
    save(flat("RGBA", (1, 2, 3, 4), 100), folder / "a" / "alpha.png")
    save(flat("CMYK", (9, 9, 9, 9), 100), folder / "b" / "cmyk.jpg")
    save(Image.fromarray(np.full((100, 100), 40000, np.uint16)), folder / "b" / "sixteen.png")
    save(flat("P", 1, 100), folder / "b" / "palette.gif")
    (folder / "b" / "zcopy.jpg").write_bytes((folder / "a" / "good.JPG").read_bytes())
    (folder / "b" / "bomb.png").write_bytes(bomb_png(50_000, 50_000))
    (folder / "b" / "cut.jpg").write_bytes(encoded(photograph(400, 400), "JPEG")[:12_345])
    (folder / "b" / "denied.png").write_bytes(b"anything")
    (folder / "b" / "notes.png").write_bytes(b"not a picture at all")
    (folder / "b" / "pixel.png").write_bytes(encoded(flat("L", 0, 1)))
    (folder / "b" / "zero.webp").write_bytes(b"")
    (folder / "b" / "zero2.webp").write_bytes(b"")
    read_bytes = Path.read_bytes

    def guarded(self: Path) -> bytes:  # tests may run as root, whom no permission stops
        if self.name == "denied.png":
            raise PermissionError(13, "Permission denied")
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    return folder


FAULTS = (
    Unusable(
        "b/bomb.png",
        "2,500 megapixels to decode, at most 90 are allowed; --max-megapixels 2500 allows it",
    ),
    Unusable("b/cut.jpg", "cut after 12 kB"),
    Unusable("b/denied.png", "cannot be read: permission denied"),
    Unusable("b/notes.png", "text, not an image"),
    Unusable("b/pixel.png", "1x1 pixels is too small, at least 8x8"),
    Unusable("b/zero.webp", "zero bytes"),
    Unusable("b/zero2.webp", "zero bytes"),
)


def test_a_folder_with_every_fault_gives_exactly_the_right_list(mixed: Path) -> None:
    inspection = check(mixed, minimum=5)
    assert inspection.unusable == FAULTS
    assert (inspection.total, inspection.usable, inspection.distinct) == (14, 7, 6)
    assert inspection.trainable
    assert inspection.duplicates == (("a/good.JPG", "b/zcopy.jpg"),)
    assert inspection.labels == {"a": 3, "b": 4}
    assert inspection.modes["16-bit grey"] == inspection.modes["CMYK"] == round(1 / 7, 4)
    assert sum(inspection.modes.values()) == pytest.approx(1, abs=1e-3)


def test_preparation_leaves_out_exactly_what_inspection_lists(mixed: Path, tmp_path: Path) -> None:
    prepared = prepare(open_source(mixed), SETTINGS, tmp_path / "cache")
    assert prepared.unusable == FAULTS
    assert prepared.duplicates == 1
    assert prepared.images.shape == (6, 3, 32, 32)
    assert prepared.labels is not None
    assert prepared.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_people_read_what_is_there_and_what_cannot_be_used(mixed: Path) -> None:
    text = "\n".join(check(mixed).lines())
    parts = "5 to train on, 1 held out for scores"
    assert text.startswith(f"photos: 6 images at 64x64: {parts}      median size 100x100, ")
    assert "  7 cannot be used      b/bomb.png: 2,500 megapixels" in text
    assert "and 2 more (--json lists all)" in text
    assert "  1 is an exact copy" in text
    assert "few images: 6 is little for a GAN from scratch" in text
    assert "cropping loses 14 % of the area; --fit pad keeps it" in text


def test_flip_is_proposed_unless_it_was_given_or_something_speaks_against_it(mixed: Path) -> None:
    """The labels of `mixed`, a and b, may be letters."""
    unlabelled = check(mixed, replace(SETTINGS, labels="off"))
    assert "Add --flip where" in "\n".join(unlabelled.lines())
    for settings in (SETTINGS, replace(SETTINGS, labels="off", flip=True)):
        text = "\n".join(check(mixed, settings).lines())
        assert "memorise. Look at ganvas diagnose" in text
        assert "--flip" not in text


def test_json_is_complete_and_serialisable(mixed: Path) -> None:
    report = json.loads(json.dumps(check(mixed).to_json()))
    assert report["usable"] == 7
    assert report["trainable"] is True
    assert report["unusable"] == [problem._asdict() for problem in FAULTS]


def test_too_few_images_will_not_train(tmp_path: Path) -> None:
    for value in range(3):
        save(flat("L", value, 40), tmp_path / "few" / f"{value}.png")
    inspection = check(tmp_path / "few", minimum=4)
    assert inspection.problem == "3 usable images, at least 4 are needed"
    assert not inspection.trainable
    assert inspection.lines()[0].startswith("few: will not train: 3 usable images, at least 4")
    assert not any(line.startswith("next:") for line in inspection.lines())
    assert check(tmp_path / "few", minimum=3).trainable


def test_copies_count_once_unless_kept(tmp_path: Path) -> None:
    for number in range(4):
        save(flat("L", 0, 40), tmp_path / f"{number}.png")
    inspection = check(tmp_path, minimum=2)
    assert (inspection.usable, inspection.distinct, inspection.copies) == (4, 1, 3)
    assert inspection.problem == "1 distinct usable images, at least 2 are needed"
    kept = check(tmp_path, DataSettings(keep_duplicates=True), minimum=2)
    assert (kept.distinct, kept.trainable) == (4, True)


def test_no_usable_image_gives_a_report_without_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    inspection = check(tmp_path)
    assert inspection.sizes is None
    assert inspection.problem == "0 usable images, at least 1 are needed"
    assert inspection.lines()[1] == "  1 cannot be used      a.png: zero bytes"


def test_sizes_are_upright_and_of_the_file_not_of_a_reduced_decoding(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph(1600, 800).save(tmp_path / "a.jpg", exif=exif)
    save(photograph(400, 400), tmp_path / "b.jpg")
    save(photograph(600, 600), tmp_path / "c.jpg")
    sizes = check(tmp_path).sizes
    assert sizes is not None
    assert (sizes.smallest, sizes.median, sizes.largest) == ((400, 400), (600, 600), (800, 1600))
    assert sizes.cropped == 1
    assert sizes.cropped_area == pytest.approx(0.5 / 3, abs=1e-4)


def test_damaged_metadata_neither_warns_nor_counts_against_an_image(tmp_path: Path) -> None:
    cut_exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"
    photograph(64, 64).save(tmp_path / "a.jpg", exif=cut_exif)
    assert check(tmp_path).unusable == ()  # a warning would be an error here


@pytest.mark.parametrize(("side", "expected"), [(20, 32), (32, 32), (63, 32), (64, 64), (999, 64)])
def test_the_suggested_size_avoids_enlarging(tmp_path: Path, side: int, expected: int) -> None:
    save(flat("L", 0, side), tmp_path / "a.png")
    inspection = check(tmp_path)
    assert inspection.suggested_size == expected
    assert any(warning.startswith("small images") for warning in inspection.warnings) is (side < 32)


def test_small_images_are_counted(tmp_path: Path) -> None:
    for name, size in {"small": (20, 90), "flat": (90, 63), "large": (90, 70)}.items():
        photograph(*size).save(tmp_path / f"{name}.jpg")
    inspection = check(tmp_path)
    assert inspection.enlarged == 2
    counted = "small images: 2 of 3 are smaller than 64x64 and will be enlarged"
    assert counted in inspection.lines()
    padded = check(tmp_path, replace(SETTINGS, fit="pad"))
    assert padded.enlarged == 0, "one side is long enough"


@pytest.mark.parametrize(("width", "shown"), [(80, False), (100, True)])
def test_what_keeps_all_of_long_images_is_shown_too(
    tmp_path: Path, width: int, shown: bool
) -> None:
    photograph(width, 64).save(tmp_path / "a.jpg")
    *_, last_but_one, last = recommend(check(tmp_path)).lines()
    command = last.removeprefix("next: ")
    assert (last_but_one == f"cropping loses 36 % of the area; all of it: {command} --fit pad") is (
        shown
    )


def test_images_without_label_among_others_are_warned_about(tmp_path: Path) -> None:
    save(flat("L", 0, 40), tmp_path / "top.png")
    save(flat("L", 1, 40), tmp_path / "cat" / "a.png")
    (warning,) = (text for text in check(tmp_path).warnings if "labels" in text)
    assert warning == (
        "training without labels: folder names are taken as labels only if every image is in such "
        "a folder, and 1 is not. For labels, move those into one"
    )
    assert prepare(open_source(tmp_path), SETTINGS, tmp_path / "cache").labels is None


def test_the_table_that_labels_are_from_is_named(tmp_path: Path) -> None:
    for number in range(3):
        save(flat("L", number, 40), tmp_path / f"{number}.png")
    table = tmp_path / "labels.csv"
    table.write_text("file,label\n0,x\n1,y\n2,y\n7,z\n", encoding="utf-8")
    inspection = check(tmp_path)
    assert inspection.labels == {"x": 1, "y": 2}
    assert inspection.to_json()["label_table"] == "labels.csv"
    (line,) = (line for line in inspection.lines() if "labels are from" in line)
    assert line.endswith("labels.csv; 1 row names no image")


def test_images_that_a_table_has_no_label_of_are_warned_about(tmp_path: Path) -> None:
    for number in range(3):
        save(flat("L", number, 40), tmp_path / f"{number}.png")
    (tmp_path / "labels.csv").write_text("file,label\n0,x\n1,y\n", encoding="utf-8")
    (warning,) = (text for text in check(tmp_path).warnings if "without labels" in text)
    assert warning == (
        "training without labels: 1 of the 3 images has none in labels.csv. For labels, add "
        "rows for those, or move them elsewhere"
    )


def test_a_table_that_is_not_read_is_said_to_be_with_the_reason(tmp_path: Path) -> None:
    save(flat("L", 0, 40), tmp_path / "1.png")
    (tmp_path / "faces.csv").write_text("file,smiling\n1,yes\n", encoding="utf-8")
    assert any(
        warning.startswith("no labels: faces.csv is not read: its columns are file, smiling")
        for warning in check(tmp_path).warnings
    )


def test_arrays_or_columns_that_may_each_hold_the_labels_are_named(tmp_path: Path) -> None:
    rows = np.arange(5 * 64, dtype=np.uint8).reshape(5, 8, 8)
    labels = {"coarse_labels": np.arange(5), "fine_labels": np.arange(5)}
    np.savez(tmp_path / "a.npz", images=rows, **labels)
    (warning,) = (w for w in check(tmp_path / "a.npz").warnings if "no labels" in w)
    assert warning == (
        "no labels: coarse_labels and fine_labels may each hold them, so none is read. Name the "
        "one that is meant `labels`"
    )
    off = replace(SETTINGS, labels="off")
    assert not any("no labels" in warning for warning in check(tmp_path / "a.npz", off).warnings)
    labels["labels"] = labels.pop("fine_labels")
    np.savez(tmp_path / "a.npz", images=rows, **labels)
    assert not any("no labels" in warning for warning in check(tmp_path / "a.npz").warnings)


@pytest.mark.parametrize("name", ["my photos", "it's", "-x", "stacked:x", "fashion"])
def test_the_suggested_command_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    save(flat("L", 0, 40), tmp_path / name / "a.png")
    elsewhere = shlex.split(recommend(check(tmp_path / name)).command)
    monkeypatch.chdir(tmp_path)
    here = shlex.split(recommend(check(tmp_path / name)).command)
    for words in (elsewhere, here):
        assert open_source(words[3]).location == str(tmp_path / name)
        assert not words[3].startswith("-")
        assert words[:3] == ["ganvas", "train", "resnet-dcgan"]
        assert words[4:] == ["--size", "32"]
    assert not Path(here[3]).is_absolute()


def test_given_flags_are_quoted_in_the_suggested_command(tmp_path: Path) -> None:
    save(flat("L", 0, 40), tmp_path / "a.png")
    flags = ["--background", "#aabbcc"]
    inspection = inspect(open_source(tmp_path), SETTINGS, flags=flags)
    assert shlex.split(recommend(inspection).command, comments=True)[6:8] == flags


def test_the_recipe_for_few_images_is_suggested_where_there_are_few(tmp_path: Path) -> None:
    for name, count in (("few", FEW_IMAGES - 1), ("enough", FEW_IMAGES)):
        pixels = np.arange(count * 64, dtype=np.uint32).view(np.uint8).reshape(count, 16, 16)
        np.save(tmp_path / f"{name}.npy", pixels)
        inspection = check(tmp_path / f"{name}.npy")
        warned = any(warning.startswith("few images") for warning in inspection.warnings)
        recommendation = recommend(inspection)
        explained = any(reason.startswith("few as") for reason in recommendation.reasons)
        assert (warned, explained, recommendation.recipe == "few") == (name == "few",) * 3


@pytest.mark.parametrize(
    ("count", "recipe", "flags", "advice"),
    [
        (110, "few", " --held-out 0.2", "11 of 110 would be held out"),
        (195, "few", "", None),
        (70, "resnet-dcgan", "", "too few for scores"),  # 21 of them leave no batch of 62
    ],
)
def test_too_few_held_out_for_scores(
    tmp_path: Path, count: int, recipe: str, flags: str, advice: str | None
) -> None:
    pixels = np.arange(count * 64, dtype=np.uint32).view(np.uint8).reshape(count, 16, 16)
    np.save(tmp_path / "pics.npy", pixels)
    inspection = check(tmp_path / "pics.npy", minimum=62)
    assert recommend(inspection).recipe == recipe
    assert recommend(inspection).command.endswith(f"pics.npy --size 32{flags}")
    lines = [line for line in inspection.lines() if line.startswith("few held-out images")]
    assert len(lines) == (advice is not None)
    assert all(str(advice) in line and "at least 20" in line for line in lines)
    prepared = prepare(open_source(tmp_path / "pics.npy"), SETTINGS, tmp_path / "cache")
    assert inspection.to_json()["held_out"] == len(prepared.held_out)


def test_a_given_held_out_fraction_stays(tmp_path: Path) -> None:
    pixels = np.arange(110 * 64, dtype=np.uint32).view(np.uint8).reshape(110, 16, 16)
    np.save(tmp_path / "pics.npy", pixels)
    settings = DataSettings(size=(32, 32), held_out=0.05)
    inspection = inspect(open_source(tmp_path / "pics.npy"), settings, flags=["--held-out", "0.05"])
    assert recommend(inspection).command.endswith("--held-out 0.05")
    assert recommend(inspection).recipe == "resnet-dcgan"  # few would need more of them
    assert any("Train with --held-out 0.2" in warning for warning in inspection.warnings)


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    for value in range(40):
        save(flat("L", value, 8), tmp_path / f"{value}.png")
    reports: list[tuple[str, int, int]] = []
    inspect(open_source(tmp_path), SETTINGS, on_progress=lambda *report: reports.append(report))
    for stage in ("reading", "decoding"):
        counts = [report[1:] for report in reports if report[0] == stage]
        assert counts == [(16, 40), (32, 40), (40, 40)]


def test_labels_that_cannot_be_scored_are_named(tmp_path: Path) -> None:
    for value in range(20):
        save(flat("L", value, 40), tmp_path / "common" / f"{value}.png")
    for number in range(7):
        save(flat("L", 100 + number, 40), tmp_path / f"rare{number}" / "only.png")
    for name in ("a.png", "copy.png"):
        save(flat("L", 200, 40), tmp_path / "twins" / name)
    inspection = check(tmp_path)
    assert inspection.unscored_labels == (*(f"rare{number}" for number in range(7)), "twins")
    (warning,) = (line for line in inspection.warnings if line.startswith("rare labels: "))
    assert "8 labels cannot be scored" in warning
    assert "rare0, rare1, rare2, rare3, rare4 and 3 more (--json lists all)" in warning
    assert warning.endswith("The metric modes cannot be measured: it needs two")
    save(flat("L", 250, 40), tmp_path / "rare0" / "another.png")
    assert any(line.endswith("counts over the other labels") for line in check(tmp_path).warnings)
    assert inspection.to_json()["unscored_labels"] == list(inspection.unscored_labels)


def test_a_label_of_copies_of_other_images_cannot_be_scored(tmp_path: Path) -> None:
    for value in range(40):
        save(flat("L", value, 40), tmp_path / str(value // 20) / f"{value}.png")
    for value in (0, 1):
        save(flat("L", value, 40), tmp_path / "copies" / f"{value}.png")
    inspection = check(tmp_path)
    assert inspection.labels == {"0": 20, "1": 20, "copies": 2}
    assert inspection.unscored_labels == ("copies",)


def test_the_labels_of_two_images_can_be_scored(tmp_path: Path) -> None:
    for value in range(40):
        save(flat("L", value, 40), tmp_path / str(value // 2) / f"{value}.png")
    inspection = check(tmp_path)
    assert inspection.held_out == 4
    assert inspection.unscored_labels == ()
    assert not any("rare labels" in line for line in inspection.lines())
