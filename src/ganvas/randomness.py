"""One seed, many independent random generators, each with a name and a state to save.

Every random choice has its own generator, so drawing more for one purpose (another grid, another
penalty) never changes the others. torch's global generator is never used: all threads share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ganvas.arguments import as_seed
from ganvas.processes import SINGLE_PROCESS, ProcessGroup

STREAMS = ("latents", "penalties", "augmentation")
"""The generators that training draws from and a checkpoint holds."""


def derive_seed(seed: int, name: str) -> int:
    """A 63-bit seed, a fixed function of the run's seed and the generator's name.

    Raises:
        GanvasError: a seed that is no whole number.
    """
    digest = hashlib.blake2b(f"{as_seed(seed)}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def named_generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device`, seeded from the run's seed and this name."""
    generator = torch.Generator(device=device)
    generator.manual_seed(derive_seed(seed, name))
    return generator


def training_generators(seed: int, device: torch.device) -> dict[str, torch.Generator]:
    """One generator for each of `STREAMS`."""
    return {name: named_generator(seed, name, device) for name in STREAMS}


DRAWING = frozenset(
    {
        *("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"),
        *("rand_like", "randn_like", "randint_like"),
        *("normal_", "uniform_", "random_", "bernoulli_", "exponential_", "geometric_"),
        *("cauchy_", "log_normal_", "trunc_normal_", "orthogonal_", "sparse_"),
        *("kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_"),
    }
)
"""Functions of torch, of its tensors and of `nn.init` that draw.

Of a torch whose `rand_like` takes no generator, it is an error inside `DrawFrom`.
"""


class DrawFrom(TorchFunctionMode):
    """Inside, functions that are given no generator draw from this one; in this thread alone.

    torch's constructors and `nn.init` can be given none where a network is built. Setting the state
    of the global generator instead would mix what several threads draw.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if getattr(func, "__name__", "") in DRAWING and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Draw the weights of networks built inside from the seed."""
    with DrawFrom(named_generator(seed, "weights")):
        yield


def draw_latents(
    count: int,
    latent_dim: int,
    generator: torch.Generator,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Standard normal latents on the generator's device: this rank's rows out of `count`."""
    shape = (count, latent_dim)
    latents = torch.randn(shape, generator=generator, device=generator.device)
    return latents[processes.local_slice(count)]  # (N, Z)


def draw_uniform(
    shape: tuple[int, ...],
    generator: torch.Generator,
    processes: ProcessGroup = SINGLE_PROCESS,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Numbers uniform in [0, 1) on the generator's device, for this rank's rows.

    Every rank draws the numbers of all ranks and keeps its own, so generators stay in step.

    Args:
        shape: of this rank's slice, rows first.
    """
    rows, *rest = shape
    rows *= processes.size
    drawn = torch.rand((rows, *rest), generator=generator, device=generator.device, dtype=dtype)
    return drawn[processes.local_slice(rows)]


def draw_normal(
    shape: tuple[int, ...],
    generator: torch.Generator,
    processes: ProcessGroup = SINGLE_PROCESS,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Standard normal numbers for this rank's rows; otherwise like `draw_uniform`."""
    rows, *rest = shape
    rows *= processes.size
    drawn = torch.randn((rows, *rest), generator=generator, device=generator.device, dtype=dtype)
    return drawn[processes.local_slice(rows)]
