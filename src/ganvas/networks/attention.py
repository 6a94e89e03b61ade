"""Self-attention over the places of a feature map (Zhang 2019, SAGAN). Imports torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

KEY_FRACTION = 8
"""Channels are so many times those of queries and keys (Zhang 2019, section 3)."""
VALUE_FRACTION = 2
"""The same of values, as in the published code; the paper has 8."""


class SelfAttention(nn.Module):
    """Adds to each place what it gathers from all, times a learned strength that starts at 0.

    (N, C, H, W) -> (N, C, H, W), with H and W at least 2: x + gamma o(sum_j beta_ij v(x_j)), where
    beta_i is the softmax over j of <q(x_i), k(x_j)> (Zhang 2019, eq. 1 to 3); q, k, v and o are 1x1
    convolutions without biases. As in the published code, keys and values are the largest of each
    2x2 square. Written out, because torch's fused attention cannot be differentiated twice.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        keys, values = max(1, channels // KEY_FRACTION), max(1, channels // VALUE_FRACTION)
        self.query = nn.Conv2d(channels, keys, kernel_size=1, bias=False)
        self.key = nn.Conv2d(channels, keys, kernel_size=1, bias=False)
        self.value = nn.Conv2d(channels, values, kernel_size=1, bias=False)
        self.output = nn.Conv2d(values, channels, kernel_size=1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        queries = self.query(images).flatten(2)  # (N, C / 8, places)
        keys = F.max_pool2d(self.key(images), 2).flatten(2)  # (N, C / 8, squares)
        values = F.max_pool2d(self.value(images), 2).flatten(2)  # (N, C / 2, squares)
        attention = (queries.mT @ keys).softmax(2)  # (N, places, squares)
        gathered = (values @ attention.mT).unflatten(2, images.shape[2:])
        attended: Tensor = images + self.gamma * self.output(gathered)
        return attended
