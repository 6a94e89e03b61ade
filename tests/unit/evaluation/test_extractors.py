"""Looking at images a part after the other, and saying how far that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.evaluation.extractors import Extractor, fake_features, real_features
from ganvas.sampling import BATCH_SIZE, TrainedGenerator
from tests.unit.tiny import tiny_data

COUNT = BATCH_SIZE + 40
Told = list[tuple[int, int]]


class Grey(nn.Module):
    """Images of 4x4 pixels, as bright as their latent says."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(self.scale * latents)[:, :, None, None].expand(-1, -1, 4, 4)


def mean(pixels: Tensor) -> Tensor:
    return pixels.float().mean((1, 2, 3))


BY_PIECES = Extractor("by pieces", mean, batch_size=100)
WHOLE = Extractor("whole", mean)


def told_of_samples(*views: Extractor) -> tuple[Told, dict[str, Tensor]]:
    """What fake_features told while it looked at `COUNT` samples, and what it found."""
    generator = TrainedGenerator(Grey(), tiny_data().shape, 1, images_seen=7)
    told: Told = []
    found = fake_features(generator, COUNT, 0, [*views], lambda *now: told.append(now))
    return told, found


def test_samples_are_told_piece_by_piece_and_are_those_of_a_single_look() -> None:
    told, found = told_of_samples(BY_PIECES)
    done = [count for count, _ in told]
    assert done == [0, 85, 170, 256, 256, 296, 296], "of 256 in three pieces, then of 40 in one"
    assert {total for _, total in told} == {COUNT}
    assert torch.equal(found["by pieces"], told_of_samples(WHOLE)[1]["whole"])


def test_a_view_of_many_pieces_has_the_larger_part_of_the_bar() -> None:
    told, _ = told_of_samples(BY_PIECES, WHOLE)
    assert [count for count, _ in told][:5] == [0, 64, 128, 192, 256]


@pytest.mark.parametrize("held_out", [False, True])
def test_real_images_are_told_piece_by_piece(held_out: bool) -> None:
    indices = np.arange(100) if held_out else np.arange(300)
    data = replace(tiny_data(400), held_out=indices)
    told: Told = []
    view = replace(BY_PIECES, batch_size=60)
    found = real_features(view, data, held_out, 100, lambda *now: told.append(now))
    assert told == [(0, 100), (60, 100), (100, 100)]
    assert torch.equal(found, real_features(WHOLE, data, held_out, 100, lambda *now: None))
