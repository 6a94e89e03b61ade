"""Extractors: features batch by batch, and progress."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.evaluation.extractors import Extractor, Split, fake_features, real_features
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.latents import BATCH_SIZE
from tests.builders.tiny import tiny_data

COUNT = BATCH_SIZE + 40
Calls = list[tuple[int, int]]
"""Calls of a progress function: (done, total)."""


class Grey(nn.Module):
    """Images of 4x4 pixels whose brightness is their latent."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.scale * latents)[:, :, None, None].expand(-1, -1, 4, 4)


def mean(pixels: Tensor) -> Tensor:
    return pixels.float().mean((1, 2, 3))


IN_BATCHES = Extractor("in batches", mean, batch_size=100)
WHOLE = Extractor("whole", mean)


def extract_samples(*extractors: Extractor) -> tuple[Calls, dict[str, Tensor]]:
    """The progress calls of fake_features for `COUNT` samples, and the features."""
    generator = TrainedGenerator(Grey(), tiny_data().shape, 1, images_seen=7)
    calls: Calls = []
    failures: dict[str, str] = {}
    features = fake_features(
        generator, COUNT, 0, extractors, lambda *call: calls.append(call), failures
    )
    assert not failures
    return calls, features


def test_progress_of_samples_is_reported_per_batch_and_batches_do_not_matter() -> None:
    calls, features = extract_samples(IN_BATCHES)
    done = [count for count, _ in calls]
    assert done == [0, 85, 170, 256, 256, 296, 296], "256 in three batches, then 40 in one"
    assert {total for _, total in calls} == {COUNT}
    assert torch.equal(features["in batches"], extract_samples(WHOLE)[1]["whole"])


def test_an_extractor_with_more_batches_has_the_larger_part_of_the_bar() -> None:
    calls, _ = extract_samples(IN_BATCHES, WHOLE)
    assert [count for count, _ in calls][:5] == [0, 64, 128, 192, 256]


@pytest.mark.parametrize("split", ["training", "held-out"])
def test_progress_of_real_images_is_reported_per_batch(split: Split) -> None:
    indices = np.arange(100) if split == "held-out" else np.arange(300)
    data = replace(tiny_data(400), held_out=indices)
    calls: Calls = []
    extractor = replace(IN_BATCHES, batch_size=60)
    features = real_features(extractor, data, split, 100, lambda *call: calls.append(call))
    assert calls == [(0, 100), (60, 100), (100, 100)]
    assert torch.equal(features, real_features(WHOLE, data, split, 100, lambda *call: None))


def test_features_in_the_cache_are_of_one_split_one_count_and_one_extractor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))
    data = tiny_data(12, held_out=6)
    once = Extractor("grey", lambda pixels: mean(pixels)[:, None], {"times": 1}, cached=True)
    twice = replace(once, extract=lambda pixels: 2 * mean(pixels)[:, None], config={"times": 2})
    for extractor in (once, twice, once):
        for split, count in (("training", 6), ("held-out", 6), ("training", 4)):
            asked: tuple[Split, int] = (split, count)  # type: ignore[assignment]
            found = real_features(extractor, data, *asked, lambda *call: None)
            expected = real_features(
                replace(extractor, cached=False), data, *asked, lambda *call: None
            )
            assert torch.equal(found, expected)
