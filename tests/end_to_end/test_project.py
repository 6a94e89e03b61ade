"""`ganvas project`: from picture files to latents that every other command takes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas as library
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings, TrainingData
from ganvas.data.sources import open_source
from ganvas.errors import DataError
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents import projection
from ganvas.networks import ImageShape

from ..builders.generator_folders import LABELS, write_generator
from ..extras import require_extra
from .conftest import Ganvas, refused

QUICK = ("--distance", "pixels", "--steps", 6, "--starts", 2)
"""Cheap, and without the extra `features`."""
ALONE = (*QUICK, "--reference", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A generator/ folder of grey images."""
    write_generator(tmp_path / "generator")
    return tmp_path / "generator"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures of other sizes and modes than the generator's."""
    random = np.random.default_rng(0)
    path = tmp_path / "pictures"
    (path / "more").mkdir(parents=True)
    colour = random.integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(colour).save(path / "me.jpg")
    Image.fromarray(colour[:20, :20]).convert("RGBA").save(path / "me.png")
    Image.fromarray(colour[..., 0]).save(path / "more" / "you.png")
    return path


def results_in(out: Path) -> dict[str, object]:
    table: dict[str, object] = json.loads((out / "results.json").read_text())
    return table


class TestResults:
    def test_pictures_become_latents_that_other_commands_take(
        self, folder: Path, pictures: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        result = ganvas("project", folder, pictures, *ALONE)
        assert result.code == 0, result.err
        out = folder / "projections" / "1"
        names = ["me.jpg", "me.png", "more/you.png"]
        written = {path.name for path in out.iterdir()}
        stems = ("me", "me-2", "you")
        films = {f"{stem}.{kind}" for stem in stems for kind in ("png", "gif")}
        assert written == {"latents.npz", "results.json", *films}
        with np.load(out / "latents.npz") as file:
            assert file["names"].tolist() == names
        described = results_in(out)["pictures"]
        assert isinstance(described, list)
        assert [picture["picture"] for picture in described] == names
        for picture in described:
            assert picture["picture"] in result.out
            assert picture["distance"] == picture["pixels"] > 0
        with Image.open(out / "me.gif") as film, Image.open(out / "me.png") as pair:
            assert film.size == pair.size == (4 * (2 * 16 + 6), 4 * (16 + 4))  # four times, gaps
            shown = np.asarray(pair.convert("L"))[8 : 8 + 64 : 4, 4 * 20 : 4 * 36 : 4]
        samples = tmp_path / "samples.npz"
        given = ("--latents", out / "latents.npz")
        assert ganvas("sample", folder, *given, "--out", samples).code == 0
        assert ganvas("interpolate", folder, *given).code == 0
        assert (folder / "interpolation-of-latents.gif").exists()
        with np.load(samples) as file:
            image = file["images"][0, ..., 0]
        assert np.array_equal(shown, image)

    def test_the_next_projection_has_the_next_folder(
        self, folder: Path, pictures: Path, ganvas: Ganvas
    ) -> None:
        for number in (1, 2):
            result = ganvas("project", folder, pictures / "me.jpg", *ALONE)
            assert str(folder / "projections" / str(number)) in result.out

    def test_a_label_is_that_of_all_pictures(
        self, tmp_path: Path, pictures: Path, ganvas: Ganvas
    ) -> None:
        write_generator(tmp_path / "labelled", labels=LABELS)
        out = tmp_path / "out"
        command = ("project", tmp_path / "labelled", pictures, *ALONE, "--out", out)
        result = ganvas(*command, "--label", "dog")
        assert (result.code, "dog" in result.out) == (0, True)
        described = results_in(out)["pictures"]
        assert isinstance(described, list)
        assert {picture["label"] for picture in described} == {"dog"}
        refused(ganvas(*command, "--label", "dg"), "'dg' is no label", "not empty")

    def test_pictures_are_brought_to_what_training_images_are(
        self, folder: Path, pictures: Path
    ) -> None:
        settings = DataSettings(
            size=(16, 16), channels="1", fit="pad", background="black", pixel_range="20:200"
        )
        data = TrainingData("photos", settings)
        generator = dataclasses.replace(library.load(folder), data=data)
        prepared = prepare(open_source(pictures), settings)
        expected = prepared.images.transpose(0, 2, 3, 1)
        assert np.array_equal(generator.read_pictures(pictures), expected)
        one_by_one = [pictures / "me.jpg", pictures / "me.png", pictures / "more"]
        assert np.array_equal(generator.read_pictures(*one_by_one), expected)
        with pytest.raises(DataError, match="no such file"):
            generator.read_pictures(pictures / "gone.jpg")


class TestHeldOutImages:
    def test_they_tell_how_near_pictures_come_and_are_projected_once(
        self,
        tmp_path: Path,
        small: Path,
        images: Path,
        pictures: Path,
        ganvas: Ganvas,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run = tmp_path / "run"
        assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
        command = ("project", run, pictures / "me.jpg", *QUICK, "--reference", 5)
        monkeypatch.setattr(projection.Projector, "estimate", lambda _, those: 10.0 * len(those))
        result = ganvas(*command)
        assert result.code == 0, result.err
        work = "about 60 s for 1 picture and, this first time, 5 held-out images\n"
        assert result.err.startswith(work)
        assert "of 5" in result.out
        assert "held-out images, median" in result.out
        latents = run / "projections" / "1" / "latents.npz"
        assert result.out.endswith(f"next: ganvas sample {run} --latents {latents}\n")
        first = results_in(run / "projections" / "1")
        held_out, (picture,) = first["held_out"], first["pictures"]  # type: ignore[misc]
        assert isinstance(held_out, dict)
        distances = held_out["distances"]["distance"]
        assert len(distances) == 5
        farther = sum(distance > picture["distance"] for distance in distances)
        assert picture["closer_than"] == farther / 5
        monkeypatch.setattr(
            "ganvas.projections.held_out.joined", lambda parts: pytest.fail("projected again")
        )
        again = ganvas(*command)
        assert again.code == 0
        assert again.err.startswith("about 10 s for 1 picture\n")
        assert results_in(run / "projections" / "2")["held_out"] == held_out
        too_many = (*command[:-1], 100_000, "--out", tmp_path / "no")
        refused(ganvas(*too_many), "--reference: expected 0 to 20, the held-out images of images")
        assert not (tmp_path / "no").exists()
        copied = ganvas("project", run / "generator", pictures / "me.jpg", *QUICK)
        assert copied.code == 0
        assert "not compared with held-out images" in copied.err
        earlier = ganvas("project", run, pictures / "me.jpg", *ALONE, "--checkpoint", "32")
        latents = run / "projections" / "3" / "latents.npz"
        assert earlier.out.endswith(f"ganvas sample {run} --checkpoint 32 --latents {latents}\n")
        with_data = ("--reference", 5, "--data", images, "--out", tmp_path / "out")
        assert (
            ganvas("project", run / "generator", pictures / "me.jpg", *QUICK, *with_data).code == 0
        )
        assert results_in(tmp_path / "out")["held_out"] == held_out


class TestInterruption:
    @pytest.fixture(autouse=True)
    def one_picture_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(projection, "ROWS", 2)

    @pytest.fixture
    def interrupt_at(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Interrupt before the picture of this number, counted from 0, gets its first step."""

        def arrange(number: int) -> None:
            original = projection.Projector.search
            counted = iter(range(number + 1))

            def search(projector: projection.Projector, *described: object) -> object:
                if next(counted) == number:
                    raise KeyboardInterrupt
                return original(projector, *described)  # type: ignore[arg-type]

            monkeypatch.setattr(projection.Projector, "search", search)

        return arrange

    def test_what_is_done_is_written(
        self,
        folder: Path,
        pictures: Path,
        tmp_path: Path,
        ganvas: Ganvas,
        interrupt_at: Callable[[int], None],
    ) -> None:
        interrupt_at(2)
        result = ganvas("project", folder, pictures, *ALONE, "--out", tmp_path / "out")
        assert result.code == 130
        assert "projected 2 of 3 pictures, in" in result.err
        described = results_in(tmp_path / "out")["pictures"]
        assert isinstance(described, list)
        assert len(described) == 2

    def test_nothing_is_written_where_nothing_is_done(
        self,
        folder: Path,
        pictures: Path,
        tmp_path: Path,
        ganvas: Ganvas,
        interrupt_at: Callable[[int], None],
    ) -> None:
        interrupt_at(0)
        result = ganvas("project", folder, pictures, *ALONE, "--out", tmp_path / "out")
        assert result.code == 130
        assert not (tmp_path / "out").exists()


class TestRefusals:
    def test_all_problems_are_told_at_once_before_any_work(
        self, folder: Path, pictures: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        (pictures / "cut.jpg").write_bytes((pictures / "me.jpg").read_bytes()[:500])
        (pictures / "empty.png").touch()
        result = ganvas(
            *("project", folder, pictures, tmp_path / "gone.jpg", "--out", tmp_path / "full"),
            *("--steps", 0, "--starts", 0, "--space", "w", "--reference", -1, "--label", "cat"),
        )
        refused(
            result,
            "9 problems",
            "full is not empty",
            "cut.jpg: cut after 500 bytes",
            "empty.png: zero bytes",
            "gone.jpg: no such file or folder\n",
            "--steps: expected at least 1",
            "--starts: expected 1 to 64",
            "no style space",
            "--reference must be at least 0",
            "takes no labels",
        )
        assert not (folder / "projections").exists()

    def test_pictures_are_never_told_to_take_flags_of_training(
        self, folder: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        Image.fromarray(np.diag(np.full(8, 3.0, np.float32))).save(tmp_path / "depth.tif")
        Image.new("1", (10_000, 10_000)).save(tmp_path / "huge.png")
        result = ganvas("project", folder, tmp_path / "depth.tif", tmp_path / "huge.png")
        convert = "Leave it out, or convert it, such as to a small PNG of 8 bits\n"
        refused(
            result,
            f"depth.tif: floating-point pixels have no agreed range (here 0 to 3). {convert}",
            f"huge.png: 100 megapixels to decode, at most 90 are allowed. {convert}",
        )
        assert "--" not in result.err

    def test_a_folder_without_pictures_is_refused(
        self, folder: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        refused(ganvas("project", folder), "no pictures given")
        (tmp_path / "nothing").mkdir()
        refused(ganvas("project", folder, tmp_path / "nothing"), "holds no images")

    def test_no_run_and_no_generator_yet(
        self, pictures: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        refused(ganvas("project", tmp_path / "gone", pictures), "is not a run")

    def test_other_data_of_a_generator_that_does_not_know_how_to_prepare_them(
        self, folder: Path, pictures: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        out = tmp_path / "out"
        gone = ganvas("project", folder, pictures, "--data", tmp_path / "gone", "--out", out)
        refused(gone, "does not know how its images were prepared")
        assert not out.exists()

    def test_generators_of_points_and_onnx_files_are_refused(
        self, pictures: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        write_generator(tmp_path / "points", "mlp", ImageShape(2, 1, 1))
        refused(ganvas("project", tmp_path / "points", pictures), "makes points")
        refused(ganvas("project", tmp_path / "a.onnx", pictures), "no gradient passes through")

    def test_features_that_are_not_installed(
        self, folder: Path, pictures: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ganvas.latents.distances.MODULES", ("no_such_module",))
        result = ganvas("project", folder, pictures, "--distance", "features")
        refused(result, "ganvas[features]", "The distance pixels needs no network")
        quick = ("--steps", 2, "--starts", 1, "--reference", 0)
        assert ganvas("project", folder, pictures, *quick).code == 0

    def test_latents_of_another_generator_are_refused_by_every_command(
        self, folder: Path, tmp_path: Path, ganvas: Ganvas
    ) -> None:
        other = write_generator(tmp_path / "other", seed=1)
        path = tmp_path / "latents.npz"
        write_two(other, path)
        for command in ("sample", "interpolate"):
            refused(ganvas(command, folder, "--latents", path), "latents of another generator")
            seeded = ganvas(command, folder, "--latents", path, "--seed", 0)
            refused(seeded, "leave out -n, --label, --seed")
            both = ganvas(command, tmp_path / "other", "--latents", path, "-n", 3)
            refused(both, "leave out -n, --label")
        with np.load(path) as file:
            np.savez(path, latents=file["latents"][:1])
        refused(ganvas("interpolate", folder, "--latents", path), "a walk needs at least 2")


def write_two(generator: TrainedGenerator, path: Path) -> None:
    """Two latents of a generator."""
    generator.write_latents(path, next(generator.input_batches(2)))


def test_features_are_used_where_they_are_installed(
    folder: Path, pictures: Path, ganvas: Ganvas
) -> None:
    require_extra("features")
    quick = ("--steps", 2, "--starts", 1, "--reference", 0)
    assert ganvas("project", folder, pictures / "me.jpg", *quick).code == 0
    (described,) = results_in(folder / "projections" / "1")["pictures"]  # type: ignore[misc]
    assert described["distance"] == pytest.approx(described["pixels"] + described["features"])
