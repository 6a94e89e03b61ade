"""What training measures at every update, as means since the last record of the history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganvas.errors import Diverged


@dataclass(frozen=True)
class StepMetrics:
    """What one update of a player measured, still on its device."""

    player: str
    names: tuple[str, ...]
    scalars: Tensor
    """(len(names),)"""

    def by_name(self) -> dict[str, float]:
        """The values by name. Waits for a GPU."""
        return dict(zip(self.names, self.scalars.tolist(), strict=True))


@dataclass
class MetricAccumulator:
    """Means of named numbers since the last record of the history."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    deferred: list[StepMetrics] = field(default_factory=list)
    """What a GPU still computes; not checked yet."""

    def add(self, player: str, numbers: Mapping[str, float]) -> None:
        """Add what one update of a player measured."""
        for name, value in numbers.items():
            key = f"{player}/{name}"
            self.sums[key] = self.sums.get(key, 0.0) + value
            self.counts[key] = self.counts.get(key, 0) + 1

    def defer(self, metrics: StepMetrics) -> None:
        """Add what a GPU is computing, without waiting for it."""
        self.deferred.append(metrics)

    def flush(self) -> None:
        """Wait for everything that was deferred, and check it. Nothing may be written before.

        Raises:
            Diverged: a number is not finite; the first one that was not.
        """
        if not self.deferred:
            return
        waiting, self.deferred = self.deferred, []
        values = torch.cat([metrics.scalars for metrics in waiting]).tolist()
        for metrics in waiting:
            scalars, values = values[: len(metrics.names)], values[len(metrics.names) :]
            by_name = dict(zip(metrics.names, scalars, strict=True))
            if not all(map(math.isfinite, scalars)):
                culprit = nonfinite_term(by_name) or bad_gradient(None)
                raise Diverged(f"{metrics.player}: {culprit}")
            self.add(metrics.player, by_name)

    def compute(self) -> dict[str, float]:
        """The means; start again from nothing."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


def nonfinite_term(measured: Mapping[str, float]) -> str | None:
    """Which loss term is not finite, or which gradient it must be; None if it cannot be told."""
    terms = {name.removeprefix("loss/"): measured[name] for name in measured if "loss/" in name}
    for name, value in terms.items():
        if math.isnan(value):
            return f"loss term {name} became not a number"
        if math.isinf(value):
            return f"loss term {name} became infinite"
    return bad_gradient(*terms) if len(terms) == 1 else None


def bad_gradient(term: str | None) -> str:
    """The message for a gradient that is not finite, of one term or of an unknown one."""
    source = "the summed loss terms" if term is None else f"loss term {term}"
    return f"the gradient of {source} is not finite"
