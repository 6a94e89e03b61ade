"""Every network with one option changed at a time, small and built, and inputs for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from annotated_types import Ge
from torch import Tensor, nn

from ganvas.networks import (
    DISCRIMINATORS,
    GENERATORS,
    Dimensions,
    ImageShape,
    Network,
    bind_labels,
)
from tests.builders.tiny import fill_zero_weights

LATENT_DIM = 10
BATCH = 3
NUM_LABELS = 3
SMALL_WIDTH = 8


def name_of(kind: type[Network]) -> str:
    """`dcgan-generator`: the name in test IDs."""
    return f"{kind.name}-{kind.role}"


def field_types(kind: type[Network]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def small(kind: type[Network], **changes: Any) -> Any:
    """A network with its width cut down, so that the tests take seconds."""
    widths = {name: SMALL_WIDTH for name in field_types(kind) if name.endswith("width")}
    return kind(**{**widths, **changes})


def choices(name: str, hint: Any) -> list[Any]:
    """Values to test of a field: all of a Literal, both booleans, the smallest integers."""
    if name.endswith("width"):
        return [2 * SMALL_WIDTH]  # one channel is too few: a single dead ReLU stops every gradient
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if hint is bool:
        return [True, False]
    bounds = [item.ge for item in get_args(hint)[1:] if isinstance(item, Ge)]
    assert bounds, f"no known way to vary a field of type {hint}: teach this test"
    return [bounds[0], bounds[0] + 1]


def variations(table: dict[str, type[Any]]) -> list[Any]:
    """Every network of a table with its defaults, and with one field changed at a time."""
    cases = []
    for kind in table.values():
        cases.append(pytest.param(small(kind), id=name_of(kind)))
        for field, hint in field_types(kind).items():
            for value in choices(field, hint):
                changed = small(kind, **{field: value})
                if changed != small(kind):
                    cases.append(pytest.param(changed, id=f"{name_of(kind)}-{field}={value}"))
    return cases


GENERATOR_VARIATIONS = variations(GENERATORS)
DISCRIMINATOR_VARIATIONS = variations(DISCRIMINATORS)
VARIATIONS = [*GENERATOR_VARIATIONS, *DISCRIMINATOR_VARIATIONS]


def built(network: Network, image: ImageShape, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return network.build(Dimensions(image, LATENT_DIM, NUM_LABELS))


def built_awake(network: Network, image: ImageShape) -> nn.Module:
    """The network with random values in place of weights that start at zero."""
    return fill_zero_weights(built(network, image))


def with_labels(network: Network, player: nn.Module) -> Callable[[Tensor], Tensor]:
    """The player as a function of one tensor: every sample has another label, if it takes some."""
    return bind_labels(player, *labels_of(network))


def labels_of(network: Network) -> list[Tensor]:
    """Labels as further arguments, another for every sample, if the network takes some."""
    return [torch.arange(BATCH)] if network.uses_labels else []


def drawn_images(image: ImageShape, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (BATCH, image.channels, image.height, image.width)
    return torch.rand(shape, generator=generator) * 2 - 1


def latents(seed: int = 2) -> Tensor:
    return torch.randn(BATCH, LATENT_DIM, generator=torch.Generator().manual_seed(seed))


def inputs_of(network: Network, image: ImageShape) -> Tensor:
    """Latents for a generator, images for a discriminator."""
    return latents() if network.role == "generator" else drawn_images(image)
