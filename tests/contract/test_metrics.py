"""What every metric must do. A new family is tested by being in the table of families."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.data.digests import read_digests
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.sources import open_source
from ganvas.errors import GanvasError
from ganvas.evaluation import extractor_choice, extractors, measure
from ganvas.evaluation.extractors import shuffled
from ganvas.evaluation.families import FAMILIES, FeatureSets
from ganvas.latents import random_inputs
from ganvas.metrics import (
    classifier,
    features,
    inputs,
    neighbours,
    sliced_wasserstein,
    train_on_fake,
    two_samples,
)
from ganvas.metrics.estimate import Estimate
from ganvas.metrics.names import IN_FEATURES, WITHOUT_FEATURES, parse_metrics
from ganvas.progress import Progress, TerminalFeedback
from tests.contract.metric_samples import (
    COUNT,
    KINDS,
    SETTINGS,
    RandomProjection,
    generator_of,
    measured,
    pictures,
)

SCORE_NAMES = {**IN_FEATURES, **WITHOUT_FEATURES}

PROTOCOL = {
    *("ganvas", "checkpoint", "checkpoint_hash", "seed", "interval"),
    *("data", "fingerprint", "prepared", "split", "size", "channels", "resize"),
    *("n_fake", "n_real", "n_training", "n_floor", "view"),
}
"""The keys of a score's protocol."""

DRAWN = {
    "kid": "the interval uses halves that are drawn by position",
    "swd": "the k-th images of both sets give patches at the same positions",
    "c2st": "the first half trains, the second tests",
    "train-on-fake": "the classifier sees samples in an order of positions",
    "inception-score": "samples are split into parts by position",
}
"""Families whose scores may depend on the order of samples, and why. Others must not."""


@pytest.fixture(scope="module", autouse=True)
def cheap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stand-ins for networks with weights, a short training for the classifier, a cache of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(
            extractor_choice,
            "load_feature_network",
            lambda name, device: RandomProjection(name, 8, device),
        )
        classes = RandomProjection("inception-classes", KINDS, torch.device("cpu"))
        patch.setattr(extractor_choice, "load_inception_classes", lambda device: classes)
        patch.setattr(classifier, "MIN_IMAGES_SEEN", 2_000)
        patch.setattr(two_samples, "IMAGES_SEEN", 1_000)
        patch.setattr(train_on_fake, "IMAGES_SEEN", 1_000)
        patch.setattr(sliced_wasserstein, "PATCHES", 2_048)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    path: Path = tmp_path_factory.mktemp("data") / "bars.npz"
    images, kinds = pictures(2 * COUNT, 0)
    np.savez(path, images=images, labels=kinds)
    return prepare(open_source(str(path)), SETTINGS)


@pytest.fixture(scope="module")
def samples() -> Tensor:
    """uint8 (N, 1, H, W): of the same kinds as the real ones, but darker."""
    return torch.from_numpy(pictures(COUNT, 1)[0])[:, None] // 2


def test_every_named_family_is_in_the_table() -> None:
    assert set(FAMILIES) == set(SCORE_NAMES)


