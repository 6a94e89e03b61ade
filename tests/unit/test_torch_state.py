"""A caller's settings of torch do not count inside, and hold again afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import torch

from ganvas.errors import GanvasError
from ganvas.torch_state import WORKSPACE, cpu_threads, deterministic_kernels, usual_torch

Deterministic = tuple[bool, bool, bool, str | None]


@pytest.mark.parametrize(
    "setting",
    [
        torch.no_grad(),
        torch.inference_mode(),
        torch.device("meta"),
        torch.autocast("cpu", torch.bfloat16),
    ],
    ids=["no_grad", "inference_mode", "device", "autocast"],
)
def test_a_setting_of_this_thread_does_not_count_inside(
    setting: AbstractContextManager[object],
) -> None:
    @usual_torch()
    def product() -> torch.Tensor:
        return torch.ones(2, 2, requires_grad=True) @ torch.ones(2, 2)

    with setting:
        before = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        result = product()
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
    assert result.requires_grad
    assert not result.is_inference()
    assert (result.device.type, result.dtype) == ("cpu", torch.float32)


def test_the_current_gpu_is_the_same_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    current: list[int] = [1]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: current[-1])
    monkeypatch.setattr(torch.cuda, "_maybe_exchange_device", current.append)
    with usual_torch():
        current.append(0)
    assert current == [1, 0, 1]


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
def test_another_default_dtype_is_refused() -> None:
    with pytest.raises(GanvasError, match=r"default dtype is torch\.float64"), usual_torch():
        pass


def deterministic() -> Deterministic:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
        os.environ.get(WORKSPACE),
    )


@pytest.mark.parametrize("workspace", [None, ":16:8"])
def test_kernels_are_deterministic_only_inside(
    monkeypatch: pytest.MonkeyPatch, workspace: str | None
) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    if workspace is not None:
        monkeypatch.setenv(WORKSPACE, workspace)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    before = deterministic()
    with deterministic_kernels():
        assert deterministic() == (True, False, False, workspace or ":4096:8")
    assert deterministic() == before
    with pytest.raises(KeyError), deterministic_kernels():
        raise KeyError
    assert deterministic() == before
    with deterministic_kernels(wanted=False):
        assert deterministic() == before


def test_the_number_of_threads_is_restored() -> None:
    before = torch.get_num_threads()
    with cpu_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), cpu_threads(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before
