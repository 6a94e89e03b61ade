"""Euclidean norms of numbers that may vanish or explode."""

from __future__ import annotations

import torch
from torch import Tensor


def norms(rows: Tensor) -> Tensor:
    """Each row's norm, (n, d) -> (n,), without overflow or underflow of the squares.

    Each row is scaled by its largest entry before: gradients that vanish, which is what one looks
    for, leave float32 with their squares long before they do themselves.
    """
    largest = rows.abs().amax(1).clamp(min=torch.finfo(rows.dtype).tiny)
    scaled: Tensor = torch.linalg.vector_norm(rows / largest[:, None], dim=1)
    return largest * scaled
