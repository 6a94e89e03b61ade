"""How long an evaluation will take is said once, after the first batch."""

from __future__ import annotations

import pytest

from ganvas.evaluation import forecast
from ganvas.evaluation.forecast import ScoringForecast


@pytest.mark.parametrize(
    ("seconds", "real_images", "expected"),
    [
        (1.0, 3_000, ["about 25 s for 2,000 samples and, this first time, 3,000 real images"]),
        (1.0, 0, ["about 13 s for 2,000 samples"]),
        (0.0, 0, ["about 5 s for 2,000 samples"]),
    ],
)
def test_the_first_batch_tells_how_long_all_takes(
    seconds: float, real_images: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(forecast.time, "monotonic", lambda: clock[0])
    announced: list[str] = []
    passed: list[tuple[int, int]] = []
    advance = ScoringForecast(
        lambda done, total: passed.append((done, total)),
        announced.append,
        real_images,
        computing=5.0,
    )
    advance(0, 2_000)
    for done in (250, 500):
        clock[0] += seconds
        advance(done, 2_000)
    assert announced == expected
    assert passed == [(0, 2_000), (250, 2_000), (500, 2_000)]


def test_a_quick_evaluation_is_not_announced() -> None:
    announced: list[str] = []
    advance = ScoringForecast(
        lambda done, total: None, announced.append, real_images=0, computing=0.0
    )
    advance(0, 100)
    advance(100, 100)
    assert announced == []
