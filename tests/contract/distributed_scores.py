"""Scores of two processes and of one: the cases, and the program of each process."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.errors import GanvasError
from ganvas.evaluation import extractor_choice, measure
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.metrics import classifier, contrastive, lite0, sliced_wasserstein
from ganvas.metrics.features import FeatureConfig, FeatureNetwork
from ganvas.metrics.names import parse_metrics
from ganvas.networks import DCGANGenerator, Dimensions, Generator, MLPGenerator
from ganvas.networks.sizes import POINT
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.progress import TerminalFeedback
from ganvas.randomness import seeded_weights
from tests.builders.tiny import LATENT_DIM, SIDE, narrow

IMAGES, KINDS = 80, 2
PICTURES = DataSettings(size=(SIDE, SIDE), held_out=0.5)
POINTS = DataSettings(size=POINT)
MAX_PIXEL_IMAGES = 600
"""So that of 700 samples only some of process 1 are compared pixel by pixel."""

CASES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "three batches for two processes": ("images.npz", ("fd-lite0", "prdc-lite0", "swd"), 700),
    "networks that only the main process has": (
        "images.npz",
        ("modes", "kid-classifier", "fd-self"),
        700,
    ),
    "no samples for process 1": ("images.npz", ("fd-lite0", "swd"), 150),
    "no pixels of process 1": ("images.npz", ("swd", "inception-score"), 1_300),
    "points": ("ring", ("modes",), 700),
}
"""Data, metrics and number of samples."""


def write_images(folder: Path) -> None:
    """Noise in two brightnesses, which are the labels."""
    random = np.random.default_rng(0)
    labels = np.arange(IMAGES) % KINDS
    pixels = random.integers(0, 128, (IMAGES, SIDE, SIDE), dtype=np.uint8)
    pixels += (100 * labels)[:, None, None].astype(np.uint8)
    np.savez(folder / "images.npz", images=pixels, labels=labels)


def prepared(folder: Path, name: str) -> tuple[PreparedData, DataSettings]:
    settings, place = (POINTS, name) if name == "ring" else (PICTURES, str(folder / name))
    return prepare(open_source(place), settings), settings


def generator_for(data: PreparedData) -> TrainedGenerator:
    """An untrained generator."""
    if data.shape.is_point:
        description: Generator = MLPGenerator(width=8)
    else:
        description = narrow(DCGANGenerator, norm="layer")
    with seeded_weights(0):
        network = description.build(Dimensions(data.shape, LATENT_DIM))
    return TrainedGenerator(network.eval().requires_grad_(False), data.shape, LATENT_DIM, 7)


def scores(folder: Path, name: str, processes: ProcessGroup) -> list[dict[str, Any]]:
    """The scores of a case, as in scores.jsonl."""
    place, metrics, n = CASES[name]
    data, settings = prepared(folder, place)
    return measured(generator_for(data), data, settings, metrics, n, processes)


def measured(
    generator: TrainedGenerator,
    data: PreparedData,
    settings: DataSettings,
    metrics: tuple[str, ...],
    n: int,
    processes: ProcessGroup,
) -> list[dict[str, Any]]:
    quiet = TerminalFeedback(quiet=True)
    measurement = measure.measure(
        generator, data, settings, parse_metrics(metrics), n, 3, quiet, processes
    )
    assert not measurement.failures
    return json.loads(json.dumps([score.to_json() for score in measurement.scores]))  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Classes(FeatureNetwork):
    """Replaces Inception: some pixels are the logits."""

    def config(self) -> FeatureConfig:
        return {"features": self.name}

    def _extract(self, pixels: Tensor) -> Tensor:
        return pixels[:, 0].flatten(1)[:, : self.dimension].float() / 64


def use_small_settings() -> None:
    """Compare fewer pixels, train networks shortly, replace Inception, look at small images."""
    classes = Classes("inception-classes", 10, torch.device("cpu"))
    extractor_choice.load_inception_classes = lambda device: classes  # type: ignore[assignment, return-value]
    extractor_choice.MAX_PIXEL_IMAGES = MAX_PIXEL_IMAGES
    classifier.MIN_IMAGES_SEEN = 500
    contrastive.IMAGES_SEEN = 200
    sliced_wasserstein.PATCHES = 1_024
    lite0.SIDE = 32  # six times faster (its docstring)


class Diverged(nn.Module):
    """A generator that returns NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float("nan")), requires_grad=False)

    def forward(self, latents: Tensor) -> Tensor:
        return self.scale.expand(len(latents), 1, SIDE, SIDE)


def error_when_diverged(
    folder: Path, processes: ProcessGroup, diverged: int, metrics: tuple[str, ...]
) -> str:
    """This process's error when one process has a diverged generator."""
    data, settings = prepared(folder, "images.npz")
    generator = generator_for(data)
    if processes.rank == diverged:
        generator = TrainedGenerator(Diverged(), data.shape, LATENT_DIM, 7)
    try:
        measured(generator, data, settings, metrics, 700, processes)
    except GanvasError as error:
        return str(error)
    return "no error"


def main(folder: Path) -> None:
    """Score every case together with the other process; each has its own cache."""
    torch.set_num_threads(1)
    processes = ProcessGroup.join()
    os.environ["GANVAS_CACHE"] = str(folder / f"cache-{processes.rank}")
    use_small_settings()
    results = {
        "scores": {name: scores(folder, name, processes) for name in CASES},
        "errors": [error_when_diverged(folder, processes, rank, ("swd",)) for rank in (0, 1)],
        "gathered": processes.all_gather_object(processes.rank),
        "trained": [
            any((folder / f"cache-{processes.rank}").glob(f"{name}-*"))
            for name in ("classifier", "self")
        ],
    }
    (folder / f"{processes.rank}.json").write_text(json.dumps(results))
    processes.barrier()
    processes.shut_down()


def single_process_scores(folder: Path, name: str) -> list[dict[str, Any]]:
    return scores(folder, name, SINGLE_PROCESS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
