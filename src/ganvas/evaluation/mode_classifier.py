"""Which mode a sample belongs to: by the nearest known centre, or by a trained classifier."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganvas.data.preparation import PreparedData, default_cache, prepare
from ganvas.data.reading import Progress
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.data.stacking import CLASSES, PLACE_VALUES, PREFIX, Stacked, base_settings
from ganvas.data.synthetic import MIXTURES, Mixture
from ganvas.errors import DataError
from ganvas.evaluation.extractors import Extractor, shuffled
from ganvas.metrics.classifier import (
    FILE_FORMAT,
    VERSION,
    Classifier,
    load_classifier,
    train_classifier,
)
from ganvas.metrics.features import FeatureConfig
from ganvas.metrics.modes import nearest_mode
from ganvas.storage import make_directory

MAX_TRAINING_IMAGES = 60_000
"""The classifier is trained on at most this many images, as many as MNIST's training set has."""


def mode_extractor(
    data: PreparedData, settings: DataSettings, device: torch.device, on_progress: Progress
) -> Extractor:
    """Extracts the mode of each sample, int64 (N,), -1 for none.

    Raises:
        DataError: the data has no modes: no labels, and no known centres.
    """
    if data.location in MIXTURES:
        return _nearest_centre(MIXTURES[data.location])
    if data.shape.is_point:
        raise DataError(
            f"{data.name} has no known modes. Look at its samples instead: ganvas sample RUN"
        )
    classifier = classifier_for(data, settings, device, on_progress)
    config: FeatureConfig = {"judge": "classifier", **classifier.config()}
    if data.location.startswith(PREFIX):
        places = torch.from_numpy(PLACE_VALUES).to(device)

        def mode_of_stack(pixels: Tensor) -> Tensor:
            digits = classifier.classify(pixels.flatten(0, 1)[:, None])  # (N * 3,)
            return (digits.reshape(-1, len(PLACE_VALUES)) * places).sum(1)

        expected = _uniform(CLASSES ** len(PLACE_VALUES))
        return Extractor("modes", mode_of_stack, config, expected=expected)
    assert data.labels is not None
    counts = np.bincount(data.labels[data.training], minlength=len(data.label_names))
    expected = torch.from_numpy(counts / counts.sum())
    return Extractor("modes", classifier.classify, config, expected=expected)


def classifier_for(
    data: PreparedData, settings: DataSettings, device: torch.device, on_progress: Progress
) -> Classifier:
    """A classifier of the data's labels, or of its stacked digits; trained once, then cached.

    Raises:
        DataError: the images have no labels.
    """
    if data.location.startswith(PREFIX):
        digits = open_source(data.location)
        assert isinstance(digits, Stacked)
        data = prepare(digits.base, base_settings(settings))
    if data.labels is None or len(data.label_names) < 2:
        raise DataError(
            f"{data.name} has no labels, which this metric needs: put the images of each class "
            "into a sub-folder of their own, or leave the metric out"
        )
    name = f"classifier-{VERSION}.{FILE_FORMAT}-{data.key}.safetensors"
    path = default_cache() / name
    if path.exists():
        return load_classifier(path, device)
    make_directory(path.parent)
    training, held_out = (
        shuffled(split)[:MAX_TRAINING_IMAGES] for split in (data.training, data.held_out)
    )
    classifier = train_classifier(
        data.images[training],
        data.labels[training],
        data.label_names,
        data.images[held_out],
        data.labels[held_out],
        seed=0,
        device=device,
        on_progress=on_progress,
    )
    classifier.save(path)
    return classifier


def _nearest_centre(mixture: Mixture) -> Extractor:
    centres = torch.from_numpy(mixture.centres)

    def mode_of_point(points: Tensor) -> Tensor:
        return nearest_mode(points.flatten(1), centres.to(points), mixture.sigma)

    config: FeatureConfig = {
        "judge": "nearest centre within 3 standard deviations",
        "sigma": mixture.sigma,
    }
    expected = _uniform(mixture.modes)
    return Extractor("modes", mode_of_point, config, expected=expected, may_reject=True)


def _uniform(modes: int) -> Tensor:
    return torch.full((modes,), 1 / modes, dtype=torch.float64)
