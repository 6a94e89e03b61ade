"""What training speed is measured on: recipes at one size, each beside its textbook loop."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from figure import Effort
from ganvas.data.preparation import PreparedData, prepare
from ganvas.data.sources import open_source
from ganvas.precision import has_bfloat16
from ganvas.recipes import CATALOG, Recipe, build_networks
from ganvas.training.state import TrainState
from textbook import DCGANLoop, R3GANLoop, TextbookLoop, WassersteinLoop

COLOUR_IMAGES = 2_000
ROUNDING = 1e-3
"""Another layout in memory sums in another order, and CUDA's convolutions may use TF32."""
LEAST_RATIO = 1.0
"""What ganvas does beside training must never make it slower than the textbook."""
LEAST_WITH_BFLOAT16 = 1.8
"""At 64x64 and width 64, on a CPU whose instructions know bfloat16."""
LEAST_ON_CUDA = {"dcgan-32": 3.0, "resnet-32": 3.0, "r3gan-32": 2.0}
"""At 32x32; the last has R1 and R2."""
PUBLISHED = "r3gan-published"
"""R3GAN as wide as Huang 2024 has it on CIFAR-10, which only a GPU trains."""
LEAST_SHARE = 50.0
"""Percent of the GPU's own matrix rate, in the numbers of ganvas, at that size."""

LOOPS: dict[str, type[TextbookLoop]] = {
    "resnet-wgan-gp": WassersteinLoop,
    "r3gan": R3GANLoop,
    "r3gan-paper": R3GANLoop,
}
"""The plain loops that take copies of ganvas' networks."""


@dataclass(frozen=True)
class Case:
    """A named recipe at one size."""

    key: str
    recipe: str
    side: int
    width: int
    """Of both networks."""
    channels: int = 1
    batch: int = 32

    @property
    def title(self) -> str:
        """For people."""
        colour = "grey" if self.channels == 1 else "colour"
        return f"{self.recipe} {self.side}x{self.side} {colour}, width {self.width}"

    @property
    def least_share(self) -> float | None:
        """The target of what ganvas reaches of the device's matrix rate, in percent, if any."""
        return LEAST_SHARE if self.key == PUBLISHED else None

    def least_ratio(self, device: torch.device) -> float:
        """The target of ganvas / textbook."""
        if device.type == "cuda":
            return LEAST_ON_CUDA.get(self.key, LEAST_RATIO)
        wide = (self.side, self.width) == (64, 64)
        if device.type == "cpu" and wide and has_bfloat16():
            return LEAST_WITH_BFLOAT16
        return LEAST_RATIO


def every_case(effort: Effort, device: torch.device) -> tuple[Case, ...]:
    """Two sizes of DCGAN, two residual networks with penalties; on CUDA a published one too."""
    cases = (
        Case("dcgan-32", "dcgan", 32, 32),
        Case("dcgan-64", "dcgan", 64, effort.colour_width, channels=3),
        Case("resnet-32", "resnet-wgan-gp", 32, effort.resnet_width),
        Case("r3gan-32", "r3gan", 32, effort.r3gan_width),
    )
    if device.type != "cuda":
        return cases
    return (
        *cases,
        Case(PUBLISHED, "r3gan-paper", 32, effort.published_width, channels=3, batch=64),
    )


def recipe_for(case: Case) -> Recipe:
    """The named recipe at the case's size and width; all else as published."""
    recipe = CATALOG[case.recipe]()
    return dataclasses.replace(
        recipe.with_networks(
            dataclasses.replace(recipe.generator.network, width=case.width),
            dataclasses.replace(recipe.discriminator.network, width=case.width),
        ),
        batch=case.batch,
        generator_batch=None,
        augmentation=0.0,  # which the textbook loop has not
        data=dataclasses.replace(recipe.data, size=(case.side, case.side)),
    )


def data_for(case: Case, recipe: Recipe, folder: Path) -> PreparedData:
    """Fashion-MNIST for grey, noise for colour: speed does not depend on what is to be seen."""
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
    """The plain loop on networks of its own, laid out in memory as torch does by itself.

    Raises:
        ValueError: the recipe's latents are no longer the textbook's.
    """
    pixels = torch.from_numpy(np.array(prepared.images))
    loop: TextbookLoop
    if case.recipe == "dcgan":
        loop = DCGANLoop(pixels, case.width, device, case.batch)
    else:
        networks = build_networks(recipe, prepared.shape)
        loop = LOOPS[case.recipe](pixels, *networks, device, case.batch)
    if recipe.latent_dim != loop.latents[0]:
        raise ValueError(f"{case.recipe} and its textbook loop differ in latents")
    return loop


def check_same_networks(state: TrainState, textbook: TextbookLoop) -> None:
    """Give the textbook's networks our weights, and stop unless both then compute the same."""
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
