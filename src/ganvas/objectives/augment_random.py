"""What policies of augmentation share: how they are called, their random numbers, colours.

Images are small and transformations many, so the time goes into starting operations. All numbers
of a batch are therefore drawn, scaled and compared with the probability at once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_normal, draw_uniform

WITH_ALPHA = (2, 4)
"""Numbers of channels whose last is alpha, which colour transformations leave unchanged."""


@dataclass(frozen=True)
class Draw:
    """A random quantity of each image: `low + span * number` if it happens, else `otherwise`."""

    number: str
    """The number that it is made of, by a name of `Policy.uniform` or `Policy.normal`."""
    happens: str | None = None
    """The uniform number that decides whether it happens; None: it always does."""
    low: float = 0.0
    span: float = 1.0
    otherwise: float = 0.0
    one_of_two: bool = False
    """Whether it is one of two quantities of which at least one has the probability."""
    function: Callable[[Tensor], Tensor] | None = None
    """Changes the quantity (N, 1) in place at last."""


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy of augmentation: what it does to images, and what is drawn for each image."""

    transform: Callable[[Tensor, Tensor], Tensor]
    """Images (N, C, H, W) in float32 or float64, transformed by quantities (K, N, 1)."""
    draws: tuple[Draw, ...]
    """The K quantities."""
    uniform: tuple[str, ...]
    """Names of an image's numbers in [0, 1), in the order of drawing."""
    normal: tuple[str, ...] = ()
    """Names of its standard normal numbers, drawn after all uniform ones."""

    def __call__(
        self,
        batches: Sequence[Tensor],
        probability: float,
        random: torch.Generator,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> Sequence[Tensor]:
        """Transform each image of some batches (N, C, H, W) at random, all batches at once.

        C is 1 to 4; black is -1, white 1. The numbers are those of one batch after the other, but
        for small images two batches take hardly longer than one.

        Args:
            probability: of each transformation, independently for each image; at 0 nothing is
                drawn.
            random: a generator on the images' device.
            processes: the processes that share each batch; `batches` has the rows of this one.
        """
        if probability == 0:
            return batches
        sizes = [len(images) for images in batches]
        images = batches[0] if len(batches) == 1 else torch.cat(list(batches))
        # 16 bits are too coarse for positions.
        dtype = torch.promote_types(images.dtype, torch.float32)
        drawn = [self.draw(size, probability, random, processes, dtype) for size in sizes]
        quantities = drawn[0] if len(drawn) == 1 else torch.cat(drawn, 1)
        transformed = self.transform(images.to(dtype), quantities)
        return torch.split(transformed.to(images.dtype), sizes)

    def draw(
        self,
        count: int,
        probability: float,
        random: torch.Generator,
        processes: ProcessGroup,
        dtype: torch.dtype,
    ) -> Tensor:
        """The quantities (K, N, 1) of this process's N = `count` images of a batch."""
        uniform = draw_uniform((count, len(self.uniform)), random, processes, dtype)
        normal = draw_normal((count, len(self.normal)), random, processes, dtype)
        columns = torch.cat([uniform, normal], 1).t()
        constants = drawing_constants(self, dtype, uniform.device)
        limits = drawing_limits(self, probability, dtype, uniform.device)
        values = columns.index_select(0, constants.numbers)[:, :, None]
        deciding = columns.index_select(0, constants.happens)[:, :, None]
        values = constants.low + constants.span * values
        quantities = torch.where(deciding < limits, values, constants.otherwise)
        # One by one: the last bits of a cosine depend on its place in a vector register, and so
        # would what an image gets on the other images.
        for index, draw in enumerate(self.draws):
            if draw.function is not None:
                draw.function(quantities[index])
        return quantities


class DrawingConstants(NamedTuple):
    """The fields of a policy's K draws as tensors."""

    numbers: Tensor
    """int64 (K,), columns of all numbers of an image."""
    happens: Tensor
    """int64 (K,), columns too; any column for what always happens."""
    low: Tensor
    """(K, 1, 1), like `span` and `otherwise`."""
    span: Tensor
    otherwise: Tensor


@functools.cache
def drawing_constants(policy: Policy, dtype: torch.dtype, device: torch.device) -> DrawingConstants:
    """Made once: at every step it would cost more than the drawing."""
    columns = {name: index for index, name in enumerate(policy.uniform + policy.normal)}
    numbers = [columns[draw.number] for draw in policy.draws]
    happens = [columns[draw.happens] if draw.happens else 0 for draw in policy.draws]
    fields = [(draw.low, draw.span, draw.otherwise) for draw in policy.draws]
    return DrawingConstants(
        torch.tensor(numbers, device=device),
        torch.tensor(happens, device=device),
        *torch.tensor(fields, dtype=dtype, device=device)[:, :, None, None].unbind(1),
    )


@functools.lru_cache(maxsize=4)
def drawing_limits(
    policy: Policy, probability: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(K, 1, 1), below which uniform numbers let each quantity happen."""
    each_of_two = 1 - math.sqrt(1 - probability)
    limits = [
        (each_of_two if draw.one_of_two else probability) if draw.happens else math.inf
        for draw in policy.draws
    ]
    # A GPU is not waited for.
    return torch.tensor(limits, dtype=dtype)[:, None, None].to(device, non_blocking=True)


def colour_channels(images: Tensor) -> int:
    """How many of the first channels of images (N, C, H, W) are colours; a last one is alpha."""
    channels = images.shape[1]
    return channels - 1 if channels in WITH_ALPHA else channels


class Grid(NamedTuple):
    """Constants of images of one size; x and y are counted in pixels from the centre."""

    columns: Tensor
    """(W,): 0, 1, ..."""
    rows: Tensor
    """(H, 1), likewise."""
    x: Tensor
    """(W,), of each column."""
    y: Tensor
    """(H, 1), of each row."""
    relative_x: Tensor
    """(W,), the middle of each column, relative to the width."""
    relative_y: Tensor
    """(H, 1), likewise of the rows."""
    size: Tensor
    """(2,): width and height."""


def grid_of(images: Tensor) -> Grid:
    """The grid of images (N, C, H, W), in their dtype and on their device."""
    return pixel_grid(*images.shape[2:], images.dtype, images.device)


@functools.lru_cache(maxsize=16)
def pixel_grid(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Grid:
    """The grid of images of this size; made once, like `drawing_constants`."""
    size = torch.tensor([width, height], dtype=dtype, device=device)
    columns = torch.arange(width, dtype=dtype, device=device)
    rows = torch.arange(height, dtype=dtype, device=device)[:, None]
    return Grid(
        columns,
        rows,
        columns - (width - 1) / 2,
        rows - (height - 1) / 2,
        (columns + 0.5) / width,
        (rows + 0.5) / height,
        size,
    )
