"""Trained generators: loading, sampling from a seed, and spherical interpolation."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.data.settings import DataSettings
from ganvas.drawing.grids import draw_points
from ganvas.drawing.samples import display_factor, write_samples
from ganvas.errors import GanvasError, RunError
from ganvas.generators import files as generator_files
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.latents.latents import BATCH_SIZE, Latents, generate
from ganvas.latents.walks import slerp
from ganvas.networks import POINT, DCGANGenerator, Dimensions, ImageShape, MLPGenerator
from ganvas.randomness import seeded_weights
from ganvas.runs import Run
from ganvas.training.run_files import RunFiles
from tests.builders import run_files
from tests.builders.tiny import LATENT_DIM, SIDE, fill_zero_weights, small, tiny_recipe

SHAPE = ImageShape(3, SIDE, SIDE)


@pytest.fixture(scope="module")
def trained() -> TrainedGenerator:
    torch.manual_seed(0)
    network = tiny_recipe().generator.network.build(Dimensions(SHAPE, LATENT_DIM))
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(10)  # untrained ones are all but grey
    return TrainedGenerator(network.eval(), SHAPE, LATENT_DIM, images_seen=64)


class TestSlerp:
    @staticmethod
    def latents(seed: int, length: float = 1.0) -> torch.Tensor:
        random = torch.Generator().manual_seed(seed)
        vector = torch.randn(64, generator=random, dtype=torch.float64)
        return length * vector / vector.norm()

    @settings(deadline=None)
    @given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(0.1, 10))
    def test_starts_and_ends_at_the_latents(
        self, seed: int, norm: float, other_norm: float
    ) -> None:
        start, end = self.latents(seed, norm), self.latents(seed + 1, other_norm)
        walk = slerp(start, end, torch.tensor([0.0, 1.0], dtype=torch.float64))
        torch.testing.assert_close(walk, torch.stack([start, end]))

    @settings(deadline=None)
    @given(st.integers(0, 1000))
    def test_keeps_the_norm_and_turns_evenly(self, seed: int) -> None:
        start, end = self.latents(seed, 8.0), self.latents(seed + 1, 8.0)
        walk = slerp(start, end, torch.linspace(0, 1, 11, dtype=torch.float64))
        torch.testing.assert_close(walk.norm(dim=1), torch.full((11,), 8.0).double())
        whole = math.acos(float(start @ end) / 64)
        turns = [math.acos(float(a @ b) / 64) for a, b in pairwise(walk)]
        assert turns == pytest.approx([whole / 10] * 10)

    def test_slerp_follows_a_quarter_circle(self) -> None:
        walk = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([1 / 3, 0.5]))
        half = math.sqrt(0.5)
        expected = torch.tensor([[math.cos(math.pi / 6), 0.5], [half, half]])
        torch.testing.assert_close(walk, expected)

    def test_the_same_direction_is_interpolated_linearly(self) -> None:
        start = self.latents(0)
        walk = slerp(start, 3 * start, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
        torch.testing.assert_close(walk, torch.stack([start, 2 * start, 3 * start]))

    def test_opposite_directions_stay_finite(self) -> None:
        start = self.latents(0)
        assert slerp(start, -start, torch.linspace(0, 1, 5).double()).isfinite().all()


class TestSamples:
    def test_images_are_uint8_channels_last(self, trained: TrainedGenerator) -> None:
        images = trained.sample(3)
        assert images.shape == (3, SIDE, SIDE, 3)
        assert images.dtype == np.uint8
        assert images.std() > 10

    def test_same_seed_gives_the_same_images_and_another_does_not(
        self, trained: TrainedGenerator
    ) -> None:
        assert np.array_equal(trained.sample(4, seed=5), trained.sample(4, seed=5))
        assert not np.array_equal(trained.sample(4, seed=5), trained.sample(4, seed=6))

    @pytest.mark.parametrize("fewer", [1, 3, 16, 256, 299])
    def test_first_of_many_are_those_of_few(self, trained: TrainedGenerator, fewer: int) -> None:
        assert np.array_equal(trained.sample(300, seed=1)[:fewer], trained.sample(fewer, seed=1))

    def test_global_random_state_is_neither_used_nor_changed(
        self, trained: TrainedGenerator
    ) -> None:
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        trained.sample(2)
        assert torch.equal(torch.rand(3), expected)

    def test_latents_give_the_images(self, trained: TrainedGenerator) -> None:
        latents = trained.latents(5, seed=2)
        assert latents.shape == (5, LATENT_DIM)
        assert np.array_equal(generate(trained.network, Latents(latents)), trained.sample(5, 2))

    @pytest.mark.parametrize(("loop", "count"), [(False, 9), (True, 12)])
    def test_interpolation_passes_through_its_latents(
        self, trained: TrainedGenerator, loop: bool, count: int
    ) -> None:
        walk = trained.interpolate(3, steps=4, seed=7, loop=loop)
        assert len(walk) == count
        stops = trained.sample(3, seed=7).astype(int)
        assert np.abs(walk[[0, 4, 8]].astype(int) - stops).max() <= 1  # a rounding apart

    @pytest.mark.parametrize(
        ("size", "factor"),
        [((16, 16), 4), ((28, 28), 2), ((32, 32), 2), ((64, 64), 1), ((256, 64), 1)],
    )
    def test_small_images_are_enlarged_for_display(
        self, size: tuple[int, int], factor: int
    ) -> None:
        assert display_factor(size) == factor

    def test_a_range_of_samples_is_bit_for_bit_that_of_all(self, trained: TrainedGenerator) -> None:
        n = 2 * BATCH_SIZE + 40
        whole = torch.cat(list(trained.batches(n, seed=3)))
        for start, stop in ((0, BATCH_SIZE), (BATCH_SIZE, n), (n - 40, n)):
            rows = torch.cat(list(trained.batches(n, 3, range(start, stop))))
            assert torch.equal(rows, whole[start:stop])
        assert list(trained.batches(n, 3, range(n, n))) == []


class TestPoints:
    SHAPE = ImageShape(2, *POINT)

    @pytest.fixture
    def points(self) -> TrainedGenerator:
        torch.manual_seed(0)
        network = MLPGenerator(width=8).build(Dimensions(self.SHAPE, LATENT_DIM))
        return TrainedGenerator(network.eval(), self.SHAPE, LATENT_DIM, 64, extent=1.5)

    def test_points_are_the_networks_outputs(self, points: TrainedGenerator) -> None:
        samples = points.sample(300, seed=3)
        assert (samples.shape, samples.dtype) == ((300, 2), np.float32)
        with torch.no_grad():
            expected = points.network(points.latents(300, seed=3)).flatten(1)
        np.testing.assert_allclose(
            samples, expected, atol=1e-6
        )  # a batch's size may round otherwise
        assert points.interpolate(3, steps=4).shape == (9, 2)

    def test_extent_survives_the_file(self, points: TrainedGenerator, tmp_path: Path) -> None:
        recipe = tiny_recipe(small("mlp", generator={"width": 8}), data=DataSettings(size=POINT))
        run = Run.create(tmp_path / "run", recipe, {"seed": 0}, run_files.data(extent=1.5))
        generator_files.write_generator(run, recipe, points.network, self.SHAPE, 64)
        loaded = generator_files.load(run)
        assert loaded.makes_points
        assert loaded.extent == 1.5
        assert np.array_equal(loaded.sample(5), points.sample(5))

    def test_write_samples_draws_points_or_a_grid(
        self, points: TrainedGenerator, trained: TrainedGenerator, tmp_path: Path
    ) -> None:
        write_samples(tmp_path / "points.png", points.sample(9), points.extent)
        write_samples(tmp_path / "grid.png", trained.sample(9), trained.extent)
        with Image.open(tmp_path / "points.png") as picture:
            drawn = np.asarray(picture)[:, :, None]
        assert np.array_equal(drawn, draw_points(points.sample(9), 1.5))
        with Image.open(tmp_path / "grid.png") as picture:
            assert picture.size == (4 * (3 * SIDE + 8), 4 * (3 * SIDE + 8))


class TestLoading:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        return Run.create(tmp_path / "run", tiny_recipe(), {"seed": 0}, run_files.data())

    @pytest.fixture
    def written(self, run: Run, trained: TrainedGenerator) -> Run:
        generator_files.write_generator(run, tiny_recipe(), trained.network, SHAPE, 12_345)
        return run

    def test_a_loaded_generator_gives_the_same_images(
        self, written: Run, trained: TrainedGenerator, tmp_path: Path
    ) -> None:
        copied = shutil.copytree(written.generator_directory, tmp_path / "elsewhere")
        for place in (written.directory, str(written.directory), copied):
            loaded = generator_files.load(place)
            assert (loaded.shape, loaded.latent_dim, loaded.images_seen) == (
                SHAPE,
                LATENT_DIM,
                12_345,
            )
            assert np.array_equal(loaded.sample(4, seed=3), trained.sample(4, seed=3))

    def test_a_run_without_checkpoint_names_the_command_to_continue(self, run: Run) -> None:
        with pytest.raises(RunError, match=r"no generator yet.*ganvas resume"):
            generator_files.load(run.directory)

    @pytest.mark.parametrize("gone", ["generator", "model.safetensors", "config.json"])
    def test_a_deleted_generator_is_missing_and_a_checkpoint_has_it(
        self, written: Run, trained: TrainedGenerator, gone: str
    ) -> None:
        folder = written.generator_directory
        written.write_data(run_files.data(shape=dataclasses.asdict(SHAPE)))
        weights = {f"ema/{name}": it for name, it in trained.network.state_dict().items()}
        written.write_checkpoint(12_345, weights, {"images_seen": 12_345})
        if gone == "generator":
            shutil.rmtree(folder)
        else:
            (folder / gone).unlink()
        problem = "is missing" if gone == "generator" else f"lacks {gone}"
        with pytest.raises(RunError, match=rf"{problem}: .*choose it with --checkpoint 12345"):
            generator_files.load(written.directory)
        loaded = generator_files.load(written.directory, checkpoint="12345")
        assert np.array_equal(loaded.sample(4), trained.sample(4))
        assert generator_files.read_description(written.directory) == (
            tiny_recipe().generator.network
        )

    def test_a_finished_run_without_generator_and_checkpoints_is_not_resumed(
        self, written: Run
    ) -> None:
        shutil.rmtree(written.generator_directory)
        written.write_status("finished", 12_345)
        with pytest.raises(RunError, match=r"is missing, and there is no checkpoint.*train again"):
            generator_files.load(written)

    def test_a_run_that_diverged_at_once_is_not_resumed_but_diagnosed(self, written: Run) -> None:
        shutil.rmtree(written.generator_directory)
        written.write_status("diverged", 32)
        with pytest.raises(RunError, match=r"diverged before the first checkpoint.*diagnose"):
            generator_files.load(written)

    def test_a_deleted_folder_is_made_again_by_what_is_written_into_it(
        self, written: Run, trained: TrainedGenerator
    ) -> None:
        for name in ("generator", "checkpoints", "samples"):
            shutil.rmtree(written.directory / name)
        generator_files.write_generator(written, tiny_recipe(), trained.network, SHAPE, 64)
        assert np.array_equal(generator_files.load(written).sample(4), trained.sample(4))
        shutil.rmtree(written.directory / "checkpoints")
        written.write_checkpoint(64, {"w": torch.zeros(1)}, {"images_seen": 64})
        assert [int(path.stem) for path in written.checkpoint_paths()] == [64]
        shutil.rmtree(written.directory / "samples")
        RunFiles(written, tiny_recipe()).samples(64, trained.sample(4))
        assert [int(path.stem) for path in written.sample_paths()] == [64]

    def test_a_deleted_run_is_not_made_again(self, written: Run, trained: TrainedGenerator) -> None:
        shutil.rmtree(written.directory)
        with pytest.raises(RunError, match="cannot write"):
            written.write_checkpoint(64, {"w": torch.zeros(1)}, {"images_seen": 64})
        assert not written.directory.exists()

    def test_other_directories_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RunError, match="not a run: no such directory"):
            generator_files.load(tmp_path / "absent")
        with pytest.raises(RunError, match=r"not a run: it has no recipe\.json"):
            generator_files.load(tmp_path)

    def test_damaged_weights_are_refused(self, written: Run) -> None:
        path = written.generator_directory / "model.safetensors"
        damaged = bytearray(path.read_bytes())
        damaged[-1] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(RunError, match="damaged"):
            generator_files.load(written.directory)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"format": 99}, "format 99"),
            ({"image": {"height": 16}}, "image.channels: Field required"),
            ({"image": {"channels": 1, "height": "16", "width": 16}}, "image.height: Input should"),
            ({"latent_dim": None}, "config.json is damaged: latent_dim: Input should"),
            ({"network": {"name": "dcgan", "width": [[1]]}}, "no generator that can be built"),
            ({"image": {"channels": 1, "height": 16, "width": 16}}, "no generator that can be"),
            ({"latent_dim": 7}, "no generator that can be built"),
            ({"labels": {}}, "labels.names: Field required"),
            ({"labels": {"names": "ab", "training_images": [1, 2]}}, "labels.names: Input should"),
            (
                {"labels": {"names": ["a"], "training_images": [1, 2]}},
                r"labels: expected training images of 1 name, got \[1, 2\]",
            ),
            ({"labels": {"names": [], "training_images": []}}, "of 0 names"),
        ],
    )
    def test_config_that_does_not_fit_is_refused(
        self, written: Run, changes: dict[str, object], message: str
    ) -> None:
        path = written.generator_directory / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        with pytest.raises(RunError, match=message):
            generator_files.load(written.directory)

    @pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
    def test_a_config_that_is_no_table_is_refused(self, written: Run, text: str) -> None:
        (written.generator_directory / "config.json").write_text(text)
        with pytest.raises(RunError, match=r"config\.json (cannot be read|is damaged)"):
            generator_files.load(written.directory)


class TestLabels:
    """A generator that takes labels."""

    COUNTS = (6, 3, 1)

    @pytest.fixture
    def conditional(self) -> TrainedGenerator:
        network = DCGANGenerator(width=4).conditional()
        with seeded_weights(0):
            built = network.build(Dimensions(SHAPE, LATENT_DIM, len(self.COUNTS)))
        fill_zero_weights(built)
        labels = LabelSet(("cat", "dog", "left, right"), self.COUNTS)
        return TrainedGenerator(built.eval(), SHAPE, LATENT_DIM, 64, label_set=labels)

    def test_labels_are_drawn_as_often_as_the_data_has_them(
        self, conditional: TrainedGenerator
    ) -> None:
        drawn = conditional.draw_labels(3_000, seed=1)
        assert drawn is not None
        fractions = torch.bincount(drawn, minlength=3) / len(drawn)
        expected = torch.tensor(self.COUNTS) / sum(self.COUNTS)
        assert (fractions - expected).abs().max() < 4 * (0.25 / 3_000) ** 0.5
        few = conditional.draw_labels(5, seed=1)
        assert torch.equal(few, drawn[:5])  # type: ignore[arg-type]

    def test_a_name_or_a_name_for_each(self, conditional: TrainedGenerator) -> None:
        cats, dogs = conditional.sample(4, labels="cat"), conditional.sample(4, labels="dog")
        assert not np.array_equal(cats, dogs)
        mixed = conditional.sample(4, labels=["cat", "dog", "cat", "dog"])
        assert np.array_equal(mixed[::2], cats[::2])
        assert np.array_equal(mixed[1::2], dogs[1::2])

    def test_a_wrong_name_is_an_error_that_names_the_nearest(
        self, conditional: TrainedGenerator
    ) -> None:
        with pytest.raises(GanvasError, match=r"'cats' is no label .* Did you mean cat\?"):
            conditional.sample(2, labels="cats")
        with pytest.raises(GanvasError, match="3 images need 3 labels or one for all, got 2"):
            conditional.sample(3, labels=["cat", "dog"])

    def test_without_labels_asking_for_one_is_an_error(self, trained: TrainedGenerator) -> None:
        assert trained.draw_labels(3) is None
        with pytest.raises(GanvasError, match="takes no labels"):
            trained.sample(2, labels="cat")

    def test_a_walk_between_labels_starts_and_ends_at_them(
        self, conditional: TrainedGenerator
    ) -> None:
        frames = conditional.interpolate_labels(["cat", "dog"], steps=4, seed=2)
        assert len(frames) == 5
        for frame, name in ((frames[0], "cat"), (frames[-1], "dog")):
            assert np.array_equal(frame, conditional.sample(1, seed=2, labels=name)[0])
        assert len(conditional.interpolate_labels(["cat", "dog"], 4, loop=True)) == 8

    def test_a_walk_through_latents_keeps_a_label(self, conditional: TrainedGenerator) -> None:
        frames = conditional.interpolate(2, steps=3, seed=2, labels="dog")
        ends = conditional.sample(2, seed=2, labels="dog")
        assert np.abs(frames[[0, -1]].astype(int) - ends).max() <= 1


def test_generator_is_short_as_text_and_a_grid_as_a_picture(trained: TrainedGenerator) -> None:
    weights = sum(weight.numel() for weight in trained.network.parameters())
    assert repr(trained) == (
        f"TrainedGenerator(16x16, colour, {LATENT_DIM} latents, {weights:,} weights, at 64 images)"
    )
    shown = np.asarray(Image.open(io.BytesIO(trained._repr_png_())))
    assert np.array_equal(shown, np.asarray(trained.grid(16, seed=0)))


def test_grid_is_what_samples_are_written_as(trained: TrainedGenerator, tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    write_samples(path, trained.sample(9, seed=3), None)
    assert np.array_equal(np.asarray(Image.open(path)), np.asarray(trained.grid(9, seed=3)))
