"""The whole course of a run whose page is open: its history, read bit by bit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ganvas.health.key_plots import KEY_PLOTS
from ganvas.web.watch.records import finite_numbers, record_of
from ganvas.web.watch.run import WatchedRun
from ganvas.web.watch.series import Series
from ganvas.web.watch.tail import Tail

PLAYERS = ("discriminator", "generator")


@dataclass
class Curves:
    """The history of a run as `Series`. Only what was appended is read again."""

    tail: Tail
    series: Series = field(default_factory=Series)
    unreadable: int = 0
    """Lines that are damaged, or of another version."""

    @classmethod
    def of(cls, run: WatchedRun) -> Curves:
        """Those of a run, with nothing read yet."""
        return cls(Tail(run.inside, run.files.history.path))

    def read(self, seconds: float) -> None:
        """Read on until nothing is left, or the time is over.

        Raises:
            RunError: the file cannot be read.
        """
        end = time.monotonic() + seconds
        while True:
            lines = self.tail.read()
            if lines.restarted:
                self.series.clear()
                self.unreadable = 0
            for line in lines.lines:
                record = record_of(line)
                if record is None:
                    self.unreadable += 1
                else:
                    self.series.add(record["images_seen"], dict(finite_numbers(record)))
            if not self.tail.is_behind or time.monotonic() > end:
                return


def plots(columns: list[str]) -> list[dict[str, Any]]:
    """Which columns make which chart: losses, what the probes say most about, then all others.

    Args:
        columns: that the history has.
    """
    losses = []
    for player in PLAYERS:
        prefix = f"{player}/loss/"
        terms = [name for name in columns if name.startswith(prefix)]
        if terms:
            lines = [(name, name.removeprefix(prefix)) for name in terms]
            losses.append(plot(f"The {player}'s loss", lines))
    keys = [
        plot(key.title, own, key.caption, key.mark, key.limits)
        for key in KEY_PLOTS
        if (own := [(column, label) for column, label in key.columns if column in columns])
    ]
    return [*losses, *keys, *other_plots(columns, losses + keys)]


def other_plots(columns: list[str], charts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A chart for each group of columns that are in no chart yet: `probe/logits/...`."""
    known = {column for chart in charts for column, _ in chart["lines"]}
    groups: dict[str, list[tuple[str, str]]] = {}
    for column in columns:
        if column not in known:
            group, _, name = column.rpartition("/")
            groups.setdefault(group or name, []).append((column, name))
    return [plot(group, lines, other=True) for group, lines in groups.items()]


def plot(
    title: str,
    lines: list[tuple[str, str]],
    caption: str = "",
    mark: tuple[float, str] | None = None,
    limits: tuple[float | None, float | None] = (None, None),
    other: bool = False,
) -> dict[str, Any]:
    """A chart for the page: columns with their labels, and what is compared with."""
    return {
        "title": title,
        "lines": lines,
        "caption": caption,
        "mark": mark,
        "limits": limits,
        "other": other,
    }
