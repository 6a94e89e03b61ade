"""Rewind: return to the last healthy checkpoint and apply the first advice of the failing rule.

The abandoned records are first copied to RUN/rewound/N, in one atomic step. After a kill at any
later moment `complete_pending_rewind` repeats the rest.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganvas import json_files, storage
from ganvas.diagnosis import diagnose
from ganvas.health.advice import apply_change
from ganvas.health.finding import Change
from ganvas.runs import Run
from ganvas.runs.file_names import (
    FINDINGS_JSONL,
    HISTORY_JSONL,
    RECIPE_JSON,
    REWOUND,
    SAMPLES,
    SCORES_JSONL,
)
from ganvas.training.state import TrainState

MOST_REWINDS = 2
"""A run that fails a third time needs a person."""

PLAN = "plan.json"
APPLIED = "applied"
"""Lies beside the plan once all of it is done."""
ABANDONED_FILES = (RECIPE_JSON, HISTORY_JSONL, FINDINGS_JSONL, SCORES_JSONL)


@dataclass(frozen=True)
class Rewind:
    """A rewind as plan.json stores it."""

    number: int
    """The run's first rewind is 1."""
    symptom: str
    failed_at: int
    """Images seen when health failed."""
    to: int
    """Images seen at the checkpoint that training resumes from; 0: it starts from the beginning."""
    change: Change

    def summary(self) -> str:
        """One line for people."""
        start = f"back to {self.to:,} images" if self.to else "starting again from the beginning"
        return (
            f"rewind {self.number} of {MOST_REWINDS}, because of {self.symptom}: {start} with "
            f"{self.change.flag}"
        )

    def event(self) -> dict[str, Any]:
        """Its record in findings.jsonl."""
        return {"event": "rewind", "images_seen": self.to, **json_files.to_plain(self)}


def rewind(run: Run, failed_at: int) -> Rewind | None:
    """Rewind the run, if the recipe allows another rewind and a finding has advice; else None.

    Afterwards the run has the changed recipe, and its newest checkpoint is the one to continue
    from.
    """
    recipe = run.read_recipe()
    number = len(rewind_dirs(run)) + 1
    if recipe.on_failure != "rewind" or number > MOST_REWINDS:
        return None
    failing = [
        finding
        for finding in diagnose(run).findings
        if finding.verdict == "failing" and finding.advice
    ]
    if not failing:
        return None
    change = failing[0].advice[0]
    to = (run.last_healthy_checkpoint() or 0) if change.keeps_weights else 0
    plan = Rewind(number, failing[0].symptom, failed_at, to, change)
    keep_abandoned_files(run, plan)
    apply_rewind(run, plan)
    return plan


def rewind_on_all(run: Run, state: TrainState) -> str | None:
    """Rewind the run; the message about it, or None if training ends."""

    def on_main() -> str | None:
        done = rewind(run, state.images_seen)
        return None if done is None else done.summary()

    return state.processes.broadcast_object(on_main)


def complete_pending_rewind(run: Run) -> None:
    """Complete the last rewind if a kill interrupted it."""
    for directory in rewind_dirs(run)[-1:]:
        if (directory / APPLIED).exists():  # its event may be gone: resumed from before it
            continue
        plan = json_files.read_dataclass(directory / PLAN, Rewind)
        if plan.event() in run.findings.records():
            storage.write_bytes(directory / APPLIED, b"")
        else:
            apply_rewind(run, plan)


def apply_rewind(run: Run, plan: Rewind) -> None:
    """Delete all records after the checkpoint and change the recipe; repeating it is harmless."""
    run.delete_checkpoints_after(plan.to)
    run.delete_records_after(plan.to)
    before = Run(rewind_dir(run, plan.number)).read_recipe()
    run.write_recipe(apply_change(before, plan.change).with_fixed_schedules())
    run.write_status("running", plan.to)
    run.findings.append(plan.event())
    storage.write_bytes(rewind_dir(run, plan.number) / APPLIED, b"")


def keep_abandoned_files(run: Run, plan: Rewind) -> None:
    """Copy the record of the failure, and the pictures that will be made again."""
    place = rewind_dir(run, plan.number)
    with storage.write_errors(place), storage.atomic_directory(place) as draft:
        for name in ABANDONED_FILES:
            if (run.directory / name).exists():
                shutil.copy2(run.directory / name, draft / name)
        (draft / SAMPLES).mkdir()
        for path in run.sample_paths():
            if int(path.stem) > plan.to:
                shutil.copy2(path, draft / SAMPLES / path.name)
        json_files.write_json(draft / PLAN, json_files.to_plain(plan))


def rewind_dir(run: Run, number: int) -> Path:
    """The directory with the abandoned files of one rewind."""
    return run.directory / REWOUND / str(number)


def rewind_dirs(run: Run) -> list[Path]:
    """The directories of all rewinds of this run, oldest first."""
    return sorted(path.parent for path in (run.directory / REWOUND).glob(f"[0-9]/{PLAN}"))
