"""What a step starts from: the next real images, and what is drawn for the generator."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganvas import images
from ganvas.data.stream import Batch, flip_half
from ganvas.networks.styles import StyleBased, StyleMixing
from ganvas.randomness import draw_latents, draw_uniform
from ganvas.recipes import Recipe
from ganvas.training.state import TrainState


def next_real_batch(state: TrainState, recipe: Recipe, count: int) -> Batch:
    """This process's part of the next `count` real images: (N, C, H, W) in [-1, 1], on the device.

    Labels are int64 (N,), or None if no network takes any.
    """
    pixels, labels = state.stream.next(count, state.processes)
    labels = labels.to(state.device) if labels is not None and recipe.takes_labels else None
    random = state.random["augmentation"]
    if recipe.data.flip:
        pixels = flip_half(pixels, random, state.processes)
    if recipe.data.dequantize:
        return Batch(images.to_signed_dequantized(pixels, random, state.processes), labels)
    return Batch(images.to_signed(pixels), labels)


class GeneratorInputs(NamedTuple):
    """The inputs of one batch of generated images.

    latents: (N, Z), standard normal.
    labels: int64 (N,) if a network takes labels, else None.
    mixing: if the recipe mixes styles, else None.
    """

    latents: Tensor
    labels: Tensor | None
    mixing: StyleMixing | None = None


def draw_generator_inputs(
    state: TrainState, recipe: Recipe, count: int, real_labels: Tensor | None
) -> GeneratorInputs:
    """This process's part of the inputs for `count` images.

    Labels are those of the real batch, repeated where more are needed: so their frequencies are the
    data's, and a real and a fake image at the same position share a label.
    """
    latents = draw_latents(count, recipe.latent_dim, state.random["latents"], state.processes)
    mixing = draw_mixing(state, recipe, count)
    if real_labels is None or len(real_labels) == len(latents):
        return GeneratorInputs(latents, real_labels, mixing)
    repeated = torch.arange(len(latents)) % len(real_labels)
    return GeneratorInputs(latents, real_labels[repeated.to(real_labels.device)], mixing)


def draw_mixing(state: TrainState, recipe: Recipe, count: int) -> StyleMixing | None:
    """Further latents, and where each image turns to them; None if styles are not mixed.

    Crossovers are uniform over the layers after the first. Each image has its own, where the
    published code has one for a GPU's part of the batch.
    """
    if recipe.generator.style_mixing == 0:
        return None
    assert isinstance(state.generator, StyleBased)
    layers, random = state.generator.style_layers, state.random["latents"]
    others = draw_latents(count, recipe.latent_dim, random, state.processes)
    mixed, place = draw_uniform((len(others), 2), random, state.processes).unbind(1)
    crossover = 1 + (place * (layers - 1)).long()
    return StyleMixing(others, crossover.where(mixed < recipe.generator.style_mixing, layers))
