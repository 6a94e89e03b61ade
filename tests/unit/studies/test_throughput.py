"""What a measurement of throughput times."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ganvas.studies import throughput


def test_sampling_is_timed_separately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise between two evaluations must not become a cost per sample."""
    clock = [0.0]

    def measure(generator: Any, data: Any, settings: Any, asked: Any, n: int, *rest: Any) -> None:
        bar = rest[1]
        with bar("sampling"):
            clock[0] += 0.5 * n
        clock[0] += 7.0

    monkeypatch.setattr(throughput, "measure", measure)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])
    study: Any = SimpleNamespace(metrics=("swd",))
    stand_in: Any = SimpleNamespace(ema=None, shape=None, latent_dim=1, data=None)
    assert throughput.time_scoring(study, stand_in, stand_in, stand_in) == pytest.approx((7.0, 0.5))
