"""Euclidean norms of numbers that may vanish or explode."""

from __future__ import annotations

import torch
from torch import Tensor


def row_norms(rows: Tensor) -> Tensor:
    """Each row's norm, (n, d) -> (n,), without overflow or underflow of the squares.

    Each row is first divided by its largest entry. The squares of vanishing gradients, which the
    probes look for, underflow in float32 long before the gradients themselves do.
    """
    largest = rows.abs().amax(1).clamp(min=torch.finfo(rows.dtype).tiny)
    scaled: Tensor = torch.linalg.vector_norm(rows / largest[:, None], dim=1)
    return largest * scaled
