"""Which metric detects which fault: ten kinds of images as clusters of features.

A metric detects a fault if its interval is entirely on the worse side of that of good samples.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from ganvas.metrics.birthday import birthday
from ganvas.metrics.estimate import Estimate
from ganvas.metrics.frechet import frechet_distance
from ganvas.metrics.kernel import kernel_distance
from ganvas.metrics.memorised import memorised
from ganvas.metrics.modes import mode_coverage, nearest_mode
from ganvas.metrics.prdc import prdc

KINDS, DIMENSIONS, COUNT, TRAINING = 10, 16, 1000, 2000
SPREAD = 0.4
"""Standard deviation of a kind around its centre; centres are about 5.6 apart."""


def real_images(count: int, seed: int, kinds: int = KINDS) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, kinds, (count,), generator=random)
    return centres()[kind] + SPREAD * torch.randn(count, DIMENSIONS, generator=random)


def centres() -> Tensor:
    return torch.randn(KINDS, DIMENSIONS, generator=torch.Generator().manual_seed(0))


def no_fault() -> Tensor:
    return real_images(COUNT, 3)


def drops_three_kinds() -> Tensor:
    return real_images(COUNT, 3, kinds=KINDS - 3)


def blurs() -> Tensor:
    """What differs within a kind is smoothed away by half: features keep closer to the centre."""
    points = no_fault()
    middle = centres()[torch.cdist(points, centres()).argmin(1)]
    return middle + (points - middle) / 2


def adds_noise() -> Tensor:
    points = no_fault()
    return points + SPREAD * torch.randn(points.shape, generator=torch.Generator().manual_seed(4))


def repeats_fifty() -> Tensor:
    random = torch.Generator().manual_seed(5)
    return training()[:50][torch.randint(0, 50, (COUNT,), generator=random)]


def gives_one() -> Tensor:
    return training()[:1].repeat(COUNT, 1)


@cache
def training() -> Tensor:
    return real_images(TRAINING, 1)


@cache
def held_out() -> Tensor:
    return real_images(COUNT, 2)


LESS_IS_BETTER = ("fd", "kid", "birthday", "memorised", "reverse-kl")


@cache
def measured(fault: Callable[[], Tensor]) -> dict[str, Estimate]:
    fake = fault()
    kinds = nearest_mode(fake, centres(), sigma=SPREAD * 2.5)
    return {
        "fd": frechet_distance(held_out(), fake),
        "kid": kernel_distance(held_out(), fake, seed=0, subsets=20, subset_size=200),
        **prdc(held_out(), fake),
        "birthday": birthday(training(), fake, batch=100),
        "memorised": memorised(training(), held_out(), fake),
        **mode_coverage(kinds, torch.full((KINDS,), 1 / KINDS)),
    }


def detecting_scores(fault: Callable[[], Tensor]) -> set[str]:
    """Scores whose interval is entirely on the worse side of that without fault."""
    bad, good = measured(fault), measured(no_fault)
    return {
        name
        for name in bad
        if (
            bad[name].interval[0] > good[name].interval[1]
            if name in LESS_IS_BETTER
            else bad[name].interval[1] < good[name].interval[0]
        )
    }


@pytest.mark.parametrize(
    ("fault", "detected_by", "not_detected_by"),
    [
        (
            drops_three_kinds,
            {"fd", "kid", "recall", "coverage", "modes", "reverse-kl"},
            {"precision", "density", "memorised", "high-quality"},
        ),
        (blurs, {"fd", "recall", "birthday", "memorised"}, {"precision", "modes", "reverse-kl"}),
        (adds_noise, {"fd", "precision", "density", "coverage"}, {"modes", "birthday"}),
        (
            repeats_fifty,
            {"fd", "kid", "recall", "coverage", "birthday", "memorised"},
            {"modes", "high-quality"},
        ),
        (
            gives_one,
            {"fd", "kid", "recall", "coverage", "birthday", "memorised", "modes", "reverse-kl"},
            {"high-quality"},
        ),
    ],
)
def test_each_fault_is_detected_by_its_metrics(
    fault: Callable[[], Tensor], detected_by: set[str], not_detected_by: set[str]
) -> None:
    detected = detecting_scores(fault)
    assert detected_by <= detected
    assert not detected & not_detected_by


def test_samples_without_fault_score_the_floor() -> None:
    good = measured(no_fault)
    other = measured(lambda: real_images(COUNT, 7))
    for name, score in good.items():
        low, high = other[name].interval
        assert score.interval[0] <= high, name
        assert low <= score.interval[1], name
    assert good["coverage"].value == pytest.approx(0.969, abs=0.03)
    assert good["modes"].value == KINDS
