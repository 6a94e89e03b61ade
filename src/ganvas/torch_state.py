"""torch's settings: what a caller has set does not change results, and is the same afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch

from ganvas.errors import GanvasError
from ganvas.shared_changes import SharedChange

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def usual_torch() -> Iterator[None]:
    """Compute as torch does by default, whatever this thread has set; as a function's decorator.

    Inside, gradients are recorded, nothing is cast, tensors are made on the CPU. Afterwards the
    thread's own settings hold again, its CUDA device too.

    Raises:
        GanvasError: the default dtype is not float32. All threads share it, so it is not changed.
    """
    if torch.get_default_dtype() != torch.float32:
        raise GanvasError(
            f"torch's default dtype is {torch.get_default_dtype()}, but ganvas computes in "
            "float32. Call torch.set_default_dtype(torch.float32) before"
        )
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled() or not torch.is_grad_enabled():
            stack.enter_context(torch.inference_mode(False))  # records gradients too
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(_same_cuda_device())
        yield


@contextmanager
def _same_cuda_device() -> Iterator[None]:
    """Make the CUDA device current again that is so now."""
    before = torch.cuda.current_device() if _cuda_is_in_use() else 0
    try:
        yield
    finally:
        if _cuda_is_in_use():  # as torch.cuda.device does: it starts nothing on a device not in use
            torch.cuda._maybe_exchange_device(before)


def _cuda_is_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def deterministic_kernels(wanted: bool = True) -> AbstractContextManager[None]:
    """While entered, CUDA results repeat bit for bit, at some cost in speed; a CPU's do anyway.

    All threads share these settings.
    """
    return _DETERMINISTIC() if wanted else nullcontext()


@contextmanager
def _deterministic() -> Iterator[None]:
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(WORKSPACE)
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        if workspace is None:
            del os.environ[WORKSPACE]


_DETERMINISTIC = SharedChange(_deterministic)


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Compute with so many threads on the CPU while entered. The whole process does."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
