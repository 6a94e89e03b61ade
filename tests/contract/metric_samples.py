"""Bars on noise, a generator of given images, and the scores that a metric gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.evaluation import measure
from ganvas.evaluation.score import Score
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import to_signed
from ganvas.metrics.features import FeatureConfig, FeatureNetwork
from ganvas.metrics.names import parse_metrics
from ganvas.progress import TerminalFeedback

SIDE, KINDS, HELD_OUT = 12, 3, 0.5
SETTINGS = DataSettings(size=(SIDE, SIDE), held_out=HELD_OUT)
COUNT = 240
"""Samples, and held-out images, and training images."""


@dataclass(frozen=True, eq=False)
class RandomProjection(FeatureNetwork):
    """Stands in for a network: random sums of pixels."""

    def config(self) -> FeatureConfig:
        return {
            "features": self.name,
            "dimension": self.dimension,
            "input": f"{SIDE}x{SIDE}",
            "resize": "none",
            "preprocessing": "none",
            "weights": "0123456789abcdef",
        }

    def _extract(self, pixels: Tensor) -> Tensor:
        random = torch.Generator().manual_seed(0)
        weights = torch.randn(SIDE * SIDE, self.dimension, generator=random) / SIDE
        return pixels[:, 0].flatten(1).float() / 64 @ weights


class Replay(nn.Module):
    """A generator that returns given images (N, C, H, W), in order."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = nn.Parameter(images, requires_grad=False)
        self.position = 0

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        self.position += len(latents)
        return self.images[self.position - len(latents) : self.position]


@dataclass(frozen=True)
class Conditional(TrainedGenerator):
    """Takes the labels of the data; draws them, or gives its samples these."""

    given: Tensor | None = None

    def draw_labels(self, n: int, seed: int = 0) -> Tensor | None:
        return super().draw_labels(n, seed) if self.given is None else self.given[:n]


def generator_of(
    samples: Tensor, data: PreparedData, labels: np.ndarray | None = None
) -> TrainedGenerator:
    """A generator that gives these samples, pixels or [-1, 1], perhaps with these labels."""
    images = samples if samples.is_floating_point() else to_signed(samples)
    given = None if labels is None else torch.from_numpy(labels)
    return Conditional(
        Replay(images), data.shape, 1, images_seen=7, label_set=data.label_set, given=given
    )


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey images (N, H, W), a bright bar on noise, and their kinds: where the bar is."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, KINDS, count)
    images = random.integers(0, 128, (count, SIDE, SIDE), np.uint8)
    for image, kind in zip(images, kinds, strict=True):
        image[4 * kind : 4 * kind + 4] += 100
    return images, kinds


def measured(
    family: str,
    data: PreparedData,
    samples: Tensor,
    seed: int = 0,
    labels: np.ndarray | None = None,
) -> list[Score]:
    """The scores of `generator_of`."""
    generator = generator_of(samples, data, labels)
    metrics = parse_metrics([family])
    quiet = TerminalFeedback(quiet=True)
    measurement = measure.measure(generator, data, SETTINGS, metrics, len(samples), seed, quiet)
    measurement.check()
    return measurement.scores
