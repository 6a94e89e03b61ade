"""Networks that turn images into numbers that can be compared, behind one interface."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ganvas.errors import GanvasError, did_you_mean

Protocol = dict[str, str | int | float]
"""What decides the numbers, by name: two equal protocols give equal features."""

CHANNELS = "grey tiled to 3 channels, alpha over white"
"""What `to_rgb` does, for the protocol."""

_PIECE = {"cpu": 32}
"""Images looked at together. On one CPU thread Lite0 takes 1.7 times as long an image in pieces of
128, where its layers leave the cache, as in pieces of 32."""

_PIECE_ELSEWHERE = 128

_PIXELS = 2**24
"""Pixels of a piece: large images come in smaller pieces, about 200 MB as floats."""


@dataclass(frozen=True, eq=False)
class Features(ABC):
    """A network in eval mode, and everything that decides what it makes of an image.

    name: as in the names of scores, `lite0` in `fd-lite0`.
    dimension: numbers for each image.
    device: where it computes, and where its results are.
    """

    name: str
    dimension: int
    device: torch.device

    def __call__(self, images: Tensor) -> Tensor:
        """The features of each image, float32 (N, dimension), on `device`.

        An image's features do not depend on the images beside it, up to rounding. They are
        computed a piece at a time, in full float32 precision (no TF32).

        Args:
            images: uint8 (N, C, H, W), any height and width, on any device. C is 1 (grey, tiled),
                2 (grey with alpha), 3, or 4 (colour with alpha); alpha is composed over white.

        Raises:
            GanvasError: another dtype or shape.
        """
        _check(images)
        piece = self.at_once(images.shape[2], images.shape[3])
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        found = torch.empty(len(images), self.dimension, device=self.device)
        with torch.inference_mode(), exact:
            for start in range(0, len(images), piece):
                pixels = images[start : start + piece].to(self.device)
                found[start : start + piece] = self._look(to_rgb(pixels))
        return found  # (N, D)

    def at_once(self, height: int, width: int) -> int:
        """How many images of this size a piece holds."""
        piece = _PIECE.get(self.device.type, _PIECE_ELSEWHERE)
        return max(1, min(piece, _PIXELS // (height * width)))

    @abstractmethod
    def protocol(self) -> Protocol:
        """Features, dimension, input size, resize, preprocessing, checksum of the weights, code."""

    @abstractmethod
    def _look(self, pixels: Tensor) -> Tensor:
        """One piece: uint8 (n, 3, H, W) on the device -> float32 (n, dimension)."""


def load_features(name: str, device: torch.device) -> Features:
    """The features of that name: `lite0` or `inception`.

    Raises:
        GanvasError: no such features, or their package or weights are missing or damaged.
    """
    if name not in LOADERS:
        known = (*LOADERS, "classifier")
        raise GanvasError(
            f"there are no features {name!r} to load. There are: {', '.join(LOADERS)}; and "
            f"classifier, which is trained on labelled images.{did_you_mean(name, known)}"
        )
    return LOADERS[name](device)


def _lite0(device: torch.device) -> Features:
    from ganvas.metrics.lite0 import load_lite0

    return load_lite0(device)


def _inception(device: torch.device) -> Features:
    from ganvas.metrics.inception import load_inception

    return load_inception(device)


LOADERS: dict[str, Callable[[torch.device], Features]] = {
    "lite0": _lite0,
    "inception": _inception,
}
"""Features with published weights, by name."""


def to_rgb(pixels: Tensor) -> Tensor:
    """uint8 (N, C, H, W), C 1 to 4, -> uint8 (N, 3, H, W): as seen on a white page."""
    if pixels.shape[1] in (2, 4):
        colour, alpha = pixels[:, :-1].float(), pixels[:, -1:].float() / 255
        pixels = (colour * alpha + 255 * (1 - alpha)).round_().to(torch.uint8)
    return pixels.expand(-1, 3, -1, -1)


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 (N, C, H, W) -> float32 [0, 255] (N, C, *size); antialiased bicubic, clamped.

    The aspect ratio is not kept. Nothing is rounded; images of that size are left as they are.
    """
    if pixels.shape[2:] == size:
        return pixels.float()
    scaled = functional.interpolate(pixels.float(), size, mode="bicubic", antialias=True)
    return scaled.clamp_(0, 255)  # bicubic kernels overshoot at edges


RESIZE = "antialiased bicubic"
"""What `resized` does, for the protocol."""


def read_weights(path: Path, sha256: str, advice: str) -> dict[str, Tensor]:
    """Read a published file of weights, after its checksum was compared; no code in it can run.

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
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise GanvasError(
            f"{path} is damaged or holds other weights: its sha256 starts with {found[:8]}, "
            f"expected {sha256[:8]}. {advice}"
        )
    # from the bytes that were compared: the file could have been replaced in between
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = dict(state)
    return weights


def _check(images: Tensor) -> None:
    shape = tuple(images.shape)
    if images.dtype != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 2, 3, 4):
        raise GanvasError(
            "features are taken of uint8 images of shape (N, C, H, W), C 1 to 4; "
            f"got {images.dtype} of shape {shape}"
        )
    if 0 in shape[2:]:
        raise GanvasError(f"features are taken of images with pixels; got shape {shape}")
