"""Layers of StyleGAN2 (Karras 2020): mapping networks, modulated convolutions, output skips.

Imports torch. `style.py` describes the networks that are made of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.networks.blocks import LEAK, RELU_GAIN
from ganvas.networks.convolutions import Convolution, TransposedConvolution
from ganvas.networks.equalised import ScaledLeakyReLU, Smoothing, equalised
from ganvas.networks.excitation import Beside, FixedNoise, Grid, OnSphere
from ganvas.networks.first_layers import FirstLinear
from ganvas.networks.grouped import BilinearDoubling
from ganvas.networks.labels import LabelStrength, OneHot, Stages, through
from ganvas.networks.running_statistics import RunningMean
from ganvas.networks.styles import same_for_all
from ganvas.precision import without_autocast

MAPPING_RATE = 0.01
"""The learning rate of mapping networks, relative to other layers (Karras 2019, appendix C)."""
MEAN_DECAY = 0.995
"""Of the running mean of styles, per batch (Karras 2019's code)."""
SMALLEST = 1e-8
"""Added to sums of squared weights (Karras 2020, eq. 3)."""


# -- From latents and labels to styles -------------------------------------------------------------


def normalised_labels(num_labels: int, length: int) -> list[nn.Module]:
    """Labels (N,), or mixtures of labels (N, K) -> learned vectors (N, length) of mean square 1."""
    embed = equalised(nn.Linear(num_labels, length))
    return [OneHot(num_labels), embed, OnSphere(), LabelStrength()]


def mapping_layers(features: int, length: int, layers: int) -> list[nn.Module]:
    """Linear layers with leaky ReLUs, (N, features) -> (N, length); they learn slowly."""
    modules: list[nn.Module] = []
    for _ in range(layers):
        modules += [equalised(nn.Linear(features, length), MAPPING_RATE), ScaledLeakyReLU()]
        features = length
    return modules


class MappingNetwork(nn.Module):
    """Latents (N, Z), and labels if it takes some -> styles (N, S) (Karras 2019, section 2).

    Latents are divided by the root of their mean square, and labels stand beside them in the form
    of `normalised_labels` (Karras 2020's code, ADA). Always in float32.

    Args:
        num_labels: K; 0 takes none.
        layers: see `mapping_layers`.
    """

    def __init__(self, latent_dim: int, num_labels: int, style_dim: int, layers: int) -> None:
        super().__init__()
        self.normalise = OnSphere()
        self.takes_labels = num_labels > 0
        features = latent_dim
        if num_labels:
            self.labels = nn.Sequential(*normalised_labels(num_labels, style_dim))
            features += style_dim
        self.layers = nn.Sequential(*mapping_layers(features, style_dim, layers))
        self.mean = RunningMean(max(1, num_labels), style_dim, MEAN_DECAY)

    def forward(self, latents: Tensor, *labels: Tensor) -> Tensor:
        with without_autocast(latents):
            vectors = [self.normalise(latents), *(self.labels(given) for given in labels)]
            styles: Tensor = self.layers(torch.cat(vectors, 1))
            if self.training:
                self._add_to_mean(styles.detach(), *labels)
        return styles

    def _add_to_mean(self, styles: Tensor, *labels: Tensor) -> None:
        one_hot = [self.labels[0](given) for given in labels]
        (membership,) = one_hot or [styles.new_ones(len(styles), 1)]  # (N, K)
        self.mean.add(styles, membership.to(styles.dtype))


class LabelMapping(Beside):
    """Labels (N,) -> vectors (N, length): a mapping network without latents (Karras 2020, ADA).

    Always in float32.
    """

    def __init__(self, num_labels: int, length: int, layers: int) -> None:
        super().__init__(
            *normalised_labels(num_labels, length), *mapping_layers(length, length, layers)
        )
        self.num_labels = num_labels

    def forward(self, labels: Tensor) -> Tensor:
        with without_autocast(labels):
            return through(self, labels)


# -- Modulated convolutions ------------------------------------------------------------------------


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by a style (Karras 2020, section 2.2).

    (N, I, H, W) and styles (N, S) -> (N, O, H, W), or twice the size. With s = A(style), the kernel
    of a sample is w'_oik = s_i w_oik (eq. 1). Scaling the sample's input channels is the same, so
    all samples share one ordinary convolution.

    Args:
        doubles: doubles the image by a transposed convolution and the filter [1, 3, 3, 1].
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, style_dim: int, *, doubles: bool
    ) -> None:
        super().__init__()
        self.doubles = doubles
        affine = equalised(FirstLinear(style_dim, in_channels))
        nn.init.ones_(affine.bias)
        self.style = Beside(affine)
        self.convolution = (
            equalised(TransposedConvolution(in_channels, out_channels, kernel, 2, bias=False))
            if doubles
            else equalised(
                Convolution(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
            )
        )
        # Of a doubled image, three quarters of the pixels were zeros.
        self.smooth = Smoothing(padding=1, gain=4.0) if doubles else nn.Identity()

    def scales(self, styles: Tensor) -> Tensor:
        """s, (N, I), of the input channels."""
        with without_autocast(styles):
            scales: Tensor = self.style(styles)
        return scales

    def demodulation(self, scales: Tensor) -> Tensor:
        """1 / sqrt(sum over i and k of w'_oik^2) (eq. 3), (N, O): of the output channels.

        Outputs then have variance 1 if inputs have, are independent and of mean 0.
        """
        weight = self.convolution.weight
        energy = weight.square().sum((2, 3))  # (O, I), or (I, O) of a transposed convolution
        with without_autocast(scales):
            sums = scales.square() @ (energy if self.doubles else energy.T)
        return (sums + SMALLEST).rsqrt()

    def convolve(self, images: Tensor, scales: Tensor) -> Tensor:
        """The convolution of the scaled images, without demodulation."""
        scaled = images * scales.to(images.dtype)[:, :, None, None]
        outputs: Tensor = self.smooth(self.convolution(scaled))
        return outputs


class StyledConvolution(nn.Module):
    """Modulated and demodulated 3x3, fixed noise, bias, leaky ReLU times sqrt(2).

    (N, I, H, W) and styles (N, S) -> (N, O, H', W') (Karras 2020, figure 2d).

    Args:
        grid: of the result.
    """

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, grid: Grid, *, doubles: bool
    ) -> None:
        super().__init__()
        self.modulated = ModulatedConvolution(
            in_channels, out_channels, 3, style_dim, doubles=doubles
        )
        self.noise = FixedNoise(grid)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, images: Tensor, styles: Tensor) -> Tensor:
        scales = self.modulated.scales(styles)
        outputs = self.modulated.convolve(images, scales)
        # sqrt(2) leaky(x) = leaky(sqrt(2) x): with the small tensors, no pass over all pixels.
        gain = RELU_GAIN * self.modulated.demodulation(scales)[:, :, None, None]  # (N, O, 1, 1)
        shift = RELU_GAIN * (self.noise.added + self.bias[:, None, None])  # (1, O, H', W')
        outputs = outputs * gain.to(outputs.dtype) + shift.to(outputs.dtype)
        return F.leaky_relu(outputs, LEAK, inplace=True)


