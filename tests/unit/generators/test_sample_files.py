"""Samples on disk: batch by batch, whole or not at all, and refused before the work."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganvas.cli.interpolate import Interpolate
from ganvas.cli.label_flag import labels_of
from ganvas.cli.sample import Sample
from ganvas.data.sources import open_source
from ganvas.drawing.samples import display_factor
from ganvas.errors import GanvasError, RunError
from ganvas.generators import files as generator_files
from ganvas.generators import sample_files
from ganvas.generators.sample_files import (
    SampleRequest,
    fitting_count,
    write_folder,
    write_grid,
    write_npz,
)
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.latents import random_inputs
from ganvas.networks import DCGANGenerator, Dimensions, ImageShape
from ganvas.randomness import seeded_weights
from tests.builders.tiny import fill_zero_weights

N = 10
SHAPE = ImageShape(1, 8, 8)


class Stripes(nn.Module):
    """Images (B, 1, 8, 8) that depend on the latents (B, 8); calls `on_batch` before each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)
        self.sizes: list[int] = []
        self.files: list[int] = []
        self.watched = Path()

    def forward(self, latents: Tensor) -> Tensor:
        self.sizes.append(len(latents))
        self.files.append(len(list(self.watched.glob(".*.tmp/*.png"))))
        return latents.tanh()[:, None, :, None].expand(-1, 1, 8, 8) * self.scale


@pytest.fixture
def generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainedGenerator:
    monkeypatch.setattr(random_inputs, "BATCH_SIZE", 4)
    network = Stripes()
    network.watched = tmp_path
    return TrainedGenerator(network, SHAPE, 8, images_seen=1)


def ignore(done: int, total: int) -> None:
    pass


def test_a_folder_is_written_batch_by_batch_and_appears_whole(
    generator: TrainedGenerator, tmp_path: Path
) -> None:
    seen: list[tuple[int, int, bool]] = []
    out = tmp_path / "folder"

    def progress(done: int, total: int) -> None:
        seen.append((done, total, out.exists()))

    write_folder(out, SampleRequest(generator, N, 3), progress)
    assert seen == [(4, N, False), (8, N, False), (10, N, False)]
    assert isinstance(generator.network, Stripes)
    assert generator.network.sizes == [4, 4, 2]
    assert generator.network.files == [0, 4, 8]  # the images of a batch lie there before the next
    paths = sorted(out.iterdir())
    assert [path.name for path in paths] == [f"{index:06d}.png" for index in range(N)]
    written = np.stack([np.asarray(Image.open(path)) for path in paths])
    assert np.array_equal(written[..., None], generator.sample(N, 3))


