"""What files say about a generator beside its weights: what it takes, what it gives, its data.

generator/config.json holds it, and the metadata of an ONNX file.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NotRequired

from torch import nn
from typing_extensions import TypedDict

import ganvas
from ganvas import json_files
from ganvas.data.settings import TrainingData
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.networks import ImageShape
from ganvas.runs.tables import Shape


class LabelsTable(TypedDict):
    """As `LabelSet.to_table` gives it."""

    names: list[str]
    training_images: list[int]


class GeneratorConfig(TypedDict):
    """The fields that are read; `generator_config` has more, for people."""

    image: Shape
    latent_dim: int
    extent: NotRequired[float]
    labels: NotRequired[LabelsTable]
    data: NotRequired[dict[str, Any]]
    later_doublings: NotRequired[int]


def generator_config(trained: TrainedGenerator, output: str) -> dict[str, Any]:
    """What files say about a generator; `from_config` reads it.

    Args:
        trained: its weights are not looked at.
        output: what it gives, in words.
    """
    config: dict[str, Any] = {
        "ganvas": ganvas.__version__,
        "image": asdict(trained.shape),
        "latent_dim": trained.latent_dim,
        "latents": "standard normal, float32 (N, latent_dim)",
        "output": output,
    }
    if trained.label_set is not None:
        config["labels"] = trained.label_set.to_table()
    if trained.makes_points:
        config["extent"] = trained.extent
    if trained.later_doublings:
        config["later_doublings"] = trained.later_doublings
    if trained.data is not None:
        config["data"] = json_files.to_plain(trained.data)
    return config


def from_config(config: GeneratorConfig, network: nn.Module, images_seen: int) -> TrainedGenerator:
    """A generator of which `generator_config` said this.

    Raises:
        ValueError: its data or labels are not as they are written; one clause per problem.
    """
    data = config.get("data")
    return TrainedGenerator(
        network=network,
        shape=ImageShape(**config["image"]),
        latent_dim=config["latent_dim"],
        images_seen=images_seen,
        extent=config.get("extent"),
        label_set=LabelSet.from_table(config["labels"]) if "labels" in config else None,
        data=None if data is None else json_files.from_plain(TrainingData, data),
        later_doublings=config.get("later_doublings", 0),
    )
