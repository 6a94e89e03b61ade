"""The labels of real images and of samples, in the numbers of the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ganvas.data.prepared import PreparedData
from ganvas.evaluation.extractors import shuffled
from ganvas.evaluation.families import FeatureSets, SetLabels
from ganvas.evaluation.samples import Samples
from ganvas.labels import listed
from ganvas.randomness import named_generator
from ganvas.runs.tables import LabelConfusionTable


def foreign_labels_problem(generator: Samples, data: PreparedData) -> str | None:
    """Why a generator's labels cannot be compared with those of the data; None if they can."""
    foreign = [name for name in generator.label_names if name not in data.label_names]
    if not foreign:
        return None
    return (
        f"the generator makes images of labels that {data.name} does not have: {listed(foreign)}. "
        "Name data with the same labels (evaluate --data DATA), or leave the metric out"
    )


def labels_of_samples(generator: Samples, data: PreparedData, n: int, seed: int) -> Tensor:
    """The label of each sample, int64 (n,), as an index of the data's label names.

    Samples of a generator that takes no labels get some, drawn as often as the training images have
    them.

    Args:
        data: has labels, and no `foreign_labels_problem`.
    """
    labels = generator.draw_labels(n, seed)
    if labels is not None:
        numbers = [data.label_names.index(name) for name in generator.label_names]
        return torch.tensor(numbers)[labels]
    assert data.label_set is not None
    random = named_generator(seed, "labels of samples of a generator without")
    weights = torch.tensor(data.label_set.counts, dtype=torch.float64)
    return torch.multinomial(weights, n, replacement=True, generator=random)


def add_labels(
    sets: FeatureSets, generator: Samples, data: PreparedData, n: int, seed: int
) -> FeatureSets:
    """The same sets with the labels of their images.

    Args:
        data: see `labels_of_samples`.
        n: number of samples, of which `sets` may hold only the first.
    """
    assert data.labels is not None
    of_training, of_held_out = (
        torch.from_numpy(np.asarray(data.labels[shuffled(split)], np.int64))
        for split in (data.training, data.held_out)
    )
    labels = SetLabels(
        of_training[: len(sets.training)].to(sets.fake.device),
        of_held_out[: len(sets.held_out)].to(sets.fake.device),
        labels_of_samples(generator, data, n, seed)[: len(sets.fake)].to(sets.fake.device),
        data.label_names,
    )
    return replace(sets, labels=labels)


def confusion_of(sets: FeatureSets, images_seen: int) -> LabelConfusionTable:
    """As what the samples of each label are recognised.

    Args:
        sets: `fake` is the recognised label of each sample.
    """
    assert sets.labels is not None
    kinds = len(sets.labels.names)
    pairs = torch.bincount(sets.labels.fake * kinds + sets.fake, minlength=kinds * kinds)
    counts = pairs.reshape(kinds, kinds).double().cpu()
    samples = counts.sum(1)
    return {
        "images_seen": images_seen,
        "labels": list(sets.labels.names),
        "samples": samples.long().tolist(),
        "fractions": (counts / samples.clamp(min=1)[:, None]).tolist(),
    }
