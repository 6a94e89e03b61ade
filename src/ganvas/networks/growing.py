"""The two layers of a network that is still growing: both sides see images of the full size.

A growing network has the coarse stages of the full one alone (`Dimensions.later_doublings`). Its
generator repeats pixels, its discriminator averages them, and nothing else in training knows of it:
to the discriminator a generated image is again what the coarse stages made.

Stages keep their names while a network grows, so that weights are taken by name: a generator counts
doublings from its base grid, a discriminator halvings from the full image.

Imports torch.
"""

from __future__ import annotations

from torch import nn

from ganvas.networks.network import Dimensions


def enlarging(dimensions: Dimensions) -> dict[str, nn.Module]:
    """The last stage of a growing generator, which repeats pixels to the full size; else none."""
    if dimensions.later_doublings == 0:
        return {}
    return {"enlarge": nn.Upsample(scale_factor=2.0**dimensions.later_doublings)}


def averaging(dimensions: Dimensions) -> dict[str, nn.Module]:
    """The first stage of a growing discriminator, which averages squares of pixels; else none."""
    if dimensions.later_doublings == 0:
        return {}
    return {"average": nn.AvgPool2d(2**dimensions.later_doublings)}
