"""Layers of StyleGAN's family: equalised learning rates, the filter [1, 3, 3, 1], halving blocks.

Imports torch, like `blocks.py`. `modulated.py` has the generator's layers.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.networks.blocks import LEAK, RELU_GAIN
from ganvas.networks.convolutions import Convolution
from ganvas.networks.excitation import Beside
from ganvas.networks.filtering import bilinear_filter, filter_channels
from ganvas.networks.running_statistics import RunningMean
from ganvas.precision import without_autocast

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d, nn.Linear)

BRANCH_GAIN = math.sqrt(0.5)
"""Of each of two branches that are added, so that the variance stays."""


class Scaled(nn.Module):
    """A weight that is stored at another scale than it has."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, stored: Tensor) -> Tensor:
        return stored * self.scale

    def extra_repr(self) -> str:
        return f"{self.scale:.4g}"


def equalised(layer: Layer, rate: float = 1.0) -> Layer:
    """The layer with an equalised learning rate (Karras 2018, section 4.1).

    Stored weights are N(0, 1), and are scaled by 1 / sqrt(fan-in) whenever they are used: then
    Adam, whose steps do not depend on the gradient's scale, moves all layers equally fast. Biases
    start at zero. As a parametrisation, so that whatever reads `layer.weight` sees the weight that
    has an effect: spectral normalisation among it.

    Args:
        rate: multiplies the layer's learning rate, and leaves its first outputs as they are.
    """
    transposed = isinstance(layer, nn.ConvTranspose2d)
    fan_in = (layer.weight[:, 0] if transposed else layer.weight[0]).numel()
    nn.init.normal_(layer.weight, 0.0, 1 / rate)
    parametrize.register_parametrization(layer, "weight", Scaled(rate / math.sqrt(fan_in)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
        if rate != 1:
            parametrize.register_parametrization(layer, "bias", Scaled(rate))
    return layer


class ScaledLeakyReLU(nn.Module):
    """Leaky ReLU times sqrt(2), which about keeps the mean square (Karras 2019's code)."""

    gain = RELU_GAIN

    def forward(self, inputs: Tensor) -> Tensor:
        return F.leaky_relu(inputs, LEAK) * self.gain


class Smoothing(nn.Module):
    """[1, 3, 3, 1] in both directions, before pixels are left out or after zeros are put between.

    (N, C, H, W) -> (N, C, H', W'); Karras 2019, section 2, after Zhang 2019.

    Args:
        padding: zeros around the image.
        stride: 2 keeps every second pixel.
        gain: sum of the filter.
    """

    filter: Tensor

    def __init__(self, padding: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding = padding
        self.stride = stride
        self.register_buffer("filter", gain * bilinear_filter(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        # With a stride, in bfloat16 on a CPU, the gradient took 17 times as long as in float32.
        dtype = images.dtype if self.stride == 1 else self.filter.dtype
        kernels = self.filter.to(dtype).expand(images.shape[1], 1, 4, 4)
        with without_autocast(images):
            smoothed = filter_channels(images.to(dtype), kernels, self.stride, self.padding)
        return smoothed.to(images.dtype)


class HalvingLayers(nn.Module):
    """3x3, then 3x3 with stride 2: (N, I, H, W) -> (N, O, H / 2, W / 2), perhaps with a shortcut.

    Both are followed by leaky ReLUs; before pixels are left out they are smoothed. The shortcut is
    a smoothed 1x1 convolution (Karras 2020, figure 7c). Without it, this is the plain discriminator
    of Karras 2018.
    """

    def __init__(self, in_channels: int, out_channels: int, *, residual: bool) -> None:
        super().__init__()
        same = Convolution(in_channels, in_channels, kernel_size=3, padding=1)
        halving = Convolution(in_channels, out_channels, kernel_size=3, stride=2)
        self.body = nn.Sequential(
            equalised(same),
            ScaledLeakyReLU(),
            Smoothing(padding=2),
            equalised(halving),
            ScaledLeakyReLU(),
        )
        narrow = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.shortcut = (
            Beside(Smoothing(padding=1, stride=2), equalised(narrow)) if residual else None
        )

    def forward(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.body(images)
        if self.shortcut is None:
            return outputs
        added: Tensor = (outputs + self.shortcut(images)) * BRANCH_GAIN
        return added


class MinibatchDeviation(nn.Module):
    """Appends how much the images of a group differ, as one more channel (Karras 2018, section 3).

    (N, C, H, W) -> (N, C + 1, H, W): the standard deviation of each feature at each place over the
    group, averaged over all of these. Groups are neighbours in the batch, as packs are, so they are
    the same however many processes share it; the published code takes images that are far apart. A
    last group has what remains.

    In evaluation mode, where a logit must not depend on other images, the running mean of training
    stands in, as in batch normalisation.

    Args:
        group: images of a group, at least 2.
    """

    DECAY = 0.995
    SMALLEST = 1e-8
    """Added to variances."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group
        self.running = RunningMean(1, 1, self.DECAY)

    def forward(self, features: Tensor) -> Tensor:
        with without_autocast(features):
            deviations = (
                self._gathered(features.to(self.running.sums.dtype))
                if self.training
                else self.running.mean[0]
            )
        channel = deviations.to(features.dtype)[:, None, None, None]
        return torch.cat([features, channel.expand(len(features), 1, *features.shape[2:])], 1)

    def _gathered(self, features: Tensor) -> Tensor:
        """The deviation of each image's group, (N,), which the running mean takes in."""
        deviations = torch.cat([self._deviations(part) for part in self._parts(features)])
        vectors = deviations.detach()[:, None]
        self.running.add(vectors, torch.ones_like(vectors))
        return deviations

    def _parts(self, features: Tensor) -> list[Tensor]:
        """Whole groups, (M, group, C, H, W), and what remains, (1, rest, C, H, W)."""
        whole = len(features) // self.group * self.group
        shape = features.shape[1:]
        parts = [features[:whole].reshape(-1, self.group, *shape), features[whole:][None]]
        return [part for part in parts if part.numel()]

    def _deviations(self, groups: Tensor) -> Tensor:
        """(M, G, C, H, W) -> (M * G,): one number for each group, repeated."""
        variances = groups.var(1, unbiased=False)  # (M, C, H, W)
        deviations = (variances + self.SMALLEST).sqrt().flatten(1).mean(1)  # (M,)
        return deviations.repeat_interleave(groups.shape[1])

    def extra_repr(self) -> str:
        return f"group={self.group}"
