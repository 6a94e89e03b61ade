"""Which GPU becomes the current one."""

from __future__ import annotations

import pytest
import torch

from ganvas.devices import make_current


def test_a_gpu_without_index_is_already_current() -> None:
    device = torch.device("cuda")
    with pytest.raises(ValueError, match="specified index"):
        torch.cuda.set_device(device)
    make_current(device)


def test_a_gpu_with_index_becomes_current(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name in ("cpu", "cuda", "cuda:1"):
        make_current(torch.device(name))
    assert chosen == [torch.device("cuda:1")]
