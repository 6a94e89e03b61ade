"""The probability of augmentation: constant, scheduled, or following what is memorised."""

from __future__ import annotations

import pytest
from scipy import stats

from ganvas.objectives.augmentation import (
    LARGEST_ADAPTIVE,
    MEASURE_EVERY,
    Augmentation,
    chance_of_choice,
    next_probability,
)
from ganvas.schedules import Adaptive, AdaptiveSchedule, Ramp

ADAPTIVE = Adaptive(target=0.6, images=20_000)


def unmeasured() -> float:
    raise AssertionError("nothing is to be measured")


def test_constant_and_scheduled_probabilities_measure_nothing() -> None:
    ramp = Ramp(shape="linear", start=0.2, end=0.6, images=1_000)
    schedules: list[tuple[AdaptiveSchedule, float, dict[str, float]]] = [
        (0.3, 0.3, {}),
        (ramp, 0.4, {"probability": 0.4}),
    ]
    for schedule, expected, columns in schedules:
        augmentation = Augmentation.start(schedule)
        assert augmentation.probability == (0.3 if schedule == 0.3 else 0.2)
        assert augmentation.update(0, 500, unmeasured) == pytest.approx(columns)
        assert augmentation.probability == pytest.approx(expected)
        assert augmentation.update(500, 40_000, unmeasured).keys() == columns.keys()


def test_controller_integrates_the_sign_of_the_difference() -> None:
    """After n measurements above and m below the target p is (n - m) * interval / ramp."""
    augmentation = Augmentation.start(ADAPTIVE)
    assert augmentation.probability == 0
    measured = [0.7, 0.9, 0.61, 1.0, 0.6, 0.5, 0.59, 0.8]
    signs = [1, 1, 1, 1, 0, -1, -1, 1]
    for number, memory in enumerate(measured):
        seen = number * MEASURE_EVERY
        columns = augmentation.update(seen, seen + MEASURE_EVERY, lambda memory=memory: memory)
        expected = sum(signs[: number + 1]) * MEASURE_EVERY / 20_000
        assert columns == pytest.approx({"probability": expected, "memory": memory})


def test_adaptive_probability_stays_between_zero_and_its_limit() -> None:
    assert next_probability(0.0, 0.5, ADAPTIVE, 1_000) == 0
    assert next_probability(0.02, 0.5, ADAPTIVE, 1_000) == 0
    assert next_probability(0.79, 1.0, ADAPTIVE, 1_000) == LARGEST_ADAPTIVE == 0.8
    assert next_probability(0.8, 0.9, ADAPTIVE, 1_000) == 0.8


def test_few_held_out_images_move_the_probability_only_beyond_what_their_choice_explains() -> None:
    """Ranks of N images among infinitely many others are N uniform numbers."""
    for held_out in (20, 100, 1_000):
        limit = 0.5 + chance_of_choice(held_out)
        assert stats.irwinhall(held_out).sf(held_out * limit) == pytest.approx(0.05, abs=0.001)
    augmentation = Augmentation.start(ADAPTIVE, held_out=20)  # it rises above 0.6 + 0.106
    for memory, expected in ((0.7, 0.0), (0.71, 0.05), (0.7, 0.05), (0.59, 0.0)):
        augmentation.update(0, MEASURE_EVERY, lambda memory=memory: memory)
        assert augmentation.probability == pytest.approx(expected)


def test_measurements_are_due_at_multiples_of_the_interval_whatever_the_batch() -> None:
    """A batch as large as several intervals moves the probability as far as they would."""
    for batch in (7, 64, 999, 1_000, 2_500):
        augmentation, calls = Augmentation.start(ADAPTIVE), []

        def measure(calls: list[int] = calls) -> float:
            calls.append(1)
            return 1.0

        seen = 0
        while seen < 9_000:
            columns = augmentation.update(seen, seen + batch, measure)
            assert columns["probability"] == augmentation.probability
            seen += batch
        intervals = seen // MEASURE_EVERY
        assert augmentation.probability == pytest.approx(intervals * MEASURE_EVERY / 20_000)
        assert len(calls) == min(intervals, seen // batch)


def test_state_restores_an_adaptive_probability() -> None:
    augmentation = Augmentation.start(ADAPTIVE)
    augmentation.update(0, 5_000, lambda: 0.9)
    restored = Augmentation.start(ADAPTIVE)
    restored.load_state_dict(augmentation.state_dict())
    assert restored == augmentation
    assert restored.probability == 0.25
