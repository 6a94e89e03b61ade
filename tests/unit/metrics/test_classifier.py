"""The classifier learns what can be learnt, says how well, and comes back from its file."""

from __future__ import annotations

import errno
import json
import os
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.torch
import torch

from ganvas.data.arrays import read_idx
from ganvas.errors import GanvasError, RunError
from ganvas.metrics import classifier, small_network, train_on_fake
from ganvas.metrics.classifier import Classifier, load_classifier, train_classifier

CPU = torch.device("cpu")
FASHION = Path(classifier.__file__).parents[1] / "data" / "builtin" / "fashion"
NAMES = ("north-west", "north-east", "south-west", "south-east")

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def corners(
    count: int, channels: int = 1, size: tuple[int, int] = (16, 16), seed: int = 0
) -> tuple[Pixels, Labels]:
    """Dim noise with one brighter quarter; the label says which."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 160, (count, channels, *size), np.uint8)
    labels = rng.integers(0, 4, count)
    rows, columns = size[0] // 2, size[1] // 2
    for image, label in zip(pixels, labels, strict=True):
        down, right = divmod(int(label), 2)
        image[:, down * rows :, right * columns :][:, :rows, :columns] += 60
    return pixels, labels


def train(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Classifier:
    """Trained on few images for a short while."""
    monkeypatch.setattr(classifier, "MIN_IMAGES_SEEN", changes.pop("budget", 3_000))
    monkeypatch.setattr(classifier, "MIN_EPOCHS", 1)
    images, labels = changes.pop("given", corners(400))
    held_out_images, held_out_labels = changes.pop("held_out", corners(200, seed=1))
    settings = {"seed": 0, "device": CPU, **changes}
    return train_classifier(images, labels, NAMES, held_out_images, held_out_labels, **settings)


@pytest.fixture(scope="module")
def trained() -> Classifier:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return train(monkeypatch)


def same_weights(one: Classifier, other: Classifier) -> bool:
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


class TestLearning:
    def test_learns_the_brightest_quarter(self, trained: Classifier) -> None:
        assert trained.training.accuracy > 0.97
        images, labels = corners(300, seed=2)
        classes = trained.classify(torch.from_numpy(images))
        assert classes.dtype == torch.int64
        assert classes.shape == (300,)
        assert (classes.numpy() == labels).mean() > 0.95

    def test_it_is_as_sure_as_smoothed_labels_ask_for(self, trained: Classifier) -> None:
        """Szegedy 2016, section 7: 1 - 0.1 for the label, and its part of 0.1 over 4 labels."""
        features = trained(torch.from_numpy(corners(400)[0]))
        surest = trained.network[-1](features).softmax(1).amax(1)
        assert float(surest.mean()) == pytest.approx(0.9 + 0.1 / 4, abs=0.02)

    def test_the_learning_rate_falls_linearly_to_zero(self) -> None:
        """Under a constant gradient each step of Adam is as long as the learning rate."""
        layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(layer.weight)
        small_network.train_network(
            layer,
            small_network.index_batches(30, 10, torch.Generator().manual_seed(0)),
            lambda indices: layer.weight.sum(),
            total=100,
            learning_rate=0.01,
            on_progress=lambda done, total: None,
            name="a line",
        )
        expected = -0.01 * sum(1 - done / 100 for done in range(0, 100, 10))
        assert float(layer.weight.detach()) == pytest.approx(expected, rel=1e-4)

    def test_accuracy_is_that_of_the_held_out_images(
        self, trained: Classifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images, labels = corners(200, seed=1)
        labels[:60] = (labels[:60] + 1) % 4  # sixty labels are wrong
        monkeypatch.setattr(classifier, "_HELD_OUT_BATCH_SIZE", 33)
        learner = train(monkeypatch, held_out=(images, labels))
        right = (trained.classify(torch.from_numpy(images)).numpy() == labels).sum()
        assert learner.training.accuracy == right / 200
        assert learner.training.accuracy < 0.71

    def test_random_labels_are_not_learnt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        images, _ = corners(400)
        labels = np.random.default_rng(5).integers(0, 4, 400)
        assert train(monkeypatch, given=(images, labels)).training.accuracy < 0.4

    def test_learns_fashion_mnist_quickly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Chance is 10 %; a linear classifier of the pixels gets 82 % from as many images."""
        images = read_idx(FASHION / "t10k-images-idx3-ubyte.gz")[:2_500, None]
        labels = read_idx(FASHION / "t10k-labels-idx1-ubyte.gz")[:2_500].astype(np.int64)
        monkeypatch.setattr(classifier, "MIN_IMAGES_SEEN", 6_000)
        learner = train_classifier(
            images[:1_500],
            labels[:1_500],
            tuple("0123456789"),
            images[1_500:],
            labels[1_500:],
            seed=0,
            device=CPU,
        )
        assert learner.training.accuracy > 0.78

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("size", [(12, 12), (13, 30), (96, 80)])
    def test_learns_any_image_format(
        self, monkeypatch: pytest.MonkeyPatch, channels: int, size: tuple[int, int]
    ) -> None:
        data = corners(30, channels, size)
        learner = train(monkeypatch, given=data, held_out=data, budget=64)
        assert learner.classify(torch.from_numpy(data[0])).shape == (30,)
        assert learner(torch.from_numpy(data[0])).shape == (30, learner.dimension)

    @pytest.mark.parametrize(
        ("size", "seen"),
        [((12, 12), "12x12"), ((64, 48), "64x48"), ((256, 128), "64x32"), ((400, 12), "64x12")],
    )
    def test_large_images_are_scaled_down(
        self, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], seen: str
    ) -> None:
        data = corners(4, 1, size)
        learner = train(monkeypatch, given=data, held_out=data, budget=4)
        assert learner.config()["input"] == seen

    def test_every_epoch_has_each_image_once(self) -> None:
        order = torch.Generator().manual_seed(0)
        batches = small_network.index_batches(300, 128, order)
        passes = [np.concatenate([next(batches) for _ in range(3)]) for _ in range(2)]
        assert all(np.array_equal(np.sort(rows), np.arange(300)) for rows in passes)
        assert not np.array_equal(passes[0], passes[1])

    def test_large_sets_get_two_epochs_and_small_ones_the_minimum(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        totals = []

        def note(done: int, total: int) -> None:
            totals.append(total)

        for budget, passes, expected in [(100, 3, 120), (500, 3, 500)]:
            monkeypatch.setattr(classifier, "MIN_IMAGES_SEEN", budget)
            monkeypatch.setattr(classifier, "MIN_EPOCHS", passes)
            images, labels = corners(40)
            train_classifier(
                images, labels, NAMES, images, labels, seed=0, device=CPU, on_progress=note
            )
            assert set(totals) == {expected}
            totals.clear()

    def test_progress_ends_at_the_total(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[tuple[int, int]] = []
        train(monkeypatch, budget=500, on_progress=lambda done, total: seen.append((done, total)))
        assert seen == sorted(set(seen))
        assert seen[-1] == (500, 500)


class TestChance:
    def test_same_seed_gives_the_same_weights(
        self, trained: Classifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        torch.manual_seed(123)  # whatever the program drew before
        again = train(monkeypatch)
        assert same_weights(trained, again)
        assert trained.config() == again.config()

    def test_another_seed_gives_other_weights(
        self, trained: Classifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = train(monkeypatch, seed=1)
        assert not same_weights(trained, other)
        assert trained.config()["weights"] != other.config()["weights"]

    def test_global_random_state_does_not_change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
        train(monkeypatch, budget=200)
        assert torch.equal(state, torch.get_rng_state())
        assert np.array_equal(numpy_state[1], np.random.get_state()[1])  # type: ignore[index] # noqa: NPY002

    def test_memory_mapped_images_give_the_same_classifier(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        images, labels = corners(60)
        np.save(tmp_path / "images.npy", images)
        mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
        held = train(monkeypatch, given=(images, labels), budget=300)
        data = (mapped, labels)
        assert same_weights(held, train(monkeypatch, given=data, held_out=data, budget=300))


class TestFile:
    def test_load_restores_what_save_wrote(self, trained: Classifier, tmp_path: Path) -> None:
        path = tmp_path / "classifier.safetensors"
        trained.save(path)
        learner = load_classifier(path, CPU)
        assert learner.training == trained.training
        assert learner.config() == trained.config()
        pixels = torch.from_numpy(corners(50, seed=3)[0])
        assert torch.equal(learner(pixels), trained(pixels))
        assert torch.equal(learner.classify(pixels), trained.classify(pixels))
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    def test_equal_classifiers_give_equal_files(self, trained: Classifier, tmp_path: Path) -> None:
        trained.save(tmp_path / "a")
        load_classifier(tmp_path / "a", CPU).save(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_damaged_files_are_refused(self, trained: Classifier, tmp_path: Path) -> None:
        path = tmp_path / "classifier.safetensors"
        trained.save(path)
        whole = path.read_bytes()
        rng = random.Random(0)
        length = int.from_bytes(whole[:8], "little") + 8
        places = [rng.randrange(length) for _ in range(30)]
        places += [rng.randrange(length, len(whole)) for _ in range(10)]
        for place in places:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(GanvasError, match="Delete it, and a new one is trained"):
                load_classifier(path, CPU)
        for end in (0, 7, length, len(whole) - 1):
            path.write_bytes(whole[:end])
            with pytest.raises(GanvasError, match="cannot read the classifier"):
                load_classifier(path, CPU)

    def test_missing_and_foreign_files_are_refused(self, tmp_path: Path) -> None:
        foreign = tmp_path / "foreign.safetensors"
        safetensors.torch.save_file({"w": torch.ones(2)}, foreign)
        odd = tmp_path / "odd.safetensors"
        safetensors.torch.save_file({"w": torch.ones(2)}, odd, {"ganvas": json.dumps([1, 2])})
        for path in (foreign, odd, tmp_path / "absent.safetensors"):
            with pytest.raises(GanvasError, match="cannot read the classifier") as caught:
                load_classifier(path, CPU)
            assert str(path) in str(caught.value)

    def test_another_version_is_refused(
        self, trained: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "classifier.safetensors"
        monkeypatch.setattr(classifier, "VERSION", 99)
        trained.save(path)
        monkeypatch.undo()
        with pytest.raises(GanvasError, match="has version 99, not"):
            load_classifier(path, CPU)

    def test_full_disk_leaves_no_file(
        self, trained: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="free some space"):
            trained.save(tmp_path / "classifier.safetensors")
        assert list(tmp_path.iterdir()) == []


class TestProtocol:
    def test_config_has_the_held_out_accuracy(self, trained: Classifier) -> None:
        protocol = trained.config()
        assert protocol["held_out_accuracy"] == trained.training.accuracy
        assert protocol["held_out"] == 200
        assert protocol["trained_on"] == 400
        assert protocol["classes"] == 4
        assert protocol["input"] == "16x16"


class TestBadInput:
    @pytest.mark.parametrize("side", ["given", "held_out"])
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda images, labels: (images / 255, labels), "must be uint8"),
            (lambda images, labels: (images[:, 0], labels), "must be uint8 .N, C, H, W"),
            (lambda images, labels: (images.transpose(0, 2, 3, 1), labels), "of shape"),
            (lambda images, labels: (images, labels[1:]), "one whole number for each of"),
            (lambda images, labels: (images, labels / 2), "one whole number for each of"),
            (lambda images, labels: (images[:0], labels[:0]), "got 0 .* images of 4 classes"),
            (lambda images, labels: (images, labels + 1), "must be 0 to 3.*; got 1 to 4"),
            (lambda images, labels: (images, labels - 1), "must be 0 to 3.*; got -1 to 2"),
        ],
    )
    def test_unsuitable_images_and_labels_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, side: str, change: Any, message: str
    ) -> None:
        with pytest.raises(GanvasError, match=message) as caught:
            train(monkeypatch, **{side: change(*corners(20))})
        assert {"given": "training", "held_out": "held-out"}[side] in str(caught.value)

    def test_one_class_is_not_enough(self) -> None:
        images, labels = corners(10)
        with pytest.raises(GanvasError, match="at least two classes"):
            train_classifier(images, labels * 0, ("all",), images, labels, seed=0, device=CPU)

    def test_tiny_images_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(GanvasError, match="at least 12x12 pixels; got 11x16"):
            train(monkeypatch, given=corners(10, 1, (11, 16)))

    def test_divergence_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(classifier, "LEARNING_RATE", 1e30)
        with pytest.raises(GanvasError, match="diverged"):
            train(monkeypatch, budget=500)


def test_train_on_fake_trains_on_samples_and_tests_on_held_out_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Samples of one label teach that one alone, however well real images teach both."""
    monkeypatch.setattr(train_on_fake, "IMAGES_SEEN", 1_500)
    pixels, places = corners(400)
    north = places < 2
    labels = (~north).astype(np.int64)
    held_out = np.concatenate([np.flatnonzero(north)[:30], np.flatnonzero(~north)[:10]])
    fake = np.flatnonzero(north)[30:150]
    estimate = train_on_fake.train_on_fake(
        *(torch.from_numpy(array[held_out]) for array in (pixels, labels)),
        *(torch.from_numpy(array[fake]) for array in (pixels, labels)),
        ("north", "south"),
        seed=0,
    )
    assert estimate.value == 30 / 40


def test_train_on_fake_counts_right_answers_and_not_rounded_fractions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """0.29 * 100 is a little less than 29."""
    pixels = torch.zeros(100, 1, 16, 16, dtype=torch.uint8)
    labels = torch.zeros(100, dtype=torch.int64)
    for right in range(101):
        trained: Any = SimpleNamespace(training=SimpleNamespace(accuracy=right / 100))
        monkeypatch.setattr(
            train_on_fake, "train_classifier", lambda *args, found=trained, **settings: found
        )
        estimate = train_on_fake.train_on_fake(pixels, labels, pixels, labels, ("a", "b"), 0)
        assert estimate.value == right / 100
