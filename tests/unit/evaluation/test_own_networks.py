"""Networks trained on the data's own images: on training images only, once, then cached."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.evaluation import own_networks
from ganvas.evaluation.own_networks import contrastive_for
from ganvas.metrics import contrastive

CPU = torch.device("cpu")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedData:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(contrastive, "IMAGES_SEEN", 100)
    images = np.random.default_rng(0).integers(0, 256, (60, 12, 12), np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    settings = DataSettings(size=(12, 12), held_out=0.5)
    return prepare(open_source(str(tmp_path / "images.npz")), settings)


def ignore(done: int, total: int) -> None:
    """No progress."""


def test_features_self_are_learnt_from_training_images_only(data: PreparedData) -> None:
    images = np.array(data.images)
    images[data.held_out] = 0
    blind = replace(data, images=images, key=f"{data.key}-blind")
    first, second = (contrastive_for(some, CPU, ignore) for some in (data, blind))
    assert first.config() == second.config()
    assert first.training.trained_on == len(data.training)


def test_features_self_are_learnt_once(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    first = contrastive_for(data, CPU, ignore)
    monkeypatch.setattr(own_networks, "train_contrastive", None)
    assert contrastive_for(data, CPU, ignore).config() == first.config()
