"""What cannot fit into memory is refused before images are read, which may take an hour.

Only what is certain: the tensors that one update of the generator keeps for its backward pass. They
are counted on networks without weights or pixels, in a fraction of a second.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ganvas.devices import total_memory
from ganvas.errors import OutOfMemory
from ganvas.formatting import format_bytes, format_image_size
from ganvas.precision import choose_precision
from ganvas.recipes import Recipe
from ganvas.recipes.players import build_networks, unconditional
from ganvas.training.engine import Compile

FEWEST_PIXELS = 2**20
"""Of a batch. Fewer fit everywhere, and counting takes a second: torch must load for it."""


def check_memory(
    recipe: Recipe, device: torch.device, processes: int = 1, compile: Compile = "auto"
) -> None:
    """Raise an `OutOfMemory` if a step surely needs more memory than the device has.

    Not where it is compiled, as torch's compiler may compute again what would be kept.

    Args:
        processes: which share each batch.
    """
    available = total_memory(device)
    is_small = recipe.batch * math.prod(recipe.data.size) < FEWEST_PIXELS
    if is_small or available is None or compile == "on":
        return
    needed = least_memory(recipe, device, processes)
    if needed > available:
        raise OutOfMemory(
            f"a step of {recipe.name} with batches of {recipe.batch} at "
            f"{format_image_size(recipe.data.size)} needs at least {format_bytes(needed)} of "
            f"memory, and {device} has {format_bytes(available)}. Try a smaller size (--size), "
            "batch (--batch) or network width"
        )


def least_memory(recipe: Recipe, device: torch.device, processes: int = 1) -> int:
    """Bytes that one process surely needs at the full size, for grey images without labels.

    Those that the generator keeps, and those that the discriminator keeps of its images.
    """
    recipe, channels = unconditional(recipe), recipe.data.channels
    shape = recipe.image_shape(1 if channels == "auto" else int(channels))
    batch, pac = (recipe.generator_batch or recipe.batch) // processes, recipe.objective.pac
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.device("meta"), saved_tensors_hooks(keep, lambda tensor: tensor):
        generator, discriminator = build_networks(recipe, shape, num_labels=0)
        discriminator.eval().requires_grad_(False)  # as in an update of the generator
        images = generator.eval()(torch.empty(batch, recipe.latent_dim))
        discriminator(images.reshape(-1, pac * shape.channels, shape.height, shape.width))
    halves = choose_precision(recipe.precision, device, generator, discriminator).name == "bf16"
    return sum(kept.values()) // (2 if halves else 1)
