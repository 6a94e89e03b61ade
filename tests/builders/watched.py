"""Run directories as training leaves them, without training: for the tests of `ganvas watch`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganvas.health.assessment import apply_rules
from ganvas.health.evidence import Evidence, is_probed
from ganvas.recipes import CATALOG, Recipe
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.training.monitor import changes, open_findings

from . import run_files

PNG = b"\x89PNG\r\n\x1a\n"


def made_run(
    directory: Path,
    records: Sequence[Record] = (),
    recipe: Recipe | None = None,
    scores: Sequence[Record] = (),
) -> Run:
    """A run with this history, and the findings that its training would have recorded."""
    recipe = (recipe or CATALOG["dcgan"]()).with_fixed_schedules()
    data = run_files.data(images=10_000, held_out=1_000)
    run = Run.create(directory, recipe, run_files.environment(), data)
    for record in records:
        run.history.append(record)
    for score in scores:
        run.scores.append({**run_files.score(), **score})
    for event in monitored(recipe, records, scores):
        run.findings.append(event)
    return run


def monitored(recipe: Recipe, records: Sequence[Record], scores: Sequence[Record]) -> list[Record]:
    """The events of findings.jsonl, as `HealthMonitor` makes them record by record."""
    events: list[Record] = []
    for count, record in enumerate(records, 1):
        if is_probed(record):
            evidence = Evidence(tuple(records[:count]), recipe, 9_000, tuple(scores))
            found = apply_rules(evidence)
            events += changes(open_findings(events), found, record["images_seen"])
    return events


def records(*images_seen: int, **columns: float) -> list[Record]:
    """Records of a history without probes."""
    timings = {"seconds": 1.0, "images_per_second": 100.0, "data_wait": 0.0, "memory_mb": 1.0}
    losses = {"discriminator/loss/adversarial": 1.0, "generator/loss/adversarial": 2.0}
    return [{"images_seen": seen, **losses, **timings, **columns} for seen in images_seen]
