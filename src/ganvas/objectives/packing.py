"""Packing: several samples that the discriminator judges together, as one (Lin 2018, PacGAN)."""

from __future__ import annotations

from torch import Tensor


def pack(images: Tensor, pac: int) -> Tensor:
    """Lay `pac` consecutive images into the channels of one: (N, C, H, W) -> (N/pac, pac*C, H, W).

    Lin 2018, section 2. A generator that leaves out modes makes packs that are alike inside, which
    a single image never shows. Real batches are shuffled, so consecutive images are a random pack.
    `pac` must divide N (a recipe is refused otherwise); 1 gives the images back as they are.
    """
    if pac == 1:
        return images
    count, channels, height, width = images.shape
    return images.reshape(count // pac, pac * channels, height, width)
