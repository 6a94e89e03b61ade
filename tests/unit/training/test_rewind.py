"""What a rewind says."""

from __future__ import annotations

import pytest

from ganvas.health.finding import Change
from ganvas.training.rewind import Rewind


@pytest.mark.parametrize(
    ("to", "start"), [(5_024, "back to 5,024 images"), (0, "starting again from the beginning")]
)
def test_summary_says_where_training_resumes_and_what_is_changed(to: int, start: str) -> None:
    change = Change("discriminator.learning_rate", "2e-4", "lower")
    assert Rewind(1, "diverging", 8_000, to, change).summary() == (
        f"rewind 1 of 2, because of diverging: {start} with --discriminator.learning-rate 2e-4"
    )
