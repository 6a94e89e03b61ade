"""Inception v3 of 2015-12-05, the network that the published FID, KID and inception scores use."""

from __future__ import annotations

import importlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.metrics.features import CHANNELS, FeatureConfig, FeatureNetwork, read_weights
from ganvas.randomness import seeded_weights

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the weights file; both of its names hold the first eight digits."""

FILES = (
    "weights-inception-2015-12-05-6726825d.pth",
    "pt_inception-2015-12-05-6726825d.pth",
)
"""The names of that file in torch-fidelity and torchmetrics, and in pytorch-fid and pyiqa."""

VARIABLE = "GANVAS_INCEPTION_WEIGHTS"
"""The environment variable that may name the weights file."""

_TORCH = torch.__version__.partition("+")[0]  # without the build: +cpu, +cu130
_INSTEAD = "Or use features that need neither: lite0"
_LAYERS = {"2048": 2048, "logits_unbiased": 1008}
"""torch-fidelity's names of the two layers used here, and their dimensions."""


@dataclass(frozen=True, eq=False)
class Inception(FeatureNetwork):
    """torch-fidelity's Inception v3, which agrees with the TensorFlow original.

    It resizes to 299x299 itself, bilinear as in TensorFlow 1 and not antialiased: the published
    scores were computed in this way.
    """

    network: nn.Module
    code: str

    def config(self) -> FeatureConfig:
        """See `FeatureNetwork.config`."""
        return {
            "features": self.name,
            "dimension": self.dimension,
            "input": "299x299",
            "resize": "bilinear as in TensorFlow 1, not antialiased",
            "preprocessing": f"{CHANNELS}, (x - 128) / 128",
            "weights": SHA256[:16],
            "code": self.code,
        }

    def _extract(self, pixels: Tensor) -> Tensor:
        (layer,) = self.network(pixels)
        features: Tensor = layer
        return features  # (n, D)


def load_inception(device: torch.device, weights: Path | None = None) -> Inception:
    """The 2048 pooled features on which FID and KID are defined (Heusel 2017, Binkowski 2018).

    Args:
        weights: the file; by default the one named by GANVAS_INCEPTION_WEIGHTS, else one of
            `FILES` where other tools keep it. Nothing is downloaded.

    Raises:
        GanvasError: torch-fidelity is missing or does not import, or the weights are missing or
            not the published ones.
    """
    return _load("inception", "2048", device, weights)


def load_inception_classes(device: torch.device, weights: Path | None = None) -> Inception:
    """The logits of 1008 classes, without bias, on which the inception score is defined.

    Salimans 2016; the original code leaves the bias out, and so do the published scores. Takes and
    raises what `load_inception` does.
    """
    return _load("inception-classes", "logits_unbiased", device, weights)


def _load(name: str, layer: str, device: torch.device, weights: Path | None) -> Inception:
    fidelity = _import_fidelity()
    path = _find_weights(weights)
    advice = f"Put the published file there, e.g. torch-fidelity's {FILES[0]}. {_INSTEAD}"
    # torch-fidelity unpickles the file that it gets. We give it a copy of the tensors, which were
    # read without running any code.
    copy = io.BytesIO()
    torch.save(read_weights(path, SHA256, advice), copy)
    copy.seek(0)
    with seeded_weights(0):  # the constructor draws weights, then replaces them
        network: nn.Module = fidelity.FeatureExtractorInceptionV3(
            name, [layer], feature_extractor_weights_path=copy
        )
    network.eval().requires_grad_(False)
    # channels_last is 1.4 times as fast on a CPU.
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    code = f"torch-fidelity {fidelity.__version__}"
    return Inception(name, _LAYERS[layer], device, network, code)


def _import_fidelity() -> Any:
    try:
        return importlib.import_module("torch_fidelity")
    except ModuleNotFoundError as error:
        raise GanvasError(
            f"features inception need an extra, {error.name} is missing: "
            f"pip install 'ganvas[fid]' torch=={_TORCH}. {_INSTEAD}"
        ) from error
    except Exception as error:  # a torchvision made for another torch raises RuntimeError
        raise GanvasError(
            f"torch-fidelity cannot be imported ({type(error).__name__}: {error}). A torchvision "
            f"that does not fit torch {_TORCH} is the usual cause: install the one that fits. "
            f"{_INSTEAD}"
        ) from error


def _find_weights(given: Path | None) -> Path:
    named = os.environ.get(VARIABLE, "")
    if given is not None or named:
        path = given or Path(os.path.expanduser(named))  # noqa: PTH111 - an unknown ~user stays
        if not path.is_file():
            source = f" (from {VARIABLE})" if given is None else ""
            raise GanvasError(
                f"there is no file {path}{source}: give the path of {' or '.join(FILES)}. "
                f"{_INSTEAD}"
            )
        return path
    hub = Path(torch.hub.get_dir())  # follows TORCH_HOME
    folders = (hub / "checkpoints", hub / "pyiqa")
    for folder in folders:
        for file in FILES:
            if (folder / file).is_file():
                return folder / file
    raise GanvasError(
        f"the weights of Inception are not here, and are never downloaded: put "
        f"{' or '.join(FILES)} into {folders[0]}, or name the file in {VARIABLE}. {_INSTEAD}"
    )
