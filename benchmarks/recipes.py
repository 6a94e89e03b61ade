"""How well each recipe learns at a laptop's budget: one training run each, scored and pictured.

    .venv/bin/python benchmarks/recipes.py --images 200k dcgan wgan resnet

Trains on the built-in Fashion-MNIST images and scores 5,000 samples of the averaged generator by
the Fréchet distance in 64 features of a small convolutional classifier, trained here on the same
images and their labels. The score is called fd-small: it orders runs on these images and is no FID.
Its floor is the distance between two disjoint halves of the real images.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import ganvas
from ganvas.data.preparation import PreparedData, prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.images import make_grid, to_signed, write_png
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.schedules import parse_count

SAMPLES = 5_000
PICTURES = 64


class Classifier(nn.Module):
    """Three strided convolutions, 64 features, ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(1024, 64), nn.ReLU()),
        )
        self.classes = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 32, 32) in [-1, 1] -> (N, 10)."""
        logits: Tensor = self.classes(self.features(images))
        return logits


def train_classifier(data: PreparedData, epochs: int = 10) -> Classifier:
    """Fit the classifier to the built-in images; same seed, same classifier."""
    torch.manual_seed(0)
    order = np.random.default_rng(0)
    network = Classifier()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    assert data.labels is not None
    for _ in range(epochs):
        for indices in np.array_split(order.permutation(len(data.images)), 80):
            images = to_signed(torch.from_numpy(data.images[indices]))
            loss = nn.functional.cross_entropy(
                network(images), torch.from_numpy(data.labels[indices])
            )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return network


def features(network: Classifier, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """uint8 (N, 1, 32, 32) -> float64 (N, 64)."""
    with torch.inference_mode():
        pieces = [
            network.features(to_signed(torch.from_numpy(np.ascontiguousarray(piece))))
            for piece in np.array_split(pixels, 20)
        ]
    array: npt.NDArray[np.float64] = torch.cat(pieces).double().numpy()
    return array


def frechet(one: npt.NDArray[np.float64], two: npt.NDArray[np.float64]) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), the Fréchet distance of two normals."""
    covariances = np.cov(one.T), np.cov(two.T)
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(min=0)
    offset = one.mean(0) - two.mean(0)
    traces = np.trace(covariances[0] + covariances[1])
    return float(offset @ offset + traces - 2 * np.sqrt(eigenvalues).sum())


@contextlib.contextmanager
def run_directory(keep: Path | None, name: str) -> Iterator[Path]:
    """Where a run goes: a folder that stays, or one that does not."""
    if keep is not None:
        yield keep / name
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / name


def train_or_go_on(recipe: Recipe, directory: Path, seed: int) -> ganvas.Run:
    """Train, or take up a run that was kept."""
    if not directory.exists():
        return ganvas.train(recipe, "fashion", directory, seed=seed, quiet=True)
    run = ganvas.Run.open(directory)
    if run.status["images_seen"] < recipe.images:
        run = ganvas.resume(directory, images=recipe.images, quiet=True)
    return run


def main() -> None:
    """Train, score and print one row a recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(CATALOG))
    parser.add_argument("--images", type=parse_count, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep the runs here, and go on with those there")
    parser.add_argument("--pictures", type=Path, help="write a grid of each recipe here")
    options = parser.parse_args()
    settings = DataSettings()
    data = prepare(open_source("fashion"), settings)
    network = train_classifier(data)
    real = features(network, data.images[:])
    floor = frechet(real[::2], real[1::2])
    print(f"fd-small floor, half of the real images against the other: {floor:.2f}", flush=True)
    print("| recipe | images | seed | fd-small | images/s |\n|---|---|---|---|---|", flush=True)
    for name in options.recipes:
        recipe = dataclasses.replace(load_recipe(name), images=options.images)
        with run_directory(options.keep, recipe.name) as directory:
            run = train_or_go_on(recipe, directory, options.seed)
            samples = ganvas.load(directory).sample(SAMPLES, seed=1)
            rate = float(np.median(run.history.column("images_per_second")))
        score = frechet(features(network, samples.transpose(0, 3, 1, 2)), real)
        seen = recipe.images // 1000
        print(f"| {name} | {seen}k | {options.seed} | {score:.1f} | {rate:,.0f} |", flush=True)
        if options.pictures is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            grid = make_grid(samples[:PICTURES], columns=16)
            write_png(options.pictures / f"{recipe.name}.png", grid, factor=1)


if __name__ == "__main__":
    main()
