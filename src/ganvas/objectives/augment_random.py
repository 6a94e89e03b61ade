"""What policies of augmentation share: how they are called, their random numbers, colours.

Images are small and transformations many, so the time goes into starting operations. All numbers
of a batch are therefore drawn, scaled and compared with the probability at once.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_normal, draw_uniform

LANES = 32
"""Numbers to compute at once, or a multiple: two vector registers of the widest processors."""
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
    """Changes quantities (..., N, 1) in place at last."""


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
        numbers = [self.draw_numbers(size, random, processes, dtype) for size in sizes]
        quantities = self.quantities(numbers, probability)
        transformed = self.transform(images.to(dtype), quantities).to(images.dtype)
        # To split into one part would copy the gradient on the way back.
        return [transformed] if len(batches) == 1 else torch.split(transformed, sizes)

    def draw_numbers(
        self, count: int, random: torch.Generator, processes: ProcessGroup, dtype: torch.dtype
    ) -> Tensor:
        """All numbers (N, M) of this process's N = `count` images of a batch."""
        uniform = draw_uniform((count, len(self.uniform)), random, processes, dtype)
        if not self.normal:
            return uniform
        normal = draw_normal((count, len(self.normal)), random, processes, dtype)
        return torch.cat([uniform, normal], 1)

    def quantities(self, numbers: Sequence[Tensor], probability: float) -> Tensor:
        """The quantities (K, N, 1) of all images, from the numbers (n, M) of each batch."""
        drawn = numbers[0] if len(numbers) == 1 else torch.cat(list(numbers))
        constants = drawing_constants(self, drawn.dtype, drawn.device)
        limits = drawing_limits(self, probability, drawn.dtype, drawn.device)
        count = len(drawn)
        # The last bits of a cosine depend on whether it fills a vector register, and so would what
        # an image gets on the number of images.
        columns = functional.pad(drawn, (0, 0, 0, -count % LANES)).t()
        picked = columns.index_select(0, constants.columns)
        values, deciding = picked.view(2, len(self.draws), -1, 1)
        values = torch.addcmul(constants.low, constants.span, values)
        quantities = torch.where(deciding < limits, values, constants.otherwise)
        for rows, function in constants.functions:
            function(quantities[rows])
        return quantities[:, :count]


class DrawingConstants(NamedTuple):
    """The fields of a policy's K draws as tensors."""

    columns: Tensor
    """int64 (2 K,), of all numbers of an image: those that quantities are made of, then those that
    decide whether they happen; any column for what always happens."""
    low: Tensor
    """(K, 1, 1), like `span` and `otherwise`."""
    span: Tensor
    otherwise: Tensor
    functions: tuple[tuple[slice, Callable[[Tensor], Tensor]], ...]
    """The functions of successive quantities that have the same."""


@functools.cache
def drawing_constants(policy: Policy, dtype: torch.dtype, device: torch.device) -> DrawingConstants:
    """Made once: at every step it would cost more than the drawing."""
    columns = {name: index for index, name in enumerate(policy.uniform + policy.normal)}
    numbers = [columns[draw.number] for draw in policy.draws]
    happens = [columns[draw.happens] if draw.happens else 0 for draw in policy.draws]
    fields = [(draw.low, draw.span, draw.otherwise) for draw in policy.draws]
    low, span, otherwise = torch.tensor(fields, dtype=dtype, device=device)[..., None, None].unbind(
        1
    )
    chosen = torch.tensor(numbers + happens, device=device)
    return DrawingConstants(chosen, low, span, otherwise, functions_of(policy.draws))


def functions_of(
    draws: Sequence[Draw],
) -> tuple[tuple[slice, Callable[[Tensor], Tensor]], ...]:
    """Each function of successive quantities, and which they are."""
    functions = []
    first = 0
    for function, group in itertools.groupby(draws, key=lambda draw: draw.function):
        last = first + len(list(group))
        if function is not None:
            functions.append((slice(first, last), function))
        first = last
    return tuple(functions)


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


def with_alpha_of(images: Tensor, colour: Tensor) -> Tensor:
    """The colours (N, C or C - 1, H W) and, if images (N, C, H, W) have some, their alpha."""
    colour = colour.unflatten(2, images.shape[2:])  # type: ignore[no-untyped-call]
    alpha = images[:, colour.shape[1] :]
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


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
    """(H,), likewise of the rows."""
    size: Tensor
    """(2, 1, 1): width and height."""
    centre: Tensor
    """(2, 1, 1), half of them."""
    period: Tensor
    """(2, 1, 1, 1), twice them: what reflection at both edges repeats."""


def grid_of(images: Tensor) -> Grid:
    """The grid of images (N, C, H, W), in their dtype and on their device."""
    return pixel_grid(*images.shape[2:], images.dtype, images.device)


@functools.lru_cache(maxsize=16)
def pixel_grid(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Grid:
    """The grid of images of this size; made once, like `drawing_constants`."""
    size = torch.tensor([width, height], dtype=dtype, device=device)[:, None, None]
    columns = torch.arange(width, dtype=dtype, device=device)
    rows = torch.arange(height, dtype=dtype, device=device)[:, None]
    return Grid(
        columns,
        rows,
        columns - (width - 1) / 2,
        rows - (height - 1) / 2,
        (columns + 0.5) / width,
        (rows[:, 0] + 0.5) / height,
        size,
        centre=size / 2,
        period=2 * size[..., None],
    )
