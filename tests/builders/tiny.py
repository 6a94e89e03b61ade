"""A minimal training run: 16x16 noise as images, networks four channels wide."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.networks import DISCRIMINATORS, GENERATORS, Discriminator, Generator, Network
from ganvas.recipes import PlayerSettings, Recipe, checked
from ganvas.recipes.recipe import discriminator as discriminator_with
from ganvas.recipes.recipe import generator as generator_with
from ganvas.training.state import TrainState

BATCH = 4
LATENT_DIM = 6
SIDE = 16


FAMILIES = sorted(GENERATORS.keys() & DISCRIMINATORS.keys())
"""Names of families with a generator and a discriminator."""

ONE_EACH = {"blocks_per_resolution", "final_blocks", "hidden_layers", "mapping_layers"}
"""Fields that repeat layers: a compiler takes as long for each of them, and meets nothing new."""

Networks = tuple[Generator, Discriminator]


def narrow(kind: type[Network], **changes: Any) -> Any:
    """A network with a width of four, if it has a width."""
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{**({"width": 4} if "width" in names else {}), **changes})


def small(
    family: str,
    *,
    generator: dict[str, Any] | None = None,
    discriminator: dict[str, Any] | None = None,
) -> Networks:
    """Both networks of a family, four channels wide, with other fields where given."""
    return (
        narrow(GENERATORS[family], **generator or {}),
        narrow(DISCRIMINATORS[family], **discriminator or {}),
    )


def tiny_data(count: int = 14, channels: int = 1, held_out: int = 0) -> PreparedData:
    """Noise; the last `held_out` images are held out."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, channels, SIDE, SIDE), np.uint8)
    return PreparedData(
        name="noise",
        location="nowhere",
        images=pixels,
        labels=None,
        label_names=(),
        held_out=np.arange(count - held_out, count),
        unusable=(),
        duplicates=0,
        fingerprint="0" * 32,
        key="data-noise",
    )


def tiny_recipe(
    networks: Networks | None = None,
    *,
    generator: PlayerSettings | None = None,
    discriminator: PlayerSettings | None = None,
    **changes: Any,
) -> Recipe:
    """A recipe for `tiny_data`.

    Args:
        networks: both players' (`small`); by default narrow ones of dcgan.
        generator, discriminator: how the players learn.
        changes: other fields of the recipe.
    """
    generator_network, discriminator_network = networks or small("dcgan")
    takes_labels = generator_network.uses_labels or discriminator_network.uses_labels
    fields: dict[str, Any] = {
        "generator": generator_with(generator_network, generator),
        "discriminator": discriminator_with(discriminator_network, discriminator),
        "data": DataSettings(size=(SIDE, SIDE), labels="on" if takes_labels else "scores"),
        "batch": BATCH,
        "latent_dim": LATENT_DIM,
        "images": 1_000,
        "ema_half_life": 20,
        "precision": "fp32",  # the same dtype on every machine
    }
    return Recipe(**{**fields, **changes})


def start(recipe: Recipe, seed: int = 0, data: PreparedData | None = None) -> TrainState:
    """A checked recipe's state before its first step, on `tiny_data`."""
    checked(recipe)
    return TrainState.start(recipe, data or tiny_data(), seed, torch.device("cpu"))


def fill_zero_weights(network: nn.Module, seed: int = 5) -> nn.Module:
    """The network, with random values in weights that start at zero (fix-up, attention's gamma).

    Layers before such a weight have no effect until the first step has changed it.
    """
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim != 1 and not weight.any():
                fan_in = weight[0].numel() if weight.ndim else 1
                weight.copy_(torch.randn(weight.shape, generator=random) / fan_in**0.5)
    return network


def weights_of(network: nn.Module) -> list[Tensor]:
    """A copy of every parameter."""
    return [weight.detach().clone() for weight in network.parameters()]


def same(ours: Iterable[Tensor], theirs: Iterable[Tensor]) -> bool:
    """Whether two lists of tensors hold the same bits."""
    return all(torch.equal(own, other) for own, other in zip(ours, theirs, strict=True))
