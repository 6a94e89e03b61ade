"""`ganvas directions`, `mix` and `film`, as a user types them, and what they refuse."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas as library
from ganvas.drawing.captions import LINE, with_margins
from ganvas.drawing.samples import picture_of
from ganvas.networks import POINT, ImageShape
from ganvas.runs import Run

from ..builders import run_files
from ..builders.generator_folders import LABELS, write_generator
from ..builders.styles import toy_generator
from ..builders.tiny import tiny_recipe
from ..extras import require_extra
from .conftest import Ganvas, refused


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    """A generator/ folder of 6 latents, without its run."""
    write_generator(tmp_path / "generator")
    return tmp_path / "generator"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """One that takes three labels."""
    write_generator(tmp_path / "labelled", labels=LABELS)
    return tmp_path / "labelled"


@pytest.fixture
def styles(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A style generator, loaded from any path."""
    monkeypatch.setattr("ganvas.generators.files.load", lambda *arguments: toy_generator())
    return Path("styles")


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_strip_for_each_direction_and_a_file_of_vectors(generator: Path, ganvas: Ganvas) -> None:
    result = ganvas("directions", generator, "-n", 3)
    assert result.code == 0, result.err
    assert "3 of 6 directions by sefa, which move latents" in result.out
    assert result.out.count("% of the variance") == 3
    assert f"ganvas directions {generator} --apply 0:+2" in result.out
    trained = library.load(generator)
    found = trained.read_directions(generator / "directions.npz")
    assert found.names == ("sefa 0", "sefa 1", "sefa 2")

    picture = read(generator / "directions.png")
    grid = picture[LINE:, -4 * (7 * 18 + 2) :]  # 16 pixels and a gap of 2, enlarged by 4
    assert grid.shape == (4 * (3 * 18 + 2), 4 * (7 * 18 + 2))
    strips = trained.strips(found)
    for row, column in ((0, 0), (1, 3), (2, 6)):
        top, left = 4 * (2 + 18 * row), 4 * (2 + 18 * column)
        shown = grid[top : top + 64 : 4, left : left + 64 : 4]
        assert np.array_equal(shown, strips[row, column, :, :, 0])


def test_moved_images_stand_below_the_images(generator: Path, ganvas: Ganvas) -> None:
    result = ganvas("directions", generator, "--method", "ganspace", "--apply", "1:+2,0:-0.5")
    assert result.code == 0, result.err
    trained = library.load(generator)
    picture = read(generator / "moved-0.png")[::4, ::4]  # enlarged by 4
    moved = trained.move(trained.directions("ganspace"), {1: 2.0, 0: -0.5}, 8)
    for column in (0, 7):
        left = 2 + 18 * column
        shown = picture[2:18, left : left + 16], picture[20:36, left : left + 16]
        assert np.array_equal(shown[0], trained.sample(8)[column, :, :, 0])
        assert np.array_equal(shown[1], moved[column, :, :, 0])
    assert not (generator / "directions.npz").exists()


