"""Networks that are trained on the data's own images: once, then cached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from ganvas.data.cache import default_cache
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.data.stacking import Stacked, base_settings, is_stacked
from ganvas.evaluation.extractors import shuffled
from ganvas.metrics import classifier, contrastive
from ganvas.metrics.classifier import Classifier, load_classifier, train_classifier
from ganvas.metrics.contrastive import Contrastive, load_contrastive, train_contrastive
from ganvas.progress import Progress
from ganvas.storage import make_directory

MAX_TRAINING_IMAGES = 60_000
"""A network is trained on at most this many images, as many as MNIST's training set has."""


class Saved(Protocol):
    """What is cached in a file."""

    def save(self, path: Path) -> None:
        """Write the file, atomically."""


Network = TypeVar("Network", bound=Saved)


def classifier_for(
    data: PreparedData, settings: DataSettings, device: torch.device, on_progress: Progress
) -> Classifier:
    """A classifier of the data's labels, or of its stacked digits.

    Args:
        data: has no `labels_problem`.
    """
    if is_stacked(data.location):
        digits = open_source(data.location)
        assert isinstance(digits, Stacked)
        data = prepare(digits.base, base_settings(settings))
    labels = data.labels
    assert labels is not None

    def train() -> Classifier:
        training, held_out = (
            shuffled(split)[:MAX_TRAINING_IMAGES] for split in (data.training, data.held_out)
        )
        return train_classifier(
            data.images[training],
            labels[training],
            data.label_names,
            data.images[held_out],
            labels[held_out],
            seed=0,
            device=device,
            on_progress=on_progress,
        )

    name = f"classifier-{classifier.VERSION}.{classifier.FILE_FORMAT}-{data.key}"
    return cached(name, lambda path: load_classifier(path, device), train)


def contrastive_for(data: PreparedData, device: torch.device, on_progress: Progress) -> Contrastive:
    """Features learned from the data's training images without labels."""

    def train() -> Contrastive:
        images = data.images[shuffled(data.training)[:MAX_TRAINING_IMAGES]]
        return train_contrastive(images, seed=0, device=device, on_progress=on_progress)

    name = f"self-{contrastive.VERSION}-{data.key}"
    return cached(name, lambda path: load_contrastive(path, device), train)


def cached(name: str, load: Callable[[Path], Network], train: Callable[[], Network]) -> Network:
    """The network of that name in the cache; trained and saved there if it is not."""
    path = default_cache() / f"{name}.safetensors"
    if path.exists():
        return load(path)
    make_directory(path.parent)
    network = train()
    network.save(path)
    return network