@pytest.mark.parametrize("family", FAMILIES)
class TestEveryMetric:
    def test_gives_the_scores_that_its_name_promises(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        (metric,) = parse_metrics([family])
        names = [metric.full_name(score) for score in SCORE_NAMES[family]]
        # the classifier names a mode for every sample, so none can be of low quality
        names = [name for name in names if name != "high-quality"]
        assert [score.metric for score in measured(family, data, samples)] == names

    def test_comes_with_interval_floor_and_protocol(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        for score in measured(family, data, samples, seed=3):
            low, high = score.interval
            assert all(map(math.isfinite, (low, score.value, high, score.floor)))
            assert low <= score.value <= high
            protocol = score.protocol
            sees_labels = FAMILIES[family].labels != "unseen"
            assert set(protocol) == PROTOCOL | ({"labels"} if sees_labels else set())
            counts = [protocol[name] for name in ("n_fake", "n_real", "n_training", "seed")]
            assert counts == [COUNT, COUNT, COUNT, 3]
            assert protocol["split"] == FAMILIES[family].split
            assert protocol["interval"].startswith("95%, ")
            assert len(protocol["checkpoint_hash"]) == 16
            if FAMILIES[family].kind in ("features", "classes"):
                expected = {"features", "dimension", "input", "resize", "preprocessing", "weights"}
                assert set(protocol["view"]) == {"name", *expected}
            assert json.loads(json.dumps(score.to_json())) == score.to_json()

    def test_is_the_same_for_the_same_seed(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        assert measured(family, data, samples, 5) == measured(family, data, samples, 5)

    def test_depends_on_the_seed_only_if_its_family_says_so(
        self, family: str, data: PreparedData, samples: Tensor, tmp_path: Path
    ) -> None:
        """Else all seeds have the floors of the first in the cache."""
        if FAMILIES[family].uses_seed:
            return
        kinds = pictures(COUNT, 1)[1]
        first = measured(family, data, samples, 5, labels=kinds)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GANVAS_CACHE", str(tmp_path))
            again = measured(family, data, samples, 6, labels=kinds)
        for score, other in zip(first, again, strict=True):
            assert replace(other, protocol=score.protocol) == score

    def test_does_not_depend_on_order(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))
        kinds = pictures(COUNT, 1)[1]
        first = measured(family, data, samples, labels=kinds)
        again = measured(family, data, samples[order], labels=kinds[order])
        for score, other in zip(first, again, strict=True):
            if family in DRAWN:
                low, high = score.interval
                assert low <= other.value <= high
            else:
                assert other.value == pytest.approx(score.value, rel=1e-5)
                assert other.interval == pytest.approx(score.interval, rel=1e-5)

    def test_does_not_depend_on_the_batch_size(
        self,
        family: str,
        data: PreparedData,
        samples: Tensor,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        whole = measured(family, data, samples)
        for module, name, size in (
            (random_inputs, "BATCH_SIZE", 17),
            (extractors, "BATCH_SIZE", 19),
            (inputs, "BLOCK_ROWS", 23),
            (neighbours, "ROWS", 16),
            (neighbours, "COLUMNS", 40),
            (sliced_wasserstein, "IMAGES_PER_BATCH", 29),
            (features, "_BATCH_SIZE", {"cpu": 5}),
        ):
            monkeypatch.setattr(module, name, size)
        monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))  # recompute the features of real images
        for score, other in zip(whole, measured(family, data, samples), strict=True):
            assert other.value == pytest.approx(score.value, rel=1e-5)
            assert other.interval == pytest.approx(score.interval, rel=1e-5)
            assert other.floor == pytest.approx(score.floor, rel=1e-5, abs=1e-9)

    def test_the_floor_never_compares_real_images_with_themselves(self, family: str) -> None:
        training, held_out, fake = (COUNT * part + torch.arange(COUNT) for part in range(3))
        split = FAMILIES[family].split
        reference = FAMILIES[family].real_reference(FeatureSets(training, held_out, fake))
        compared_with = {
            *(reference.training.tolist() if "training" in split else ()),
            *(reference.held_out.tolist() if "held-out" in split else ()),
        }
        stand_ins = set(reference.fake.tolist())
        assert stand_ins <= {*training.tolist(), *held_out.tolist()}
        if family != "modes":  # which compares shares, and not images
            assert not stand_ins & compared_with
        # those that compare with all real images there are must share the held-out ones
        assert len(stand_ins) == (COUNT // 2 if split == "training and held-out" else COUNT)

    def test_takes_the_fewest_samples_and_refuses_fewer(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        fewest = FAMILIES[family].fewest
        assert measured(family, data, samples[:fewest])
        with pytest.raises(GanvasError, match=f"at least {fewest}"):
            measured(family, data, samples[: fewest - 1])

    def test_real_images_score_the_floor(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        training, held_out = (
            torch.from_numpy(data.images[shuffled(split)])
            for split in (data.training, data.held_out)
        )
        reference = FAMILIES[family].real_reference(FeatureSets(training, held_out, samples))
        training_is_fake = torch.equal(reference.fake[:1], training[:1])
        split = data.training if training_is_fake else data.held_out
        assert data.labels is not None
        labels = data.labels[shuffled(split)]
        for score in measured(family, data, reference.fake, labels=labels):
            low, high = score.interval
            if len(reference.held_out) == len(held_out):
                assert score.value == pytest.approx(score.floor, rel=1e-6, abs=1e-9)
            else:  # the floor is computed against fewer images than the value
                assert low <= score.floor <= high

    def test_the_held_out_images_themselves_are_no_worse_than_the_floor(
        self, family: str, data: PreparedData
    ) -> None:
        held_out = torch.from_numpy(data.images[shuffled(data.held_out)])
        assert data.labels is not None
        labels = data.labels[shuffled(data.held_out)]
        for score in measured(family, data, held_out, labels=labels):
            low, high = score.interval
            best = high if score.more_is_better else -low
            assert best >= (score.floor if score.more_is_better else -score.floor)

    @pytest.mark.parametrize(
        "degenerate",
        [
            lambda samples: torch.zeros_like(samples),
            lambda samples: samples[:1].expand_as(samples),
            lambda samples: samples[:1],
            lambda samples: samples[:12],
            lambda samples: samples.float() * torch.nan,
        ],
        ids=["all black", "all the same", "one", "twelve", "NaN"],
    )
    def test_degenerate_samples_give_an_error_or_a_warning(
        self,
        family: str,
        data: PreparedData,
        samples: Tensor,
        degenerate: Callable[[Tensor], Tensor],
    ) -> None:
        try:
            scores = measured(family, data, degenerate(samples))
        except GanvasError:
            return
        for score in scores:
            assert score.warnings, score.metric
            assert math.isfinite(score.value)

    def test_good_samples_give_no_warning(
        self, family: str, data: PreparedData, samples: Tensor
    ) -> None:
        for score in measured(family, data, samples):
            expected = ("batches of 24 and not 400",) if family == "birthday" else ()
            assert len(score.warnings) == len(expected)
            for warning, start in zip(score.warnings, expected, strict=True):
                assert warning.startswith(start)


def measured_with_swd(family: str, data: PreparedData, samples: Tensor) -> measure.ScoringResult:
    """Two metrics measured together: swd and another one."""
    generator = generator_of(samples, data)
    names = [family, "kid" if family == "swd" else "swd"]
    quiet = TerminalFeedback(quiet=True)
    return measure.measure(generator, data, SETTINGS, parse_metrics(names), len(samples), 0, quiet)


def failing_estimate(outcome: Exception | float) -> Callable[[FeatureSets, int], object]:
    """Raises an error, or gives every score the same value."""

    def estimate(sets: FeatureSets, seed: int) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return defaultdict(lambda: Estimate(outcome, (outcome, outcome), "none"))

    return estimate


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (GanvasError("weights are missing"), "weights are missing"),
        (MemoryError(), "more memory than there is"),
        (RuntimeError("CUDA out of memory"), "more memory than there is"),
        (ZeroDivisionError("division by zero\nmore"), "ZeroDivisionError: division by zero"),
        (math.nan, "came out as nan"),
    ],
    ids=["refused", "memory", "GPU memory", "a fault", "NaN"],
)
def test_a_metric_that_cannot_be_measured_never_loses_the_others(
    family: str,
    outcome: Exception | float,
    reason: str,
    data: PreparedData,
    samples: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = replace(FAMILIES[family], estimate=failing_estimate(outcome))
    monkeypatch.setitem(FAMILIES, family, broken)
    (metric, other) = parse_metrics([family, "kid" if family == "swd" else "swd"])
    measurement = measured_with_swd(family, data, samples)
    assert [score.metric for score in measurement.scores] == [other.name]
    assert list(measurement.failures) == [metric.name]
    assert reason in measurement.failures[metric.name]
    assert "\n" not in measurement.failures[metric.name]


@pytest.mark.parametrize("broken", ["load_feature_network", "extract"])
def test_features_that_fail_never_lose_the_metrics_without_them(
    broken: str, data: PreparedData, samples: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Tensor:
        raise MemoryError

    if broken == "extract":  # the first samples already
        monkeypatch.setattr(RandomProjection, "_extract", fail)
    else:
        monkeypatch.setattr(extractor_choice, broken, fail)
    quiet = TerminalFeedback(quiet=True)
    metrics = parse_metrics(["fd-lite0", "prdc-lite0", "swd", "modes"])
    generator = generator_of(samples, data)
    measurement = measure.measure(generator, data, SETTINGS, metrics, COUNT, 0, quiet)
    assert [score.metric for score in measurement.scores] == ["swd", "modes", "reverse-kl"]
    assert set(measurement.failures) == {"fd-lite0", "prdc-lite0"}


class Recording(TerminalFeedback):
    """Keeps the messages and the names of tasks."""

    heard: ClassVar[list[str]] = []

    def message(self, text: str) -> None:
        self.heard.append(text)

    def progress(self, task: str) -> AbstractContextManager[Progress]:
        self.heard.append(task)
        return super().progress(task)


def rare_bars(folder: Path) -> PreparedData:
    """Two labels with many images, one with one, and one whose two images have the lowest hashes
    of all, prepared without regard to labels."""
    images, kinds = pictures(120, 2)
    kinds = np.minimum(kinds, 1)
    np.savez(folder / "all.npz", images=images)
    digests = read_digests(open_source(str(folder / "all.npz")), folder)
    lowest = sorted(range(120), key=lambda index: digests[index])
    kinds[lowest[:2]], kinds[lowest[-1]] = 2, 3
    np.savez(folder / "rare.npz", images=images, labels=kinds)
    return prepare(open_source(str(folder / "rare.npz")), replace(SETTINGS, split="content"))


def test_modes_counts_over_the_labels_that_can_be_scored(tmp_path: Path, samples: Tensor) -> None:
    data = rare_bars(tmp_path)
    feedback = Recording(quiet=True)
    generator = generator_of(samples, data)
    metrics = parse_metrics(["modes"])
    measurement = measure.measure(generator, data, SETTINGS, metrics, COUNT, 0, feedback)
    modes, reverse_kl = measurement.scores
    assert modes.details["of"] == 2
    assert math.isfinite(reverse_kl.value)
    (warning,) = (line for line in modes.warnings if line.startswith("rare labels: "))
    assert "2 labels cannot be scored" in warning
    assert "2, 3" in warning
    assert feedback.heard[:2] == [f"warning: modes: {warning}", "training the classifier"]


def test_modes_needs_two_labels_that_can_be_scored(tmp_path: Path, samples: Tensor) -> None:
    images, _ = pictures(60, 3)
    np.savez(tmp_path / "singles.npz", images=images, labels=np.arange(60))
    data = prepare(open_source(str(tmp_path / "singles.npz")), SETTINGS)
    measurement = measured_with_swd("modes", data, samples)
    assert [score.metric for score in measurement.scores] == ["swd"]
    assert "0 of the 60 labels of singles can be scored" in measurement.failures["modes"]
