"""In which numbers the networks calculate while they train: float32, or bfloat16 where it pays."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.errors import DeviceError

PrecisionName = Literal["fp32", "bf16"]

CPU_FLAGS = ("amx_bf16", "avx512_bf16", "bf16")
"""How /proc/cpuinfo names bfloat16 instructions, of x86 and of ARM."""

CPUINFO = Path("/proc/cpuinfo")

WIDE = 32
"""Channels on both sides of a convolution from which on bfloat16 was faster (docs/speed.md).

Narrower ones lose by conversions what they gain, and so did networks without convolutions.
"""
WIDE_ON_AVX512 = 64
"""The same where AVX-512 has bfloat16 and AMX is not there: less is gained, and the loss is as big.
"""

FIRST_CAPABILITY = (8, 0)
"""Of CUDA devices that multiply matrices in bfloat16 (Ampere)."""


@dataclass(frozen=True)
class Precision:
    """The numbers that the networks calculate in. Weights, losses and updates are float32 always.

    why: what decided it, in a few words.
    """

    name: PrecisionName
    why: str

    def through(self, network: nn.Module) -> Callable[..., Tensor]:
        """The network as a function of float32 tensors with float32 results.

        In bf16 its convolutions and matrix products run in bfloat16 (Kalamkar 2019): 8 bits of
        mantissa and float32's range, so that losses need no scaling. What divides a weight by its
        spectral norm is calculated in float32 before.
        """
        if self.name == "fp32":
            return network

        def passed(inputs: Tensor, *labels: Tensor) -> Tensor:
            with parametrize.cached():
                for module in network.modules():
                    if parametrize.is_parametrized(module, "weight"):
                        _ = module.weight  # kept until the network asks for it
                with torch.autocast(inputs.device.type, torch.bfloat16):
                    outputs: Tensor = network(inputs, *labels)
            return outputs.float()

        return passed


FP32 = Precision("fp32", "asked for")


def choose_precision(
    asked: Literal["auto", "fp32", "bf16"], device: torch.device, *networks: nn.Module
) -> Precision:
    """The numbers to calculate in; auto takes bf16 where it was measured to be faster.

    Raises:
        DeviceError: bf16 was asked for, and the device has no instructions for it.
    """
    if asked == "fp32":
        return FP32
    lacking = lacks_bfloat16(device)
    if asked == "bf16":
        if lacking:
            raise DeviceError(f"precision bf16: {lacking}. Set precision to fp32 or auto")
        return Precision("bf16", "asked for")
    if lacking:
        return Precision("fp32", lacking)
    wide = WIDE_ON_AVX512 if device.type == "cpu" and has_avx512_alone() else WIDE
    if all(channels_of(at) < wide for network in networks for at in network.modules()):
        return Precision("fp32", f"no convolution has {wide} channels, which bfloat16 asks for")
    return Precision("bf16", f"the {device.type} has bfloat16 instructions")


def as_begun(begun: PrecisionName, device: torch.device) -> Literal["auto", "fp32", "bf16"]:
    """What a run that began so is to go on with on this device; auto then finds what it lacks."""
    return "auto" if begun == "bf16" and lacks_bfloat16(device) else begun


def channels_of(layer: nn.Module) -> int:
    """Of a convolution, on its narrower side, within a group; 0 of what is none.

    None is what has one place for its kernel, as from latents to a grid: that is a mere product.
    """
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return 0
    if layer.padding == (0, 0) and layer.stride == (1, 1) and layer.kernel_size != (1, 1):
        return 0
    return min(layer.in_channels, layer.out_channels) // layer.groups


def lacks_bfloat16(device: torch.device) -> str | None:
    """Why the device would not gain by bfloat16, in a few words; None where it has instructions."""
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability >= FIRST_CAPABILITY:
            return None
        return f"{torch.cuda.get_device_name(device)} has no bfloat16 instructions"
    if device.type == "cpu":
        return None if has_bfloat16() else "this processor has no bfloat16 instructions"
    return f"bfloat16 was not measured on {device.type}"


def has_bfloat16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether Linux names bfloat16 among what the processor can; elsewhere nobody says."""
    return not cpu_flags(cpuinfo).isdisjoint(CPU_FLAGS)


def has_avx512_alone() -> bool:
    """Whether the processor multiplies in bfloat16 by AVX-512, and AMX is not there."""
    return "avx512_bf16" in cpu_flags() and "amx_bf16" not in cpu_flags()


@functools.cache
def cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """What Linux says that the processor can."""
    if not cpuinfo.exists():
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    return frozenset(found[1].split() if found else ())
