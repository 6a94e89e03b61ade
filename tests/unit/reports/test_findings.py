"""The limit of a measurement, read from its text."""

from __future__ import annotations

import pytest

from ganvas.reports.findings import limit_of


@pytest.mark.parametrize(
    ("normal", "limit"),
    [("above 0.3", 0.3), ("below 1e-05", 1e-5), ("below 32,000", 32000.0), ("1 to 2", None)],
)
def test_limits_are_read_from_words(normal: str, limit: float | None) -> None:
    assert limit_of(normal) == limit
