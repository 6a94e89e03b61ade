"""The checksum of named tensors and values: of checkpoints, classifiers and generators."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def checksum(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> str:
    """SHA-256 (64 hex digits) over values, and the tensors' names, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
