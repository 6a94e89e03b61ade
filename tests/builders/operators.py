"""torch's exporter to ONNX, which lists the operators that it knows once."""

from __future__ import annotations

import functools

import pytest


def list_operators_once(patch: pytest.MonkeyPatch) -> None:
    """Keep the list that torch makes anew for every export: a quarter of a small one's time.

    An export only reads it. Operators of one's own are added to it, but ganvas has none.
    """
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    once = functools.cache(ONNXRegistry.from_torchlib)
    patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(once))
