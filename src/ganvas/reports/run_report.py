"""The report of one run, finished or not: its status first, then the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganvas.command_line import ganvas_command
from ganvas.diagnosis import diagnose
from ganvas.recipes import recipe_toml
from ganvas.reports import commands, curves, findings, label_confusion, pictures, scores, status
from ganvas.reports.attempts import Attempt, describe_rewind, ended_symptoms, read_attempts
from ganvas.reports.commands import Command
from ganvas.reports.local_paths import folder_name
from ganvas.reports.page import render
from ganvas.reports.provenance import shared_content
from ganvas.reports.tuning import tuning_section
from ganvas.runs import Run


def run_report(path: Path, quiet: bool = True) -> bytes:
    """The page of the run in this directory, as UTF-8.

    Raises:
        RunError: it is not a run, or one of its files cannot be read.
        GanvasError: the page would be too large.
    """
    return render("run.html", content_of(Run.open(path), quiet))


def content_of(run: Run, quiet: bool) -> dict[str, Any]:
    """The variables of run.html."""
    diagnosis, attempts = diagnose(run), read_attempts(run)
    run_status = status.status_of(run, diagnosis, len(attempts) - 1)
    history, score_records = attempts[-1].history, run.scores.records()
    newest = scores.newest_scores(score_records)
    begun = any(attempt.end > 0 for attempt in attempts)
    data, grids = run.read_data(), run.sample_paths()
    sides = pictures.image_sides(data)
    rows, confusion = pictures.label_rows(run), run.read_label_confusion()
    return shared_content(run.directory, data, run.read_environment()) | {
        "status": run_status,
        "facts": list(status.facts(run, run_status, attempts)),
        "steps": status.next_steps(run, diagnosis, run_status),
        "newest_grids": [
            pictures.grid_picture(path, sides, "After {}", "Generated samples at {}", rows=rows)
            for path in grids[-1:]
        ],
        "strip": pictures.strip(grids, sides, rows),
        "tuned": tuning_section(run, sides, rows),
        "loss_plots": curves.loss_plots(attempts),
        "key_plots": curves.key_plots(history),
        "columns": curves.column_rows(history),
        "diagnosis": diagnosis,
        "cases": [findings.case_of(run, finding, history) for finding in diagnosis.findings],
        "timeline": findings.health_timeline(attempts, run_status.state) if begun else None,
        "rewinds": [
            (describe_rewind(attempt), findings.rewind_pictures(attempt, attempts[-1], sides))
            for attempt in attempts[:-1]
        ],
        "ended_symptoms": ended_symptoms(attempts[-1].findings),
        "can_be_scored": run.can_be_scored(),
        "scores": newest,
        "score_plots": scores.score_plots(score_records),
        "label_confusion": confusion and label_confusion.confusion_drawing(confusion),
        "warnings": scores.warnings_of(newest),
        "protocols": scores.protocols(newest),
        "evaluate_command": ganvas_command("evaluate", folder_name(run.directory)),
        "lookups": pictures.look_up(run, quiet),
        "recipe": recipe_toml(run.read_recipe()),
        "commands": reproduction(run, attempts),
    }


def reproduction(run: Run, attempts: list[Attempt]) -> list[Command]:
    """The commands that make this run and its scores again."""
    first = attempts[0].files.read_recipe()
    again = "Train it again, bit for bit on the same machine and versions."
    if len(attempts) == 1:
        training = [commands.training_command(run, first, again, "runs/again")]
    else:
        again = "Train it again from the start, with its rewinds."
        straight = "Train it without rewinds, with what they changed."
        training = [
            commands.training_command(run, first, again, "runs/again"),
            commands.training_command(run, run.read_recipe(), straight, "runs/straight"),
        ]
    return [*training, *commands.evaluation_commands(run)]
