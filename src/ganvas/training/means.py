"""What training measures at every update, as means since the last record of the history."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganvas.errors import Diverged


@dataclass(frozen=True)
class NamedNumbers:
    """One row of numbers about one update of a player, on its device."""

    player: str
    names: tuple[str, ...]
    row: Tensor

    def by_name(self) -> dict[str, float]:
        """The numbers; whoever asks a GPU waits for it."""
        return dict(zip(self.names, self.row.tolist(), strict=True))


@dataclass
class RunningMeans:
    """Means of named numbers since the last record of the history."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    later: list[NamedNumbers] = field(default_factory=list)
    """What a GPU has been asked to calculate, and nobody has looked at."""

    def add(self, player: str, numbers: Mapping[str, float]) -> None:
        """Take in what was measured at one update of a player."""
        for name, value in numbers.items():
            key = f"{player}/{name}"
            self.sums[key] = self.sums.get(key, 0.0) + value
            self.counts[key] = self.counts.get(key, 0) + 1

    def add_later(self, numbers: NamedNumbers) -> None:
        """Take in what is being measured, without waiting for it."""
        self.later.append(numbers)

    def settle(self) -> None:
        """Look at all that was put off; nothing may be written before.

        Raises:
            Diverged: a number is not finite, the first one that was not.
        """
        if not self.later:
            return
        waiting, self.later = self.later, []
        values = torch.cat([numbers.row for numbers in waiting]).tolist()
        for numbers in waiting:
            row, values = values[: len(numbers.names)], values[len(numbers.names) :]
            measured = dict(zip(numbers.names, row, strict=True))
            if not all(map(math.isfinite, row)):
                blamed = term_to_blame(measured) or bad_gradient(None)
                raise Diverged(f"{numbers.player}: {blamed}")
            self.add(numbers.player, measured)

    def take(self) -> dict[str, float]:
        """The means, and start again."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


def term_to_blame(measured: Mapping[str, float]) -> str | None:
    """Which measured loss term is not finite, or which gradient it must be, in words."""
    terms = {name.removeprefix("loss/"): measured[name] for name in measured if "loss/" in name}
    for name, value in terms.items():
        if math.isnan(value):
            return f"loss term {name} became not a number"
        if math.isinf(value):
            return f"loss term {name} became infinite"
    return bad_gradient(*terms) if len(terms) == 1 else None


def bad_gradient(term: str | None) -> str:
    """What is said of a gradient that is not finite, of a term or of nobody knows which."""
    whose = "the summed loss terms" if term is None else f"loss term {term}"
    return f"the gradient of {whose} is not finite"
