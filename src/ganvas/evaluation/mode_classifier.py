"""Which mode a sample belongs to: by the nearest known centre, or by a trained classifier."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.held_out import FEWEST_TO_SCORE, can_be_scored, rare_labels_warning
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.stacking import CLASSES, PLACE_VALUES, is_stacked
from ganvas.data.synthetic import MIXTURES, Mixture
from ganvas.evaluation.extractors import Extractor
from ganvas.evaluation.own_networks import classifier_for
from ganvas.formatting import format_percent
from ganvas.metrics.features import FeatureConfig
from ganvas.metrics.modes import NO_MODE, nearest_mode
from ganvas.progress import Progress

LEAST_ACCURACY = 0.5
"""Below this accuracy on held-out images, a classifier's modes come with a warning."""


def labels_problem(data: PreparedData) -> str | None:
    """Why no classifier of the data's labels can be trained; None if one can."""
    if is_stacked(data.location) or (data.labels is not None and len(data.label_names) > 1):
        return None
    return no_labels(data)


def no_labels(data: PreparedData) -> str:
    """That a metric needs labels, and these images have none."""
    return (
        f"{data.name} has no labels, which this metric needs: put the images of each class "
        "into a sub-folder of their own, or leave the metric out"
    )


def modes_problem(data: PreparedData) -> str | None:
    """Why the modes of the data are not known, or too few can be scored; None if they are."""
    if data.location in MIXTURES or is_stacked(data.location):
        return None
    if data.shape.is_point:
        return f"{data.name} has no known modes. Look at its samples instead: ganvas sample RUN"
    problem = labels_problem(data)
    if problem is None and (scored := int(scored_labels(data).sum())) < 2:
        return (
            f"{scored} of the {len(data.label_names)} labels of {data.name} can be scored, and "
            f"modes needs two: labels of which there are {FEWEST_TO_SCORE} different images or "
            "more, one of them to train on"
        )
    return problem


def scored_labels(data: PreparedData) -> npt.NDArray[np.bool_]:
    """(K,), which of the data's labels can be scored (see `can_be_scored`)."""
    assert data.labels is not None
    return can_be_scored(data.labels, data.held_out, len(data.label_names))


def modes_warnings(data: PreparedData) -> tuple[str, ...]:
    """A warning if some labels cannot be scored, for data that has no `modes_problem`."""
    if data.location in MIXTURES or is_stacked(data.location):
        return ()
    scored = scored_labels(data)
    rare = [name for name, ok in zip(data.label_names, scored, strict=True) if not ok]
    return (rare_labels_warning(rare, len(scored)),) if rare else ()


def mode_extractor(
    data: PreparedData, settings: DataSettings, device: torch.device, on_progress: Progress
) -> Extractor:
    """Extracts the mode of each sample, int64 (N,), -1 for none.

    For images the modes are the labels that can be scored; a sample of any other label is of none.

    Args:
        data: has no `modes_problem`.
    """
    if data.location in MIXTURES:
        return _nearest_centre(MIXTURES[data.location])
    classifier = classifier_for(data, settings, device, on_progress)
    config: FeatureConfig = {"judge": "classifier", **classifier.config()}
    if is_stacked(data.location):
        places = torch.from_numpy(PLACE_VALUES).to(device)

        def mode_of_stack(pixels: Tensor) -> Tensor:
            digits = classifier.classify(pixels.flatten(0, 1)[:, None])  # (N * 3,)
            return (digits.reshape(-1, len(PLACE_VALUES)) * places).sum(1)

        expected = _uniform(CLASSES ** len(PLACE_VALUES))
        return Extractor("modes", mode_of_stack, config, expected=expected)
    assert data.labels is not None
    scored = scored_labels(data)
    counts = np.bincount(data.labels[data.training], minlength=len(scored))[scored]
    modes = np.full(len(scored), NO_MODE)
    modes[scored] = np.arange(len(counts))
    mode_of_label = torch.from_numpy(modes).to(device)
    warnings = modes_warnings(data)
    if (accuracy := classifier.training.accuracy) < LEAST_ACCURACY:
        warnings += (
            f"the classifier recognises only {format_percent(accuracy)} of the held-out images, so "
            "what it says about samples is mostly a guess",
        )
    return Extractor(
        "modes",
        lambda pixels: mode_of_label[classifier.classify(pixels)],
        config,
        expected=torch.from_numpy(counts / counts.sum()),
        warnings=warnings,
    )


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
