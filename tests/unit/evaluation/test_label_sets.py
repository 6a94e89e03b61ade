"""Samples have the labels of the data, a generator that swaps them is found out, and told apart."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.evaluation.evaluate import default_metrics
from ganvas.evaluation.families import FeatureSets, SetLabels
from ganvas.evaluation.label_sets import confusion_of, labels_of_samples
from ganvas.evaluation.measure import ScoringResult, measure
from ganvas.evaluation.mode_classifier import mode_extractor
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import to_signed
from ganvas.labels import LabelSet
from ganvas.metrics import classifier, train_on_fake
from ganvas.metrics.names import parse_metrics
from ganvas.progress import TerminalFeedback, no_progress
from tests.builders.tiny import tiny_data

SETTINGS = DataSettings(size=(16, 16), held_out=0.3)
SAMPLES = 300


def pictures(labels: Tensor, seed: int) -> Tensor:
    """uint8 (N, 1, 16, 16): noise, brighter above for label 0 and below for label 1."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 100, (len(labels), 1, 16, 16), generator=random)
    images[labels == 0, :, :8] += 120
    images[labels == 1, :, 8:] += 120
    return images.to(torch.uint8)


class Drawing(nn.Module):
    """Makes pictures of labels, or of the other ones; without labels, of both kinds by turns."""

    def __init__(self, swaps: bool) -> None:
        super().__init__()
        self.swaps = swaps
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            labels = torch.arange(len(latents)) % 2
        kinds = 1 - labels if self.swaps else labels
        return to_signed(pictures(kinds, seed=5))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        labels = torch.arange(400) % 2
        images = pictures(labels, seed=0)[:, 0].numpy()
        np.savez(folder / "images.npz", images=images, labels=labels.numpy())
        return prepare(open_source(str(folder / "images.npz")), SETTINGS)


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path_factory.getbasetemp() / "networks"))
    monkeypatch.setattr(classifier, "MIN_IMAGES_SEEN", 2_000)
    monkeypatch.setattr(train_on_fake, "IMAGES_SEEN", 2_000)


def generator_of(
    data: PreparedData, label_set: LabelSet | None, swaps: bool = False
) -> TrainedGenerator:
    return TrainedGenerator(Drawing(swaps), data.shape, 1, images_seen=7, label_set=label_set)


def measured(generator: TrainedGenerator, data: PreparedData, *names: str) -> ScoringResult:
    quiet = TerminalFeedback(quiet=True)
    return measure(generator, data, SETTINGS, parse_metrics(names), SAMPLES, 0, quiet)


ALL = ("fd-classifier", "intra-fd-classifier", "train-on-fake", "label-accuracy")


def test_a_generator_that_swaps_labels_is_seen_by_what_sees_labels_alone(
    data: PreparedData,
) -> None:
    right, swapped = (
        measured(generator_of(data, data.label_set, swaps), data, *ALL) for swaps in (False, True)
    )
    assert not right.failures
    scores = {score.metric: score for score in right.scores}
    wrong = {score.metric: score for score in swapped.scores}
    assert scores["train-on-fake"].value > 0.95
    assert scores["train-on-fake"].floor > 0.95
    assert wrong["train-on-fake"].value < 0.05
    assert scores["label-accuracy"].value > 0.95
    assert wrong["label-accuracy"].value < 0.05
    intra = "intra-fd-classifier"
    assert wrong[intra].value > 20 * scores[intra].value
    assert wrong["fd-classifier"].value < 2 * scores["fd-classifier"].value
    assert scores[intra].protocol["labels"] == "given"
    assert swapped.confusion is not None
    assert swapped.confusion["labels"] == list(data.label_names)
    assert sum(swapped.confusion["samples"]) == SAMPLES
    assert swapped.confusion["fractions"][0][1] > 0.95
    assert all(sum(row) == pytest.approx(1) for row in swapped.confusion["fractions"])


