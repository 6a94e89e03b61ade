"""Generators with drawn weights, as `generator/` folders: nothing is trained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ganvas.generators import files as generator_files
from ganvas.generators.files import dimensions_of
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.networks import GENERATORS, ImageShape
from ganvas.randomness import seeded_weights

from .tiny import narrow

LATENT_DIM = 6
LABELS = LabelSet(("cat", "dog", "bird <b>"), (50, 30, 20))
CONTRAST = 0.4
"""Least standard deviation of pixels in [-1, 1]: drawn weights alone make grey pictures."""


def write_generator(
    folder: Path,
    family: str = "dcgan",
    shape: ImageShape = ImageShape(1, 16, 16),  # noqa: B008 - it is frozen
    labels: LabelSet | None = None,
    seed: int = 0,
) -> TrainedGenerator:
    """Write the folder of a narrow generator; gives what `ganvas.load` reads there."""
    description = narrow(GENERATORS[family])
    if labels is not None:
        description = description.conditional()
    with seeded_weights(seed):
        network = description.build(dimensions_of(shape, LATENT_DIM, labels))
    raise_contrast(network.eval(), labels)
    extent = 1.5 if shape.is_point else None
    trained = TrainedGenerator(network, shape, LATENT_DIM, 12_000, extent, labels)
    folder.mkdir(parents=True)
    generator_files.save_generator(folder, trained, description)
    return generator_files.load(folder)


def raise_contrast(network: nn.Module, labels: LabelSet | None) -> None:
    """Enlarge the weights of the last layer until pictures have light and dark pixels."""
    last = [weight for weight in network.parameters() if weight.ndim > 1][-1]
    latents = torch.randn(16, LATENT_DIM, generator=torch.Generator().manual_seed(1))
    inputs = (latents,) if labels is None else (latents, torch.arange(16) % len(labels.names))
    with torch.no_grad():
        while network(*inputs).std() < CONTRAST:
            last.mul_(2)
