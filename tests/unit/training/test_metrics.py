"""Means since the last record, and metrics whose transfer from a GPU is deferred."""

from __future__ import annotations

import pytest
import torch

from ganvas.errors import Diverged
from ganvas.training.metrics import MetricAccumulator, StepMetrics

NAMES = ("loss/adversarial", "loss/r1", "logits/real", "gradient_norm")
NAN, INFINITY = float("nan"), float("inf")


def row(*values: float, player: str = "discriminator") -> StepMetrics:
    return StepMetrics(player, NAMES[: len(values)], torch.tensor(values))


def test_deferred_metrics_count_like_others() -> None:
    now, later = MetricAccumulator(), MetricAccumulator()
    for values in [(1.0, 2.0, 3.0, 4.0), (2.0, 4.0, 6.0, 8.0)]:
        now.add("discriminator", row(*values).by_name())
        later.defer(row(*values))
    later.defer(row(7.0, player="generator"))
    assert later.sums == {}
    later.flush()
    assert later.sums.pop("generator/loss/adversarial") == 7.0
    assert later.counts.pop("generator/loss/adversarial") == 1
    assert (later.sums, later.counts) == (now.sums, now.counts)
    later.flush()
    assert later.counts == now.counts


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((1.0, NAN, 1.0, NAN), "loss term r1 became not a number"),
        ((INFINITY, NAN, 1.0, 1.0), "loss term adversarial became infinite"),
        ((1.0, 1.0, 1.0, INFINITY), "the gradient of the summed loss terms is not finite"),
    ],
)
def test_the_first_nonfinite_metric_is_named(values: tuple[float, ...], problem: str) -> None:
    means = MetricAccumulator()
    means.defer(row(1.0, 1.0, 1.0, 1.0))
    means.defer(row(*values))
    means.defer(row(*[NAN] * 4))  # later metrics are not finite either
    with pytest.raises(Diverged) as caught:
        means.flush()
    assert str(caught.value) == f"discriminator: {problem}"
    assert means.counts["discriminator/loss/r1"] == 1


def test_the_gradient_of_an_only_term_is_named() -> None:
    means = MetricAccumulator()
    names = ("loss/adversarial", "gradient_norm")
    means.defer(StepMetrics("generator", names, torch.tensor([1.0, NAN])))
    expected = "generator: the gradient of loss term adversarial is not finite"
    with pytest.raises(Diverged, match=expected):
        means.flush()


def test_means_start_again_after_each_record() -> None:
    means = MetricAccumulator()
    means.add("generator", {"loss": 1.0, "r1": 5.0})
    means.add("generator", {"loss": 2.0})
    assert means.compute() == {"generator/loss": 1.5, "generator/r1": 5.0}
    means.add("generator", {"loss": 7.0})
    assert means.compute() == {"generator/loss": 7.0}
    assert means.compute() == {}
