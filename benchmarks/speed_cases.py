"""The cases of training speed: recipes at one size, each with its textbook loop."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from figure import Effort
from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.sources import open_source
from ganvas.precision import has_bfloat16
from ganvas.recipes import CATALOG, Recipe, build_networks
from ganvas.training.state import TrainState
from textbook import (
    BigGANLoop,
    DCGANLoop,
    R3GANLoop,
    StyleLoop,
    TextbookLoop,
    WassersteinLoop,
)

COLOUR_IMAGES = 2_000
ROUNDING = 1e-3
"""Tolerance: another memory layout sums in another order, and CUDA convolutions may use TF32."""
MIN_RATIO = 1.0
"""With everything that it does besides training, ganvas must not be slower than the textbook."""
MIN_RATIO_WITH_BFLOAT16 = 1.8
"""At 64x64 and width 64, on a CPU with bfloat16 instructions."""
MIN_RATIOS_ON_CUDA = {"dcgan-32": 3.0, "resnet-32": 3.0, "r3gan-32": 2.0}
"""At 32x32; the last has R1 and R2."""
PUBLISHED = "r3gan-published"
"""R3GAN at the width of Huang 2024 on CIFAR-10, which needs a GPU."""
MIN_MATRIX_PERCENT = 50.0
"""Percent of the GPU's matrix rate in the dtype of ganvas, for the published width."""

LOOPS: dict[str, type[TextbookLoop]] = {
    "resnet-wgan-gp": WassersteinLoop,
    "biggan": BigGANLoop,
    "r3gan": R3GANLoop,
    "r3gan-paper": R3GANLoop,
    "style": StyleLoop,
}
"""The textbook loops that get copies of the networks of ganvas."""


@dataclass(frozen=True)
class Case:
    """A named recipe at one size."""

    key: str
    recipe: str
    side: int
    width: int
    """Width of both networks."""
    channels: int = 1
    batch: int = 32

    @property
    def title(self) -> str:
        """The case as tables name it."""
        colour = "grey" if self.channels == 1 else "colour"
        return f"{self.recipe} {self.side}x{self.side} {colour}, width {self.width}"

    @property
    def min_matrix_percent(self) -> float | None:
        """The target for the percentage of the device's matrix rate; None without a target."""
        return MIN_MATRIX_PERCENT if self.key == PUBLISHED else None

    def min_ratio(self, device: torch.device) -> float:
        """The target for ganvas / textbook."""
        if device.type == "cuda":
            return MIN_RATIOS_ON_CUDA.get(self.key, MIN_RATIO)
        wide = (self.side, self.width) == (64, 64)
        if device.type == "cpu" and wide and has_bfloat16():
            return MIN_RATIO_WITH_BFLOAT16
        return MIN_RATIO


def every_case(effort: Effort, device: torch.device) -> tuple[Case, ...]:
    """DCGAN at two sizes, two residual networks with penalties, one with spectral norms and
    attention, and one with styles; on CUDA also a published one."""
    cases = (
        Case("dcgan-32", "dcgan", 32, 32),
        Case("dcgan-64", "dcgan", 64, effort.colour_width, channels=3),
        Case("resnet-32", "resnet-wgan-gp", 32, effort.resnet_width),
        Case("biggan-32", "biggan", 32, effort.resnet_width),
        Case("r3gan-32", "r3gan", 32, effort.r3gan_width),
        Case("style-32", "style", 32, effort.style_width),
    )
    if device.type != "cuda":
        return cases
    return (
        *cases,
        Case(PUBLISHED, "r3gan-paper", 32, effort.published_width, channels=3, batch=64),
    )


def recipe_for(case: Case) -> Recipe:
    """The named recipe at the size and width of the case, otherwise unchanged."""
    recipe = CATALOG[case.recipe]()
    return dataclasses.replace(
        recipe.with_networks(
            dataclasses.replace(recipe.generator.network, width=case.width),
            dataclasses.replace(recipe.discriminator.network, width=case.width),
        ),
        batch=case.batch,
        generator_batch=None,
        augmentation=0.0,  # the textbook loop has none
        data=dataclasses.replace(recipe.data, size=(case.side, case.side)),
    )


def data_for(case: Case, recipe: Recipe, folder: Path) -> PreparedData:
    """Fashion-MNIST for grey, noise for colour: speed does not depend on the content."""
    source = "fashion"
    if case.channels == 3:
        shape = (COLOUR_IMAGES, case.side, case.side, 3)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        source = str(folder / "noise.npy")
        np.save(source, pixels)
    return prepare(open_source(source), recipe.data, cache=folder / "cache")


def textbook_for(
    case: Case, recipe: Recipe, prepared: PreparedData, device: torch.device
) -> TextbookLoop:
    """The textbook loop with its own networks, in torch's default memory layout.

    Raises:
        ValueError: the recipe and the textbook loop have different latents.
    """
    pixels = torch.from_numpy(np.array(prepared.images))
    loop: TextbookLoop
    if case.recipe == "dcgan":
        loop = DCGANLoop(pixels, case.width, device, case.batch)
    else:
        networks = build_networks(recipe, prepared.shape, len(prepared.label_names))
        loop = LOOPS[case.recipe](pixels, *networks, device, case.batch)
    if recipe.latent_dim != loop.latents[0]:
        raise ValueError(f"{case.recipe} and its textbook loop differ in latents")
    return loop


def check_same_networks(state: TrainState, textbook: TextbookLoop) -> None:
    """Copy our weights to the textbook's networks, and raise unless both compute the same."""
    latents = torch.randn(textbook.batch, textbook.latents[0], device=state.device)
    with torch.no_grad():
        copy_weights(state.generator, textbook.generator)
        copy_weights(state.discriminator, textbook.discriminator)
        images = state.generator(latents)
        noise = latents.reshape(-1, *textbook.latents)
        for theirs, ours in (
            (textbook.generator(noise), images),
            (textbook.discriminator(images), state.discriminator(images)),
        ):
            torch.testing.assert_close(theirs, ours, rtol=ROUNDING, atol=ROUNDING)


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy all weights and buffers in order.

    Raises:
        ValueError: the two differ in number or shape.
    """
    ours, theirs = list(source.state_dict().values()), list(target.state_dict().values())
    shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"ganvas and textbook networks differ: {shapes[0]} and {shapes[1]}")
    for tensor, copied in zip(theirs, ours, strict=True):
        tensor.copy_(copied)
