"""Tiny studies for the tests of `ganvas compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ganvas.metrics import sliced_wasserstein
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.executors import WorkerPool

from .conftest import SMALL

UNWATCHED = SMALL.replace("probes = 500", "probes = 0")
"""The small recipe without probes: health would rightly call such a short training failing."""

TINY = """
base = "{recipe}"
data = "{data}"
images = 1000
seeds = 2
metrics = ["swd"]
samples = 100
evaluations = 2
[[arms]]
name = "hinge"
objective.loss = "hinge"
"""

DIVERGING = """
[[arms]]
name = "absurd"
discriminator.learning_rate = 1e30
"""


def tiny_study(folder: Path, recipe: Path, data: Path, more: str = "", **fields: Any) -> Path:
    """A study's file: 16x16, two arms, two seeds, a second or two a run."""
    text = TINY.format(recipe=recipe, data=data)
    for name, value in fields.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{name} =")]
        lines.insert(1, f"{name} = {json.dumps(value)}")
        text = "\n".join(lines)
    path = folder / "study.toml"
    path.write_text(f"{text}\n{more}")
    return path


@contextmanager
def this_process(workers: int, threads: int) -> Iterator[Executor]:
    """An executor in a thread, where a test can reach what the runs do."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker, a thread of this process; short measurements, and fewer patches to score."""
    monkeypatch.setattr(sliced_wasserstein, "PATCHES", 2_000)
    pool = WorkerPool(1, 1, ("cpu",), this_process)
    monkeypatch.setattr("ganvas.studies.running.make_pool", lambda runs, workers, dask: pool)
    monkeypatch.setattr("ganvas.training.pace.WARM_UP", 0.0)
    monkeypatch.setattr("ganvas.training.pace.SECONDS", 0.05)
    monkeypatch.setattr("ganvas.studies.throughput.SECONDS", 0.05)


def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ganvas compare` writes no report, which takes longer than a tiny study."""
    monkeypatch.setattr("ganvas.reports.report.report", lambda directory, **_: "not written")


def endings(study: Path) -> dict[tuple[str, int], str]:
    """How each run of a study ended, without those that have not."""
    outcomes = StudyDirectory.open(study).outcomes()
    return {key: outcome.ending for key, outcome in outcomes.items()}


def written(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a folder, with its time of modification and its content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
