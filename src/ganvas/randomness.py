"""One seed, many independent random generators, each with a name and a state to save.

Every random choice has its own generator, so drawing more for one purpose (another grid, another
penalty) never changes the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ganvas.processes import SINGLE_PROCESS, ProcessGroup

STREAMS = ("latents", "penalties", "augmentation")
"""The generators that training draws from and a checkpoint holds."""


def derive_seed(seed: int, name: str) -> int:
    """A 63-bit seed, a fixed function of the run's seed and the generator's name."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def named_generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator on `device`, seeded from the run's seed and this name."""
    generator = torch.Generator(device=device)
    generator.manual_seed(derive_seed(seed, name))
    return generator


def training_generators(seed: int, device: torch.device) -> dict[str, torch.Generator]:
    """One generator for each of `STREAMS`."""
    return {name: named_generator(seed, name, device) for name in STREAMS}


@contextmanager
def seeded_weights(seed: int) -> Iterator[None]:
    """Draw the weights of networks built inside from the seed; keep torch's global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
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
