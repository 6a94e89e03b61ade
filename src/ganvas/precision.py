"""The dtype of the networks while training: float32, or bfloat16 where that is faster."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from ganvas.errors import DeviceError

PrecisionName = Literal["fp32", "bf16"]
Outputs = TypeVar("Outputs", Tensor, tuple[Tensor, Tensor])
"""One tensor, or two."""

CPU_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
"""Names of bfloat16 instructions in /proc/cpuinfo, on x86 and ARM."""

CPUINFO = Path("/proc/cpuinfo")

WIDE = 32
"""Convolutions with this many input and output channels were faster in bfloat16 (docs/speed.md).

Narrower ones lose the gain to conversions, and so did networks without convolutions.
"""
WIDE_ON_AVX512 = 64
"""The same on processors with AVX-512 bfloat16 but without AMX, where the gain is smaller."""

FIRST_CAPABILITY = (8, 0)
"""The first CUDA compute capability with bfloat16 matrix products (Ampere)."""


@dataclass(frozen=True)
class Precision:
    """The dtype of the networks. Weights, losses and updates are always float32.

    why: the reason for the choice, in a few words.
    """

    name: PrecisionName
    why: str

    def through(self, network: Callable[..., Outputs]) -> Callable[..., Outputs]:
        """The network, or a method of it, as a function of float32 tensors with float32 results.

        In bf16 its convolutions and matrix products run in bfloat16 (Kalamkar 2019): 8 bits of
        mantissa and float32's range, so losses need no scaling. Spectral norms stay in float32
        (`objectives.constraints`).
        """
        if self.name == "fp32":
            return network

        def forward(inputs: Tensor, *others: Tensor) -> Outputs:
            with torch.autocast(inputs.device.type, torch.bfloat16):
                outputs = network(inputs, *others)
            return in_float32(outputs)

        return forward


def in_float32(outputs: Outputs) -> Outputs:
    """The tensor, or each of several, in float32."""
    if isinstance(outputs, Tensor):
        return outputs.float()
    return tuple(tensor.float() for tensor in outputs)  # type: ignore[return-value]


FP32 = Precision("fp32", "asked for")


def choose_precision(
    setting: Literal["auto", "fp32", "bf16"], device: torch.device, *networks: nn.Module
) -> Precision:
    """The dtype to train in; auto takes bf16 where it was measured to be faster.

    Raises:
        DeviceError: bf16 is set, and the device has no instructions for it.
    """
    if setting == "fp32":
        return FP32
    lacking = lacks_bfloat16(device)
    if setting == "bf16":
        if lacking:
            raise DeviceError(f"precision bf16: {lacking}. Set precision to fp32 or auto")
        return Precision("bf16", "asked for")
    if lacking:
        return Precision("fp32", lacking)
    wide = WIDE_ON_AVX512 if device.type == "cpu" and has_avx512_without_amx() else WIDE
    if all(channels_of(layer) < wide for network in networks for layer in network.modules()):
        return Precision("fp32", f"no convolution has {wide} channels, which bfloat16 needs")
    return Precision("bf16", f"the {device.type} has bfloat16 instructions")


def resumed_precision(
    started: PrecisionName, device: torch.device
) -> Literal["auto", "fp32", "bf16"]:
    """The setting with which a run that started so resumes on this device.

    It is auto for a bf16 run on a device without bfloat16; auto then says why fp32 is used.
    """
    return "auto" if started == "bf16" and lacks_bfloat16(device) else started


def channels_of(layer: nn.Module) -> int:
    """The input or output channels per group of a convolution, whichever are fewer; 0 otherwise.

    A convolution whose kernel fits in one position, as from latents to a grid, is a mere matrix
    product and counts as 0.
    """
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return 0
    if layer.padding == (0, 0) and layer.stride == (1, 1) and layer.kernel_size != (1, 1):
        return 0
    return min(layer.in_channels, layer.out_channels) // layer.groups


def lacks_bfloat16(device: torch.device) -> str | None:
    """Why the device cannot use bfloat16, in a few words; None if it has the instructions."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability >= FIRST_CAPABILITY:
            return None
        return f"{torch.cuda.get_device_name(device)} has no bfloat16 instructions"
    if device.type == "cpu":
        return None if has_bfloat16() else "this processor has no bfloat16 instructions"
    return f"bfloat16 was not measured on {device.type}"


def has_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether Linux lists bfloat16 instructions of the processor; False on other systems."""
    return not cpu_flags(cpuinfo).isdisjoint(CPU_FLAGS)


def has_avx512_without_amx() -> bool:
    """Whether the processor has bfloat16 instructions of AVX-512 but none of AMX."""
    return "avx512_bf16" in cpu_flags() and "amx_bf16" not in cpu_flags()


@functools.cache
def cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The processor's features as Linux lists them; none on other systems."""
    if not cpuinfo.exists():
        return frozenset()
    match = re.search(
        r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text("utf-8", "replace"), re.MULTILINE
    )
    return frozenset(match[1].split() if match else ())


def without_autocast(tensor: Tensor) -> AbstractContextManager[None]:
    """Disable autocast for the tensor's device, where it is enabled.

    Where it is not, there is nothing to enter: torch's exporter makes a nested graph of it.
    """
    if tensor.is_meta or not torch.is_autocast_enabled(tensor.device.type):  # meta has none
        return nullcontext()
    return torch.autocast(tensor.device.type, enabled=False)
