"""What bfloat16 brings beside float32, and im2col for weights' gradients: both sides take turns."""

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
from ganvas.networks.convolutions import Grid
from ganvas.precision import lacks_bfloat16
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, recipe_for
from throughput import WARM_UP_STEPS, take_turns

WIDTHS = (64, 32, 16, 8)
"""Of the two networks that it is asked of down to which width bfloat16 pays."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution of square kernels."""

    kernel: int
    stride: int
    padding: int
    places: int
    """Rows, and columns, of places that the kernel is laid down in."""
    few: int
    """Channels on the side with one number a place."""
    many: int
    """Channels on the other side, with a patch a place."""

    @property
    def title(self) -> str:
        """For people."""
        kernel = f"{self.kernel}x{self.kernel}"
        places = f"{self.places}x{self.places}"
        return f"{kernel} over {places} places, {self.many} and {self.few} channels"


LAYERS = (
    Layer(4, 1, 0, 1, few=128, many=512),
    Layer(4, 2, 1, 4, few=128, many=128),
    Layer(4, 2, 1, 4, few=512, many=256),
    Layer(3, 1, 1, 4, few=128, many=128),
    Layer(4, 2, 1, 8, few=256, many=128),
    Layer(3, 1, 1, 8, few=128, many=128),
    Layer(4, 2, 1, 16, few=128, many=64),
)
"""Of DCGAN at 64x64 and width 64, and those of other networks beside them."""
IMAGES = 32


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Whole steps in both kinds of numbers; on a CPU single layers in bfloat16."""
    lacking = lacks_bfloat16(device)
    if lacking:
        print(f"precision: {lacking}", file=sys.stderr, flush=True)
        return []
    found = []
    for case in every_case():
        place = folder / case.key
        place.mkdir()
        found.append(measure_case(case, effort, device, place))
    if device.type == "cpu":
        found += [measure_layer(layer, effort) for layer in LAYERS]
    return found


def every_case() -> list[Case]:
    """Each kind of network, and narrower ones."""
    wide = [Case(f"{name}-32", name, 32, 32) for name in ("wgan-gp", "resnet", "stacked-modern")]
    narrower = [
        Case(f"{name}-{side}-of-{width}", name, side, width)
        for name, side in (("dcgan", 32), ("dcgan", 16), ("r3gan", 16))
        for width in WIDTHS
    ]
    return [*wide, *narrower]


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> Figure:
    """Images a second in bfloat16 over those in float32."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)

    def loop(precision: Literal["fp32", "bf16"]) -> GanvasLoop:
        asked = dataclasses.replace(recipe, precision=precision)
        return GanvasLoop(asked, prepared, folder / precision, device)

    loops = {"fp32": loop("fp32"), "bf16": loop("bf16")}
    for one in loops.values():
        one.steps(WARM_UP_STEPS)
    each = stopwatch(partial(loops["fp32"].steps, WARM_UP_STEPS), device) / WARM_UP_STEPS
    steps = max(2, round(effort.seconds / 4 / each))
    turns = {
        name: partial(stopwatch, partial(one.steps, steps), device) for name, one in loops.items()
    }
    rates = take_turns(turns, steps * case.batch, effort.rounds)
    ratios = [a / b for a, b in zip(rates["bf16"], rates["fp32"], strict=True)]
    return figure(f"{case.key}/bf16", f"{case.title}: bf16 / fp32, bare steps", "", ratios)


def measure_layer(layer: Layer, effort: Effort) -> Figure:
    """Speed of a weight's gradient by im2col over that of torch's own."""
    cpu = torch.device("cpu")
    side = (layer.places - 1) * layer.stride + layer.kernel - 2 * layer.padding
    inputs = innermost(IMAGES, layer.many, side, side)
    slope = innermost(IMAGES, layer.few, layer.places, layer.places)
    weight = innermost(layer.few, layer.many, layer.kernel, layer.kernel)
    grid = Grid((layer.stride,) * 2, (layer.padding,) * 2, transposed=False)

    def torchs_own() -> None:
        torch.ops.aten.convolution_backward(
            *(slope, inputs, weight, None, grid.stride, grid.padding, (1, 1)),
            *(False, (0, 0), 1, (False, True, False)),
        )

    by_im2col = partial(grid.weight_gradient, inputs, slope, weight)
    repeat(by_im2col, WARM_UP_STEPS)
    repeat(torchs_own, WARM_UP_STEPS)
    each = stopwatch(partial(repeat, torchs_own, WARM_UP_STEPS), cpu) / WARM_UP_STEPS
    times = max(2, round(effort.seconds / 8 / each))
    turns = {
        "own": partial(stopwatch, partial(repeat, torchs_own, times), cpu),
        "im2col": partial(stopwatch, partial(repeat, by_im2col, times), cpu),
    }
    rates = take_turns(turns, times * IMAGES, effort.rounds)
    ratios = [a / b for a, b in zip(rates["im2col"], rates["own"], strict=True)]
    key = f"weight-{layer.kernel}-{layer.places}-{layer.many}-{layer.few}"
    return figure(key, f"gradient of a weight in bf16, {layer.title}: im2col / torch", "", ratios)


def repeat(what: Callable[[], object], times: int) -> None:
    """Do it so often."""
    for _ in range(times):
        what()


def innermost(*shape: int) -> Tensor:
    """Normal numbers in bfloat16 with channels innermost, as networks on a CPU have them."""
    return torch.randn(*shape).bfloat16().contiguous(memory_format=torch.channels_last)