def test_samples_without_labels_get_those_of_the_data_and_the_protocol_says_so(
    data: PreparedData,
) -> None:
    measurement = measured(generator_of(data, None), data, *ALL)
    (intra,) = (score for score in measurement.scores if score.metric.startswith("intra"))
    assert intra.protocol["labels"] == "ignored"
    assert intra.value > 5 * intra.floor
    assert set(measurement.failures) == {"train-on-fake", "label-accuracy"}
    assert all("takes no labels" in reason for reason in measurement.failures.values())
    assert measurement.confusion is None


def test_labels_are_compared_by_name(data: PreparedData) -> None:
    assert data.label_set is not None
    reversed_names = LabelSet(data.label_names[::-1], data.label_set.counts)
    straight = labels_of_samples(generator_of(data, data.label_set), data, 50, 0)
    turned = labels_of_samples(generator_of(data, reversed_names), data, 50, 0)
    assert torch.equal(turned, 1 - straight)


def test_labels_that_the_data_lack_are_named(data: PreparedData) -> None:
    foreign = generator_of(data, LabelSet((data.label_names[0], "zebra"), (5, 5)))
    failures = measured(foreign, data, "swd", *ALL[1:]).failures
    assert set(failures) == set(ALL[1:])
    assert all("does not have: zebra" in reason for reason in failures.values())


def test_data_without_labels_are_a_reason(data: PreparedData) -> None:
    unlabelled = replace(data, labels=None, label_names=())
    failures = measured(generator_of(data, None), unlabelled, "swd", *ALL[1:]).failures
    assert set(failures) == set(ALL[1:])
    assert all("has no labels" in reason for reason in failures.values())


def test_a_first_answer_about_labels_is_the_quick_one(data: PreparedData) -> None:
    new = set(default_metrics(data, full=False, takes_labels=True)) - set(
        default_metrics(data, full=False)
    )
    assert new == {"intra-fd-lite0"}
    all_new = set(default_metrics(data, full=True, takes_labels=True)) - set(
        default_metrics(data, full=True)
    )
    assert all_new == {"intra-fd-lite0", "train-on-fake", "label-accuracy"}


def test_samples_should_have_the_labels_as_often_as_images_that_were_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often held-out images have them; a label of a single image is no mode."""
    known: Any = SimpleNamespace(
        config=dict,
        training=SimpleNamespace(accuracy=1.0),
        classify=lambda pixels: torch.tensor([0, 1, 2]),
    )
    monkeypatch.setattr(
        "ganvas.evaluation.mode_classifier.classifier_for", lambda *arguments: known
    )
    labels = np.array([0] * 12 + [2] * 3 + [1] + [2] * 4)
    data = replace(tiny_data(20, held_out=4), labels=labels, label_names=("a", "b", "c"))
    extractor = mode_extractor(data, DataSettings(), torch.device("cpu"), no_progress)
    assert extractor.expected is not None
    assert extractor.expected.tolist() == [0.8, 0.2]
    assert extractor.extract(torch.zeros(3)).tolist() == [0, -1, 1]


def test_samples_without_labels_get_them_as_often_as_images_that_were_trained_on() -> None:
    labels = np.array([0] * 90 + [1] * 10 + [1] * 50)
    data = replace(tiny_data(150, held_out=50), labels=labels, label_names=("a", "b"))
    unlabelled: Any = SimpleNamespace(draw_labels=lambda n, seed: None, label_names=())
    drawn = labels_of_samples(unlabelled, data, 2_000, 0)
    assert float(drawn.float().mean()) == pytest.approx(0.1, abs=0.025)


def test_the_confusion_has_a_row_for_each_label_that_was_asked_for() -> None:
    asked = torch.tensor([0, 0, 0, 0, 1, 1])
    recognised = torch.tensor([0, 0, 0, 1, 1, 2])
    labels = SetLabels(asked, asked, asked, ("a", "b", "c"))
    confusion = confusion_of(FeatureSets(asked, asked, recognised, labels=labels), 64)
    assert confusion["samples"] == [4, 2, 0]
    assert confusion["fractions"] == [[0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 0]]