def test_an_npz_is_what_numpy_would_save(generator: TrainedGenerator, tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", SampleRequest(generator, N, 3), ignore)
    with np.load(tmp_path / "a.npz") as file:
        assert sorted(file) == ["generator", "images", "images_seen", "latents"]
        assert np.array_equal(file["images"], generator.sample(N, 3))
        assert np.array_equal(file["latents"], generator.latents(N, 3).numpy())


def test_samples_do_not_depend_on_the_batch_size(
    generator: TrainedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents, images = generator.latents(N, 3), generator.sample(N, 3)
    for size in (1, 3, 256):
        monkeypatch.setattr(random_inputs, "BATCH_SIZE", size)
        assert torch.equal(generator.latents(N, 3), latents)
        assert np.array_equal(generator.sample(N, 3), images)
    assert np.array_equal(generator.sample(4, 3), images[:4])
    part = torch.cat(list(generator.latent_batches(N, 3, range(4, 9))))
    assert torch.equal(part, latents[4:9])


@pytest.mark.parametrize("write", [write_folder, write_npz, write_grid])
def test_interrupted_sampling_leaves_nothing(
    write: object, generator: TrainedGenerator, tmp_path: Path
) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", SampleRequest(generator, N, 0), interrupt)  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_folder, write_npz])
def test_too_little_room_is_said_after_the_first_batch(
    write: object, generator: TrainedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(RunError, match=r"other 6 samples need about .*, and 10 bytes are free"):
        write(tmp_path / "out", SampleRequest(generator, N, 0), ignore)  # type: ignore[operator]
    assert isinstance(generator.network, Stripes)
    assert len(generator.network.sizes) <= 2
    assert list(tmp_path.iterdir()) == []


def test_a_grid_that_no_program_opens_is_refused_before_sampling(
    generator: TrainedGenerator, tmp_path: Path
) -> None:
    with pytest.raises(GanvasError, match=r"20,000 images are too many .* folder or an \.npz"):
        write_grid(tmp_path / "grid.png", SampleRequest(generator, 20_000, 0), ignore)
    assert isinstance(generator.network, Stripes)
    assert generator.network.sizes == []


@pytest.mark.parametrize(
    "command",
    [
        Sample(Path("run"), out=Path("taken")),
        Sample(Path("run"), out=Path("taken/below")),
        Sample(Path("run"), out=Path("grid.jpg")),
        Sample(Path("run"), n=0),
        Interpolate(Path("run"), out=Path("taken/walk.gif")),
        Interpolate(Path("run"), out=Path("walk")),
        Interpolate(Path("run"), n=1),
    ],
)
def test_nothing_is_loaded_before_a_refusal(
    command: Sample | Interpolate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_bytes(b"")

    def load(*arguments: object) -> None:
        raise AssertionError("a generator was loaded")

    monkeypatch.setattr(generator_files, "load", load)
    with pytest.raises(GanvasError):
        command.run()


def test_a_walk_that_no_program_opens_is_refused(
    generator: TrainedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_files, "load", lambda *arguments: generator)
    monkeypatch.setattr(sample_files, "MOST_PIXELS", 100_000)
    with pytest.raises(GanvasError, match=r"72 images are too many .* Lower -n or --steps"):
        Interpolate(tmp_path, out=tmp_path / "walk.gif").run()


class TestLabels:
    """What is written of a generator that takes labels."""

    IMAGE = ImageShape(1, 16, 16)
    NAMES = ("T-shirt/top", "Bag", "boot")

    @pytest.fixture
    def conditional(self) -> TrainedGenerator:
        network = DCGANGenerator(width=4).conditional()
        with seeded_weights(0):
            built = network.build(Dimensions(self.IMAGE, 8, len(self.NAMES)))
        fill_zero_weights(built)
        labels = LabelSet(self.NAMES, (2, 2, 2))
        return TrainedGenerator(built.eval(), self.IMAGE, 8, images_seen=1, label_set=labels)

    def test_each_label_has_a_row_of_the_same_latents(
        self, conditional: TrainedGenerator, tmp_path: Path
    ) -> None:
        request = SampleRequest(conditional, 4, seed=3, labels=self.NAMES)
        assert request.count == 12
        samples = np.concatenate(list(request.samples(ignore)))
        for row, name in enumerate(self.NAMES):
            expected = conditional.sample(4, 3, labels=name)
            assert np.array_equal(samples[4 * row : 4 * row + 4], expected)
        write_grid(tmp_path / "grid.png", request, ignore)
        factor = display_factor((self.IMAGE.height, self.IMAGE.width))
        with Image.open(tmp_path / "grid.png") as grid:
            assert grid.width // factor == 4 * (self.IMAGE.width + 2) + 2
            assert grid.height // factor == 3 * (self.IMAGE.height + 2) + 2

    def test_a_folder_has_a_folder_for_each_label(
        self, conditional: TrainedGenerator, tmp_path: Path
    ) -> None:
        write_folder(tmp_path / "out", SampleRequest(conditional, 2, labels=self.NAMES), ignore)
        written = sorted(path.relative_to(tmp_path / "out") for path in tmp_path.glob("out/*/*"))
        assert [path.parent.name for path in written] == ["Bag"] * 2 + ["T-shirt-top"] * 2 + [
            "boot"
        ] * 2

    def test_labels_whose_names_differ_by_signs_alone_keep_their_folders(
        self, conditional: TrainedGenerator, tmp_path: Path
    ) -> None:
        labels = LabelSet(("-1", "1", "?"), (2, 2, 2))
        signs = dataclasses.replace(conditional, label_set=labels)
        write_folder(tmp_path / "out", SampleRequest(signs, 2, labels=("1", "-1")), ignore)
        written = sorted(
            str(path.relative_to(tmp_path / "out")) for path in tmp_path.glob("out/*/*")
        )
        assert written == ["-1/000002.png", "-1/000003.png", "1/000000.png", "1/000001.png"]

    def test_an_npz_holds_the_names_of_labels_and_trains_as_data(
        self, conditional: TrainedGenerator, tmp_path: Path
    ) -> None:
        request = SampleRequest(conditional, N, seed=3)
        write_npz(tmp_path / "a.npz", request, ignore)
        drawn = conditional.draw_labels(N, 3)
        assert drawn is not None
        with np.load(tmp_path / "a.npz") as file:
            assert file["labels"].tolist() == [self.NAMES[label] for label in drawn]
            assert np.array_equal(file["images"], conditional.sample(N, 3))
        source = open_source(tmp_path / "a.npz")
        assert set(source.label_names) <= set(self.NAMES)

    def test_labels_that_do_not_exist_are_refused_first_each_with_the_nearest(
        self, conditional: TrainedGenerator, generator: TrainedGenerator
    ) -> None:
        assert labels_of(None, conditional) == ()
        assert labels_of("boot,Bag", conditional) == ("boot", "Bag")
        with pytest.raises(GanvasError, match=r"'Bagg' .* mean Bag\? 'boots' .* mean boot\? There"):
            labels_of("Bagg,boot,boots,Bagg", conditional)
        for label in ("Bag", "each"):
            with pytest.raises(GanvasError, match="takes no labels"):
                labels_of(label, generator)


def test_by_default_a_picture_has_as_many_images_as_it_holds(generator: TrainedGenerator) -> None:
    large = dataclasses.replace(generator, shape=ImageShape(3, 1024, 768))
    assert fitting_count(generator, 64) == 64
    assert fitting_count(large, 64) == 63
    assert fitting_count(large, 10, labels=10) == 6
    assert fitting_count(large, 10, labels=1000) == 1
    points = dataclasses.replace(generator, shape=ImageShape(2, 1, 1), extent=1.5)
    assert fitting_count(points, 2_500) == 2_500
