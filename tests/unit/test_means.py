"""Means since the last record, and numbers that a GPU has not been asked for yet."""

from __future__ import annotations

import pytest
import torch

from ganvas.errors import Diverged
from ganvas.training.means import NamedNumbers, RunningMeans

NAMES = ("loss/adversarial", "loss/r1", "logits/real", "gradient_norm")
NOT_A_NUMBER, INFINITE = float("nan"), float("inf")


def row(*values: float, player: str = "discriminator") -> NamedNumbers:
    return NamedNumbers(player, NAMES[: len(values)], torch.tensor(values))


def test_numbers_that_were_put_off_count_like_others() -> None:
    now, later = RunningMeans(), RunningMeans()
    for values in [(1.0, 2.0, 3.0, 4.0), (2.0, 4.0, 6.0, 8.0)]:
        now.add("discriminator", row(*values).by_name())
        later.add_later(row(*values))
    later.add_later(row(7.0, player="generator"))
    assert later.sums == {}
    later.settle()
    assert later.sums.pop("generator/loss/adversarial") == 7.0
    assert later.counts.pop("generator/loss/adversarial") == 1
    assert (later.sums, later.counts) == (now.sums, now.counts)
    later.settle()
    assert later.counts == now.counts


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((1.0, NOT_A_NUMBER, 1.0, NOT_A_NUMBER), "loss term r1 became not a number"),
        ((INFINITE, NOT_A_NUMBER, 1.0, 1.0), "loss term adversarial became infinite"),
        ((1.0, 1.0, 1.0, INFINITE), "the gradient of the summed loss terms is not finite"),
    ],
)
def test_the_first_number_that_is_not_finite_is_named(values: tuple[float, ...], said: str) -> None:
    means = RunningMeans()
    means.add_later(row(1.0, 1.0, 1.0, 1.0))
    means.add_later(row(*values))
    means.add_later(row(*[NOT_A_NUMBER] * 4))  # what comes after is spoiled
    with pytest.raises(Diverged) as caught:
        means.settle()
    assert str(caught.value) == f"discriminator: {said}"
    assert means.counts["discriminator/loss/r1"] == 1


def test_the_gradient_of_an_only_term_is_named() -> None:
    means = RunningMeans()
    names = ("loss/adversarial", "gradient_norm")
    means.add_later(NamedNumbers("generator", names, torch.tensor([1.0, NOT_A_NUMBER])))
    expected = "generator: the gradient of loss term adversarial is not finite"
    with pytest.raises(Diverged, match=expected):
        means.settle()
