"""Which metric sees which fault: ten kinds of images as clusters of features, and what goes wrong.

A metric sees a fault if its interval lies apart from that of faultless samples, on the worse side.
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
"""Of a kind about its centre; centres lie some 5.6 apart."""


def real_images(count: int, seed: int, kinds: int = KINDS) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, kinds, (count,), generator=random)
    return centres()[kind] + SPREAD * torch.randn(count, DIMENSIONS, generator=random)


def centres() -> Tensor:
    return torch.randn(KINDS, DIMENSIONS, generator=torch.Generator().manual_seed(0))


def nothing_wrong() -> Tensor:
    return real_images(COUNT, 3)


def drops_three_kinds() -> Tensor:
    return real_images(COUNT, 3, kinds=KINDS - 3)


def blurs() -> Tensor:
    """What differs within a kind is smoothed away by half: features keep closer to the centre."""
    points = nothing_wrong()
    middle = centres()[torch.cdist(points, centres()).argmin(1)]
    return middle + (points - middle) / 2


def adds_noise() -> Tensor:
    points = nothing_wrong()
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


def seen(fault: Callable[[], Tensor]) -> set[str]:
    """Scores whose interval lies wholly on the worse side of the faultless one's."""
    bad, good = measured(fault), measured(nothing_wrong)
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
    ("fault", "seen_by", "not_seen_by"),
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
    fault: Callable[[], Tensor], seen_by: set[str], not_seen_by: set[str]
) -> None:
    found = seen(fault)
    assert seen_by <= found
    assert not found & not_seen_by


def test_samples_without_fault_score_the_floor() -> None:
    good = measured(nothing_wrong)
    other = measured(lambda: real_images(COUNT, 7))
    for name, one in good.items():
        low, high = other[name].interval
        assert one.interval[0] <= high, name
        assert low <= one.interval[1], name
    assert good["coverage"].value == pytest.approx(0.969, abs=0.03)
    assert good["modes"].value == KINDS
