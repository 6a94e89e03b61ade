"""Packing: the discriminator sees several samples as one input (Lin 2018, PacGAN)."""

from __future__ import annotations

from torch import Tensor


def pack(images: Tensor, pac: int) -> Tensor:
    """Concatenate `pac` consecutive images by channel: (N, C, H, W) -> (N/pac, pac*C, H, W).

    Lin 2018, section 2. Packs of a generator with missing modes lack variety, which no single image
    shows. Real batches are shuffled, so consecutive images are a random pack. `pac` must divide N
    (recipes are checked for it); 1 returns the images unchanged.
    """
    if pac == 1:
        return images
    count, channels, height, width = images.shape
    return images.reshape(count // pac, pac * channels, height, width)
