"""What a step starts from: the next real images, and what is drawn for the generator."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ganvas import images
from ganvas.data.stream import Batch, flip_half
from ganvas.randomness import draw_latents
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
    """

    latents: Tensor
    labels: Tensor | None


def draw_generator_inputs(
    state: TrainState, recipe: Recipe, count: int, real_labels: Tensor | None
) -> GeneratorInputs:
    """This process's part of the inputs for `count` images.

    Labels are those of the real batch, repeated where more are needed: so their frequencies are the
    data's, and a real and a fake image at the same position share a label.
    """
    latents = draw_latents(count, recipe.latent_dim, state.random["latents"], state.processes)
    if real_labels is None or len(real_labels) == len(latents):
        return GeneratorInputs(latents, real_labels)
    repeated = torch.arange(len(latents)) % len(real_labels)
    return GeneratorInputs(latents, real_labels[repeated.to(real_labels.device)])