def test_moved_latents_go_on_to_other_commands(
    generator: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    first, moved = tmp_path / "first.npz", tmp_path / "moved.npz"
    assert ganvas("sample", generator, "-n", 3, "--out", first).code == 0
    apply = ("--apply", "1:+2", "--latents", first)
    result = ganvas("directions", generator, *apply, "--out", moved)
    assert result.out == f"3 latents, moved by 1:+2: {moved}\n", result.err
    trained = library.load(generator)
    found = trained.directions()
    expected = trained.latents(3) + 2 * found.vectors[1]
    assert trained.read_latents(moved).values.numpy() == pytest.approx(expected.numpy())
    assert ganvas("interpolate", generator, "--latents", moved, "--steps", 2).code == 0
    pictured = ganvas("directions", generator, *apply, "--out", tmp_path / "moved.png")
    assert pictured.out.startswith("3 images, and below them the same moved by 1:+2")


def test_directions_between_labels(labelled: Path, ganvas: Ganvas) -> None:
    result = ganvas("directions", labelled, "--method", "labels", "--label", "dog")
    assert result.code == 0, result.err
    assert "2 of 2 directions by labels, which move labels" in result.out
    assert "dog to cat" in result.out
    assert f"ganvas directions {labelled} --method labels --label=dog --apply 0:+2" in result.out
    trained = library.load(labelled)
    strips = trained.strips(trained.directions("labels", "dog"), label="dog")
    grid = picture_of(strips.reshape(-1, *strips.shape[2:]), None, columns=7)
    rows, columns = (
        ["0  dog to cat", "1  dog to bird <b>"],
        ["-3", "-2", "-1", "0", "+1", "+2", "+3"],
    )
    assert np.array_equal(read(labelled / "directions.png"), with_margins(grid, rows, columns))
    cat = trained.sample(1, labels="cat")[0].astype(int)
    assert np.abs(strips[0, -1] - cat).max() <= 1, "three steps lead to a cat"
    assert ganvas("directions", labelled, "--label", "cat", "-n", 2).code == 0


def test_a_trained_run_and_an_oblong_colour_generator(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    budget = ("--images", 96, "--intervals.samples", 32)
    assert ganvas("train", small, images, *budget, "--out", run).code == 0
    result = ganvas("directions", run, "--checkpoint", "96")
    assert result.out.endswith(f"ganvas directions {run} --checkpoint 96 --apply 0:+2\n")
    images.unlink()  # no training data is needed
    filmed = ganvas("film", run, "--captions")
    assert filmed.code == 0, filmed.err
    assert filmed.out == f"4 grids in 3.5 seconds: {run / 'training.gif'}\n"
    with Image.open(run / "training.gif") as film:
        assert film.n_frames == 4  # type: ignore[attr-defined]
    copied = tmp_path / "copied"
    shutil.copytree(run / "generator", copied)
    assert ganvas("directions", copied, "--out", tmp_path / "new" / "copied.png").code == 0
    assert (tmp_path / "new" / "copied.npz").read_bytes() == (run / "directions.npz").read_bytes()
    write_generator(tmp_path / "oblong", "resnet", ImageShape(4, 16, 24))
    assert ganvas("directions", tmp_path / "oblong", "-n", 1).code == 0


def test_styles_are_mixed_with_the_sources_at_the_margins(
    styles: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    out = tmp_path / "mixing.png"
    result = ganvas("mix", styles, "--rows", 2, "--columns", 3, "--layers", "0-1", "--out", out)
    assert result.code == 0, result.err
    assert result.out == f"2 x 3 mixtures: {out}\n"
    trained = toy_generator()
    picture = read(out)[::4, ::4]
    assert picture.shape == (3 * 18 + 2, 4 * 18 + 2)

    def shown(row: int, column: int) -> np.ndarray:
        return picture[2 + 18 * row : 18 + 18 * row, 2 + 18 * column : 18 + 18 * column]

    sources = trained.sample(5)[..., 0]
    mixed = trained.mix(2, 3, [0, 1])[..., 0]
    assert (shown(0, 0) == 255).all()
    assert np.array_equal(shown(2, 0), sources[1])
    assert np.array_equal(shown(0, 3), sources[4])
    assert np.array_equal(shown(2, 3), mixed[1, 2])
    moved = ganvas("directions", styles, "--layers", "0,2-3", "--out", tmp_path / "strips.png")
    assert moved.code == 0, moved.err
    assert "which move styles" in moved.out


def test_mixing_says_how_far_it_is(
    styles: Path, tmp_path: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.progress.SECONDS_BETWEEN_LINES", 0.0)
    result = ganvas("mix", styles, "--rows", 2, "--columns", 3, "--out", tmp_path / "mixing.png")
    assert "mixing: 6/6" in result.err


def test_a_style_generator_is_mixed_and_moved_layer_by_layer(
    tmp_path: Path, ganvas: Ganvas
) -> None:
    folder = tmp_path / "style"
    write_generator(folder, "style", labels=LABELS)
    assert ganvas("mix", folder, "--rows", 1, "--columns", 2, "--label", "cat").code == 0
    for method in ("sefa", "ganspace", "labels"):
        result = ganvas("directions", folder, "--method", method, "-n", 2, "--layers", "0-1")
        assert result.code == 0, result.err
        assert "which move styles" in result.out


def test_interpolations_are_films_of_any_kind(generator: Path, ganvas: Ganvas) -> None:
    require_extra("video")
    import av

    for suffix in ("webp", "mp4"):
        out = generator / f"walk.{suffix}"
        assert ganvas("interpolate", generator, "-n", 2, "--steps", 3, "--out", out).code == 0
    with Image.open(generator / "walk.webp") as film:
        assert (film.n_frames, film.size) == (6, (128, 128))  # type: ignore[attr-defined]
    with av.open(generator / "walk.mp4") as film:
        assert len(list(film.decode(video=0))) == 6


def test_directions_never_take_the_place_of_latents(
    generator: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    latents = tmp_path / "mine.npz"
    assert ganvas("sample", generator, "-n", 2, "--out", latents).code == 0
    before = latents.read_bytes()
    refused(
        ganvas("directions", generator, "--out", tmp_path / "mine.png"),
        "mine.npz would be replaced",
        "Give the picture (--out) another name",
    )
    assert latents.read_bytes() == before
    for _ in range(2):  # directions may be found again
        assert ganvas("directions", generator, "--out", tmp_path / "found.png").code == 0


def test_help_says_what_labels_and_onnx_files_need(ganvas: Ganvas) -> None:
    text = " ".join(ganvas("directions", "--help").out.replace("│", " ").split())
    assert "of a generator that takes labels (train --labels on)" in text
    assert "with --method labels also an exported model.onnx" in text


def test_directions_that_cannot_be_are_refused_and_leave_nothing(
    generator: Path, labelled: Path, tmp_path: Path, ganvas: Ganvas
) -> None:
    before = sorted(tmp_path.rglob("*"))
    refused(ganvas("directions", generator, "-n", 0), "-n must be at least 1")
    refused(
        ganvas("directions", generator, "-n", 7), "-n: expected 1 to 6, the directions there are"
    )
    refused(ganvas("directions", generator, "--apply", "6:+1"), "no direction 6", "0 to 5")
    for text in ("3", "x:1", "3:", "3:+inf", "-1:2", "0:1,,", "3:2:1", "²:1"):
        refused(ganvas("directions", generator, f"--apply={text}"), "expected NUMBER:STEPS")
    refused(ganvas("directions", generator, "--apply", "0:1,0:2"), "direction 0 is named twice")
    refused(ganvas("directions", generator, "--layers", "0-3"), "this generator has none")
    refused(ganvas("directions", generator, "--layers", "3-0"), "numbers or ranges from 0 on")
    refused(ganvas("directions", generator, "--method", "labels"), "takes no labels")
    refused(ganvas("directions", generator, "--method", "pca"), "sefa")
    refused(ganvas("directions", generator, "--label", "cat"), "takes no labels")
    refused(ganvas("directions", labelled, "--label", "cow"), "is no label of this run")
    refused(ganvas("directions", generator, "--out", generator / "a.gif"), "expected a .png")
    latents = ("--latents", "a.npz")
    refused(ganvas("directions", generator, *latents), "a.npz is for --apply")
    for flag in ("-n", "--label", "--seed"):
        both = ganvas("directions", generator, *latents, "--apply", "0:1", flag, 2)
        refused(both, "leave out -n, --label and --seed")
    refused(ganvas("directions", generator, *latents, "--apply", "0:1"), "a.npz: no such file")
    moved = ("--method", "labels", "--apply", "0:1", "--out", tmp_path / "moved.npz")
    refused(ganvas("directions", labelled, *moved), "no file holds mixtures of labels")
    refused(ganvas("directions", tmp_path / "a.onnx"), "holds no weights", "exported from")
    refused(ganvas("directions", tmp_path / "absent"), "absent")
    write_generator(tmp_path / "points", "mlp", ImageShape(2, *POINT))
    refused(ganvas("directions", tmp_path / "points"), "generates points", "ganvas sample")
    shutil.rmtree(tmp_path / "points")
    assert sorted(tmp_path.rglob("*")) == before


def test_too_many_images_are_refused_before_latents_are_drawn(
    generator: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        library.TrainedGenerator, "sample_latents", lambda *given: pytest.fail("latents are drawn")
    )
    refused(ganvas("directions", generator, "--apply", "0:1", "-n", 999_999), "too many for one")


def test_mixtures_that_cannot_be(generator: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    refused(ganvas("mix", generator), "no styles that could be mixed", "ganvas interpolate")
    refused(ganvas("mix", generator, "--rows", 0), "must be at least 1")
    refused(ganvas("mix", generator, "--layers", "coarse"), "such as 0-3")
    refused(ganvas("mix", generator, "--out", "a.gif"), "expected a .png")
    refused(ganvas("mix", generator, "--rows", 99999), "too many for one picture")
    write_generator(tmp_path / "points", "mlp", ImageShape(2, *POINT))
    refused(ganvas("mix", tmp_path / "points"), "no styles that could be mixed")


def test_layers_that_are_not_there(styles: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    out = ("--out", tmp_path / "out.png")
    for command in ("mix", "directions"):
        refused(ganvas(command, styles, "--layers", "2-4", *out), "no layer 4", "layers 0 to 3")
    assert list(tmp_path.iterdir()) == []


def test_films_that_cannot_be(generator: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    Run.create(tmp_path / "run", tiny_recipe(), run_files.environment(), run_files.data())
    refused(ganvas("film", tmp_path / "run"), "has no grids in samples/", "--intervals.samples")
    refused(ganvas("film", tmp_path / "run", "--out", "a.avi"), "a .gif, .webp or .mp4")
    refused(ganvas("film", tmp_path / "run", "--fps", 0), "--fps must be 1 to 50")
    for place in (generator, tmp_path / "model.onnx", "hf:you/model"):
        alone = f"{place} holds a generator alone. This film needs the grids of samples that a run"
        refused(ganvas("film", place), alone, f"ganvas interpolate {place}")
    refused(ganvas("film", tmp_path / "nowhere"), "is not a run")
