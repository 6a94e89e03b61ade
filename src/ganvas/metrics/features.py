"""Networks that turn images into feature vectors, behind one interface."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ganvas.errors import GanvasError
from ganvas.shared_changes import SharedChange

FeatureConfig = dict[str, str | int | float]
"""What decides the features, by name: equal configurations give equal features."""

CHANNELS = "grey tiled to 3 channels, alpha over white"
"""What `to_rgb` does, for `FeatureConfig`."""

_BATCH_SIZE = {"cpu": 32}
"""Images per batch, by device type. On one CPU thread Lite0 takes 1.5 times as long per image in
batches of 128, whose activations exceed the cache, as in batches of 32."""

_DEFAULT_BATCH_SIZE = 128

_MAX_BATCH_PIXELS = 2**24
"""Large images come in smaller batches: this many pixels take about 200 MB as floats."""


@dataclass(frozen=True, eq=False)
class FeatureNetwork(ABC):
    """A network in eval mode that gives each image a feature vector.

    name: as in the names of scores, `lite0` in `fd-lite0`.
    dimension: D, features per image.
    device: where it computes, and where its results are.
    """

    name: str
    dimension: int
    device: torch.device

    def __call__(self, images: Tensor) -> Tensor:
        """The features of each image, float32 (N, D), on `device`.

        Up to rounding, an image's features do not depend on the other images. They are computed
        batch by batch in full float32 precision (no TF32).

        Args:
            images: uint8 (N, C, H, W), any height and width, on any device. C is 1 (grey, tiled),
                2 (grey with alpha), 3, or 4 (colour with alpha); alpha is composed over white.

        Raises:
            GanvasError: another dtype or shape.
        """
        _check_images(images)
        batch_size = self.batch_size(images.shape[2], images.shape[3])
        features = torch.empty(len(images), self.dimension, device=self.device)
        with torch.inference_mode(), FULL_PRECISION():
            for start in range(0, len(images), batch_size):
                pixels = images[start : start + batch_size].to(self.device)
                features[start : start + batch_size] = self._extract(to_rgb(pixels))
        return features  # (N, D)

    def batch_size(self, height: int, width: int) -> int:
        """How many images of this size are computed together."""
        batch_size = _BATCH_SIZE.get(self.device.type, _DEFAULT_BATCH_SIZE)
        return max(1, min(batch_size, _MAX_BATCH_PIXELS // (height * width)))

    @abstractmethod
    def config(self) -> FeatureConfig:
        """Name, dimension, input size, resize, preprocessing, checksum of the weights, code."""

    @abstractmethod
    def _extract(self, pixels: Tensor) -> Tensor:
        """The features of one batch: uint8 (n, 3, H, W) on the device -> float32 (n, D)."""


FULL_PRECISION = SharedChange(
    lambda: torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
)
"""While entered, CUDA convolutions are computed in full float32, and repeat bit for bit."""


def to_rgb(pixels: Tensor) -> Tensor:
    """uint8 (N, C, H, W), C 1 to 4, -> uint8 (N, 3, H, W), composed over white."""
    if pixels.shape[1] in (2, 4):
        colour, alpha = pixels[:, :-1].float(), pixels[:, -1:].float() / 255
        pixels = (colour * alpha + 255 * (1 - alpha)).round_().to(torch.uint8)
    return pixels.expand(-1, 3, -1, -1)


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (N, C, H, W) -> float32 [0, 255] (N, C, *size); antialiased bicubic, clamped.

    The aspect ratio is not kept, and nothing is rounded. Images of that size are not resampled.
    """
    if pixels.shape[2:] == size:
        return pixels.float()
    scaled = functional.interpolate(pixels.float(), size, mode="bicubic", antialias=True)
    return scaled.clamp_(0, 255)  # bicubic kernels overshoot at edges


RESIZE = "antialiased bicubic"
"""What `resized` does, for `FeatureConfig`."""


def read_weights(path: Path, sha256: str, advice: str) -> dict[str, Tensor]:
    """Read a published file of weights after comparing its checksum; no code in it can run.

    Args:
        sha256: of the whole file, in hexadecimal.
        advice: what to do about a file that is missing or not the published one.

    Raises:
        GanvasError: the file cannot be read, or has another checksum.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise GanvasError(f"cannot read the weights {path}: {reason}. {advice}") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise GanvasError(
            f"{path} is damaged or holds other weights: its sha256 starts with {actual[:8]}, "
            f"expected {sha256[:8]}. {advice}"
        )
    # Loaded from the verified bytes: the file could have been replaced in the meantime.
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = dict(state)
    return weights


def _check_images(images: Tensor) -> None:
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 2, 3, 4):
        raise GanvasError(
            "features need uint8 images of shape (N, C, H, W), C 1 to 4; "
            f"got {images.dtype} of shape {shape}"
        )
    if 0 in shape[2:]:
        raise GanvasError(f"features need images with pixels; got shape {shape}")
