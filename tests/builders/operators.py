"""torch's exporter to ONNX, which lists the operators that it knows once."""

from __future__ import annotations

import functools

import pytest


def list_operators_once(patch: pytest.MonkeyPatch) -> None:
    """Keep the lists that torch makes anew for every export: a third of a small one's time.

    An export only reads them. Operators of one's own are added to them, but ganvas has none.
    """
    from torch._export import utils
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    load_operators = functools.cache(utils._materialize_cpp_cia_ops)
    patch.setattr(utils, "_materialize_cpp_cia_ops", load_operators)

    once = functools.cache(ONNXRegistry.from_torchlib)
    patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(once))
