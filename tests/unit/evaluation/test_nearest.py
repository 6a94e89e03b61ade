"""The nearest images, against a search through all of them, and when a sample is a copy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.evaluation.nearest import CopyRule, nearest_images


class TestNearest:
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_agrees_with_brute_force(self, monkeypatch: pytest.MonkeyPatch, mirrored: bool) -> None:
        monkeypatch.setattr("ganvas.evaluation.nearest.BLOCK", 7)
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (40, 3, 4, 4), dtype=np.uint8)
        training = np.arange(3, 40)
        data = cast(PreparedData, SimpleNamespace(images=images))
        samples = random.integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
        samples[0] = images[20][..., ::-1] if mirrored else images[20]
        samples[1] = images[1]  # held out, so it must not be found
        found = nearest_images(torch.from_numpy(samples), data, training, 3, mirrored)
        for row, sample in enumerate(samples):
            every = []
            for index in training:
                ways = [images[index], images[index][..., ::-1]][: 2 if mirrored else 1]
                gaps = [np.mean((way.astype(float) - sample) ** 2) ** 0.5 for way in ways]
                every.append((min(gaps), index))
            expected = sorted(every)[:3]
            assert found.indices[row].tolist() == [index for _, index in expected]
            gaps = [gap for gap, _ in expected]
            assert found.distances[row] == pytest.approx(gaps, rel=1e-3, abs=0.05)
        assert found.indices[0, 0] == 20
        assert found.distances[0, 0] == 0


class TestCopyRule:
    distances = np.arange(1.0, 101.0)
    """Of 100 held-out images to their nearest training images."""

    def test_a_copy_is_nearer_than_all_but_five_percent_of_held_out_images(self) -> None:
        rule = CopyRule.of(self.distances)
        assert rule is not None
        assert (self.distances < rule.limit).sum() == 5
        assert rule.usual == 50.5
        assert rule.is_copy(rule.limit - 0.1, to_held_out=100)
        assert not rule.is_copy(rule.limit + 0.1, to_held_out=100)

    def test_what_is_about_as_near_to_held_out_images_is_no_copy(self) -> None:
        rule = CopyRule.of(self.distances)
        assert rule is not None
        assert rule.is_copy(2, to_held_out=4.1)
        assert not rule.is_copy(2, to_held_out=3.9)

    @pytest.mark.parametrize("held_out", [np.ones(19), np.arange(100) // 6])
    def test_few_held_out_images_or_copies_among_them_decide_nothing(
        self, held_out: np.ndarray
    ) -> None:
        assert CopyRule.of(held_out) is None

    def test_of_clothes_held_out_ones_are_no_copies_and_noisy_ones_of_training_are(
        self, tmp_path: Path
    ) -> None:
        """Two seconds: the figures of docs/reports.md."""
        data = prepare(open_source("fashion"), DataSettings(size=(32, 32)), tmp_path)
        references, others = data.held_out[::2], data.held_out[1::2]
        rule = CopyRule.of(self.nearest(data.images[references], data, data.training))
        assert rule is not None
        random = np.random.default_rng(0)
        originals = data.images[data.training[: len(others)]]
        noisy = (originals + random.normal(0, 12, originals.shape)).clip(0, 255).astype(np.uint8)
        fractions = [
            np.mean(
                [
                    *map(
                        rule.is_copy,
                        self.nearest(images, data, data.training),
                        self.nearest(images, data, references),
                    )
                ]
            )
            for images in (data.images[others], noisy)
        ]
        assert fractions[0] < 0.01
        assert fractions[1] > 0.99

    @staticmethod
    def nearest(
        images: npt.NDArray[np.uint8], data: PreparedData, among: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """The distance of each image to the nearest, in grey levels; (N,)."""
        return nearest_images(torch.from_numpy(images), data, among, 1).distances[:, 0]
