"""Latents in files: what is written is read back, and what is of another generator is refused."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.errors import GanvasError
from ganvas.generators.files import load
from ganvas.generators.sample_files import SampleRequest, write_npz
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.latents import Latents
from ganvas.networks import ImageShape
from tests.builders.generator_folders import LABELS as FOLDER_LABELS
from tests.builders.generator_folders import write_generator
from tests.builders.generators import LABELS, LATENT_DIM, small_generator
from tests.builders.linear_generators import LinearStyleGenerator
from tests.extras import require_extra


def ignore(done: int, total: int) -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "latents.npz"


@pytest.fixture
def styled() -> TrainedGenerator:
    return TrainedGenerator(LinearStyleGenerator(8, 6, 3), ImageShape(1, 8, 8), 8, images_seen=64)


def save(path: Path, arrays: Mapping[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


class TestRoundTrip:
    def test_latents_labels_and_names_are_read_back(self, path: Path) -> None:
        generator = small_generator(labelled=True)
        latents = Latents(generator.latents(3), torch.tensor([2, 0, 2]))
        generator.write_latents(path, latents, ["a.jpg", "b.jpg", "c/d.jpg"])
        read = generator.read_latents(path)
        assert torch.equal(read.values, latents.values)
        assert read.labels is not None
        assert read.labels.tolist() == [2, 0, 2]
        with np.load(path) as file:  # readable without ganvas
            assert file["labels"].tolist() == ["blue", "red", "blue"]
            assert file["names"].tolist() == ["a.jpg", "b.jpg", "c/d.jpg"]
            assert str(file["generator"]) == generator.identity

    def test_styles_are_read_back(self, path: Path, styled: TrainedGenerator) -> None:
        styles = Latents(torch.randn(2, 3, 6), space="w")
        styled.write_latents(path, styles)
        read = styled.read_latents(path)
        assert (read.space, read.labels) == ("w", None)
        assert torch.equal(read.values, styles.values)
        assert np.array_equal(styled.generate(read), styled.generate(styles))

    @pytest.mark.parametrize("labelled", [False, True])
    def test_an_npz_of_samples_is_read(self, path: Path, labelled: bool) -> None:
        generator = small_generator(labelled=labelled)
        write_npz(path, SampleRequest(generator, 5, 3), ignore)
        read = generator.read_latents(path)
        assert np.array_equal(generator.generate(read), generator.sample(5, 3))

    def test_samples_of_given_latents_are_written_with_them(
        self, path: Path, styled: TrainedGenerator
    ) -> None:
        styles = Latents(torch.randn(2, 3, 6), space="w")
        write_npz(path, SampleRequest(styled, 2, latents=styles), ignore)
        with np.load(path) as file:
            assert sorted(file) == ["generator", "images", "images_seen", "styles"]
            assert np.array_equal(file["images"], styled.generate(styles))
        assert torch.equal(styled.read_latents(path).values, styles.values)

    def test_a_file_of_former_versions_has_no_identity_and_is_read(self, path: Path) -> None:
        generator = small_generator()
        latents = generator.latents(2).numpy()
        save(path, {"latents": latents, "images": np.zeros((2, 16, 16, 1), np.uint8)})
        assert np.array_equal(generator.read_latents(path).values, latents)

    def test_labels_may_be_numbers_and_latents_of_float64(self, path: Path) -> None:
        save(path, {"latents": np.zeros((2, LATENT_DIM)), "labels": np.array([1, 0])})
        read = small_generator(labelled=True).read_latents(path)
        assert read.labels is not None
        assert (read.values.dtype, read.labels.tolist()) == (torch.float32, [1, 0])


class TestIdentity:
    def test_a_copy_is_the_same_generator_and_other_weights_are_another(
        self, tmp_path: Path
    ) -> None:
        generator = write_generator(tmp_path / "generator")
        shutil.copytree(tmp_path / "generator", tmp_path / "copy")
        assert load(tmp_path / "copy").identity == generator.identity
        other = write_generator(tmp_path / "other", seed=1)
        assert other.identity != generator.identity

    @pytest.mark.usefixtures("known_operators")
    def test_an_onnx_file_is_that_of_its_export(self, tmp_path: Path, path: Path) -> None:
        require_extra("onnx")
        from ganvas.exports.onnx_file import onnx_bytes

        generator = write_generator(tmp_path / "generator", labels=FOLDER_LABELS)
        for weights in ("float32", "float16"):
            exported = tmp_path / f"{weights}.onnx"
            exported.write_bytes(onnx_bytes(generator, weights))  # type: ignore[arg-type]
            assert load(exported).identity == generator.identity
        write_npz(path, SampleRequest(load(exported), 2), ignore)
        assert len(generator.read_latents(path)) == 2


class TestRefusals:
    @pytest.fixture
    def generator(self) -> TrainedGenerator:
        return small_generator(labelled=True)

    def refused(self, generator: TrainedGenerator, path: Path, message: str) -> None:
        with pytest.raises(GanvasError, match=message) as refusal:
            generator.read_latents(path)
        assert "\n" not in str(refusal.value)
        assert path.name in str(refusal.value)

    def test_what_is_no_npz(self, generator: TrainedGenerator, path: Path) -> None:
        self.refused(generator, path, "no such file")
        path.write_bytes(b"no archive")
        self.refused(generator, path, "is no .npz of latents")
        path.write_bytes(b"")
        self.refused(generator, path, "is no .npz of latents")
        self.refused(generator, path.parent, "is a folder")
        np.save(path.with_suffix(".npy"), np.zeros(3))
        self.refused(generator, path.with_suffix(".npy"), "is one array")
        np.savez(path, latents=np.array([{}], dtype=object), allow_pickle=True)
        self.refused(generator, path, "is no .npz of latents")

    def test_what_does_not_fit(self, generator: TrainedGenerator, path: Path) -> None:
        labels = np.array(["red", "red"])
        latents = np.zeros((2, LATENT_DIM), np.float32)
        for arrays, message in (
            ({"faces": latents}, r"holds no latents: expected an array latents \(N, 8\).*faces"),
            ({"latents": latents[:, :3], "labels": labels}, r"shape \(N, 8\).*got \(2, 3\)"),
            ({"latents": latents[:0], "labels": labels[:0]}, r"got \(0, 8\)"),
            ({"latents": latents + np.nan, "labels": labels}, "expected finite numbers"),
            ({"latents": latents.astype(str), "labels": labels}, "expected finite numbers"),
            ({"latents": np.full((2, LATENT_DIM), 1e39), "labels": labels}, "of float32"),
            ({"latents": latents}, "holds no labels, and this generator takes them"),
            ({"latents": latents, "labels": labels[:1]}, r"labels of shape \(2,\)"),
            ({"latents": latents, "labels": np.array(["red", "bleu"])}, "Did you mean blue"),
            ({"latents": latents, "labels": np.array([0, 3])}, "Numbers go from 0 to 2"),
            ({"styles": np.zeros((2, 3, 6))}, "no style space"),
        ):
            self.refused(generator, save(path, arrays), message)
        labelled = save(path, {"latents": latents, "labels": labels})
        self.refused(small_generator(), labelled, "holds labels, and this generator takes none")

    def test_latents_of_another_generator(self, generator: TrainedGenerator, path: Path) -> None:
        latents = Latents(generator.latents(2), torch.tensor([0, 1]))
        other = dataclasses.replace(generator, exported_from="another")
        other.write_latents(path, latents)
        self.refused(generator, path, "of another generator, at 64 images seen.*Name the run")
        dataclasses.replace(other, images_seen=32).write_latents(path, latents)
        self.refused(generator, path, "at 32 images seen; this one is at 64.*--checkpoint 32")
        for seen in (np.array("many"), np.array([32, 32])):
            damaged = save(
                path, {"latents": latents.values, "generator": "another", "images_seen": seen}
            )
            self.refused(generator, damaged, "is damaged: expected one whole number as images_seen")

    def test_another_number_of_styles(self, styled: TrainedGenerator, path: Path) -> None:
        save(path, {"styles": np.zeros((2, 4, 6))})
        self.refused(styled, path, r"styles of shape \(N, 3, 6\)")


def test_a_walk_goes_through_given_latents() -> None:
    generator = small_generator(labelled=True)
    latents = Latents(generator.latents(3, seed=5), torch.tensor([0, 1, 1]))
    walk = generator.interpolate_latents(latents, steps=4)
    assert np.array_equal(walk[::4], generator.generate(latents))
    assert np.array_equal(walk, generator.interpolate(3, 4, seed=5, labels=[*LABELS.names[:2], 1]))