class ImageOutput(nn.Module):
    """Features (N, I, H, W) and styles (N, S) -> their share of the image (N, C, H, W).

    A modulated 1x1 convolution with a bias; not demodulated, because nothing follows.
    """

    def __init__(self, in_channels: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.modulated = ModulatedConvolution(in_channels, channels, 1, style_dim, doubles=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor, styles: Tensor) -> Tensor:
        image = self.modulated.convolve(features, self.modulated.scales(styles))
        return image.to(self.bias.dtype) + self.bias[:, None, None]


# -- Generator -------------------------------------------------------------------------------------


class ConstantGrid(nn.Module):
    """The coarsest grid: a learned constant, one convolution, and the first image."""

    def __init__(self, width: int, style_dim: int, grid: Grid, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, width, *grid))
        self.convolution = StyledConvolution(width, width, style_dim, grid, doubles=False)
        self.image = ImageOutput(width, channels, style_dim)

    def forward(self, styles: Tensor) -> tuple[Tensor, Tensor]:
        """Styles (N, 2, S) -> features and image."""
        first, second = styles.unbind(1)
        features = self.convolution(self.constant, first)
        return features, self.image(features, second)


class DoubledGrid(nn.Module):
    """Two convolutions, the first of which doubles, and what they add to the doubled image.

    Karras 2020, figure 7b: output skips.
    """

    def __init__(
        self, in_channels: int, width: int, style_dim: int, grid: Grid, channels: int
    ) -> None:
        super().__init__()
        self.doubling = StyledConvolution(in_channels, width, style_dim, grid, doubles=True)
        self.convolution = StyledConvolution(width, width, style_dim, grid, doubles=False)
        self.image = ImageOutput(width, channels, style_dim)
        self.enlarge = BilinearDoubling(channels, channels)

    def forward(self, features: Tensor, image: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
        """Features, image, and styles (N, 3, S) -> features and image of twice the size."""
        first, second, third = styles.unbind(1)
        features = self.convolution(self.doubling(features, first), second)
        return features, self.enlarge(image) + self.image(features, third)


class StyleNetwork(Stages):
    """(latents (N, Z), labels) -> images (N, C, H, W), unbounded; a `StyleBased` network.

    Each convolution has a style of its own. What a grid adds to the image shares the style of the
    next grid's first convolution, as in Karras 2019's code.

    Args:
        mapping: latents and labels -> styles (N, S).
        grids: by name: a `ConstantGrid`, then `DoubledGrid`s.
        after: what is done to the last image, by name.
    """

    mapping: MappingNetwork

    def __init__(
        self,
        mapping: MappingNetwork,
        grids: Mapping[str, nn.Module],
        after: Mapping[str, nn.Module],
    ) -> None:
        super().__init__({"mapping": mapping, **grids, **after})
        self.grids = tuple(grids)
        self.after = tuple(after)
        self.style_layers = 2 * len(grids)

    @property
    def mean_styles(self) -> Tensor:
        """The mean of the styles of training, (S,), or (K, S), one for each label."""
        mean = self.mapping.mean.mean
        return mean if self.mapping.takes_labels else mean[0]

    def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
        """Styles (N, S) of latents (N, Z); labels int64 (N,), or mixtures float32 (N, K)."""
        styles: Tensor = self.mapping(latents, *labels)
        return styles

    def synthesise(self, styles: Tensor) -> Tensor:
        """Images (N, C, H, W) of styles (N, L, S), one for each layer."""
        constant, *doublings = map(self.get_submodule, self.grids)
        features, image = constant(styles[:, :2])
        for index, grid in enumerate(doublings):
            features, image = grid(features, image, styles[:, 2 * index + 1 : 2 * index + 4])
        return through(map(self.get_submodule, self.after), image)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        styles = self.map(latents) if labels is None else self.map(latents, labels)
        return self.synthesise(same_for_all(styles, self.style_layers))


# -- Discriminator ---------------------------------------------------------------------------------


class MappedLogit(Stages):
    """(features (N, C, H, W), labels) -> <vector(features), map(y)> / sqrt(D), (N,).

    No part of the logit is unlabelled (Karras 2020's code, ADA).

    Args:
        vector: modules in order, from features to (N, D).
        mapping: labels -> (N, D).
    """

    labels: LabelMapping

    def __init__(self, vector: Sequence[nn.Module], mapping: LabelMapping) -> None:
        stages: dict[str, nn.Module] = {str(i): module for i, module in enumerate(vector)}
        super().__init__({**stages, "labels": mapping})

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        *stages, _ = self.children()
        return (through(stages, features) * self.directions(labels)).sum(1)

    def directions(self, labels: Tensor) -> Tensor:
        """map(y) / sqrt(D), (N, D)."""
        mapped: Tensor = self.labels(labels)
        return mapped / math.sqrt(mapped.shape[1])
