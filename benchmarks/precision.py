"""Speed of bfloat16 against float32, and of weight gradients by im2col against torch's own."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from figure import Effort, Figure, figure
from ganvas.networks.convolutions import ConvolutionGeometry
from ganvas.precision import lacks_bfloat16
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, recipe_for
from throughput import WARM_UP_STEPS, ratios, steps_in, take_turns

WIDTHS = (64, 32, 16, 8)
"""Widths of two networks, to find the smallest at which bfloat16 is faster."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution with a square kernel."""

    kernel: int
    stride: int
    padding: int
    positions: int
    """Rows and columns of kernel positions: height and width of the smaller grid."""
    few: int
    """Channels of the smaller grid."""
    many: int
    """Channels of the larger grid."""

    @property
    def title(self) -> str:
        """The layer as tables name it."""
        kernel = f"{self.kernel}x{self.kernel}"
        positions = f"{self.positions}x{self.positions}"
        return f"{kernel} over {positions} places, {self.many} and {self.few} channels"


LAYERS = (
    Layer(4, 1, 0, 1, few=128, many=512),
    Layer(4, 2, 1, 4, few=128, many=128),
    Layer(4, 2, 1, 4, few=512, many=256),
    Layer(3, 1, 1, 4, few=128, many=128),
    Layer(4, 2, 1, 8, few=256, many=128),
    Layer(3, 1, 1, 8, few=128, many=128),
    Layer(4, 2, 1, 16, few=128, many=64),
)
"""Layers of DCGAN at 64x64 and width 64, and of other networks."""
IMAGES = 32


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Whole steps in both dtypes; on a CPU also single layers in bfloat16."""
    lacking = lacks_bfloat16(device)
    if lacking:
        print(f"precision: {lacking}", file=sys.stderr, flush=True)
        return []
    figures = []
    for case in every_case():
        place = folder / case.key
        place.mkdir()
        figures.append(measure_case(case, effort, device, place))
    if device.type == "cpu":
        figures += [measure_layer(layer, effort) for layer in LAYERS]
    return figures


def every_case() -> list[Case]:
    """One case per kind of network, and narrower ones."""
    wide = [Case(f"{name}-32", name, 32, 32) for name in ("wgan-gp", "resnet", "stacked-modern")]
    narrower = [
        Case(f"{name}-{side}-of-{width}", name, side, width)
        for name, side in (("dcgan", 32), ("dcgan", 16), ("r3gan", 16))
        for width in WIDTHS
    ]
    return [*wide, *narrower]


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> Figure:
    """Images per second in bfloat16 over those in float32."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)

    def loop(precision: Literal["fp32", "bf16"]) -> GanvasLoop:
        changed = dataclasses.replace(recipe, precision=precision)
        return GanvasLoop(changed, prepared, folder / precision, device)

    loops = {"fp32": loop("fp32"), "bf16": loop("bf16")}
    for ganvas_loop in loops.values():
        ganvas_loop.steps(WARM_UP_STEPS)
    steps = steps_in(effort.seconds / 4, loops["fp32"].steps, device)
    turns = {
        name: partial(stopwatch, partial(ganvas_loop.steps, steps), device)
        for name, ganvas_loop in loops.items()
    }
    rates = take_turns(turns, steps * case.batch, effort.rounds)
    meaning = f"{case.title}: bf16 / fp32, bare steps"
    return figure(f"{case.key}/bf16", meaning, "", ratios(rates, "bf16", "fp32"))


def measure_layer(layer: Layer, effort: Effort) -> Figure:
    """Speed of a weight gradient by im2col over torch's own."""
    cpu = torch.device("cpu")
    side = (layer.positions - 1) * layer.stride + layer.kernel - 2 * layer.padding
    inputs = channels_last(IMAGES, layer.many, side, side)
    gradient = channels_last(IMAGES, layer.few, layer.positions, layer.positions)
    weight = channels_last(layer.few, layer.many, layer.kernel, layer.kernel)
    geometry = ConvolutionGeometry((layer.stride,) * 2, (layer.padding,) * 2, transposed=False)

    def by_torch() -> None:
        torch.ops.aten.convolution_backward(
            *(gradient, inputs, weight, None, geometry.stride, geometry.padding, (1, 1)),
            *(False, (0, 0), 1, (False, True, False)),
        )

    by_im2col = partial(geometry.weight_gradient, inputs, gradient, weight)
    repeat(by_im2col, WARM_UP_STEPS)
    repeat(by_torch, WARM_UP_STEPS)
    times = steps_in(effort.seconds / 8, partial(repeat, by_torch), cpu)
    turns = {
        "torch": partial(stopwatch, partial(repeat, by_torch, times), cpu),
        "im2col": partial(stopwatch, partial(repeat, by_im2col, times), cpu),
    }
    rates = take_turns(turns, times * IMAGES, effort.rounds)
    key = f"weight-{layer.kernel}-{layer.positions}-{layer.many}-{layer.few}"
    meaning = f"gradient of a weight in bf16, {layer.title}: im2col / torch"
    return figure(key, meaning, "", ratios(rates, "im2col", "torch"))


def repeat(function: Callable[[], object], times: int) -> None:
    """Call a function several times."""
    for _ in range(times):
        function()


def channels_last(*shape: int) -> Tensor:
    """Normal bfloat16 values in channels-last layout, as networks on a CPU use."""
    return torch.randn(*shape).bfloat16().contiguous(memory_format=torch.channels_last)
