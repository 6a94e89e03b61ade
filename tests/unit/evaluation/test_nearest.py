"""The nearest training images, against a search through all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from ganvas.data.preparation import PreparedData
from ganvas.evaluation.nearest import nearest_training_images


class TestNearest:
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_agrees_with_brute_force(self, monkeypatch: pytest.MonkeyPatch, mirrored: bool) -> None:
        monkeypatch.setattr("ganvas.evaluation.nearest.BLOCK", 7)
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (40, 3, 4, 4), dtype=np.uint8)
        training = np.arange(3, 40)
        data = cast(PreparedData, SimpleNamespace(images=images, training=training))
        samples = random.integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
        samples[0] = images[20][..., ::-1] if mirrored else images[20]
        samples[1] = images[1]  # held out, so it must not be found
        found = nearest_training_images(torch.from_numpy(samples), data, 3, mirrored)
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
