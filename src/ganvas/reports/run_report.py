"""The report of one run, in whatever state it is: verdict first, then what shows it."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import ganvas
from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.diagnosis import diagnose
from ganvas.reports import commands, curves, findings, pictures, scores, status
from ganvas.reports.attempts import Attempt, attempts
from ganvas.reports.commands import Command
from ganvas.reports.page import Picture, render
from ganvas.runs import Run

MOST_LISTED = 50
"""Unusable files that are listed one by one."""


def run_report(path: Path, quiet: bool = True) -> bytes:
    """The page of the run in this directory, as UTF-8.

    Raises:
        RunError: it is no run, or a file of it cannot be read.
        GanvasError: the page would be too large.
    """
    return render("run.html", parts(Run.open(path), quiet))


def parts(run: Run, quiet: bool) -> dict[str, Any]:
    """Everything that the template shows."""
    found, taken = diagnose(run), attempts(run)
    stands = status.status_of(run, found, len(taken) - 1)
    history, score_records, data = taken[-1].history, run.scores.records(), run.read_data()
    drawing, lanes = findings.health_timeline(taken, stands.state)
    return {
        "name": run.directory.resolve().name,
        "stands": stands,
        "facts": status.facts(run, stands, taken),
        "steps": status.next_steps(run, found, stands),
        "newest": newest_grid(run),
        "points": data["extent"] is not None,
        "strip": pictures.strip(run, run.sample_paths()),
        "losses": curves.losses(taken),
        "telling": curves.telling(history),
        "columns": curves.columns(history),
        "found": found,
        "cases": findings.cases(run, found, history),
        "timeline": drawing if any(lane.end > 0 for lane in lanes) else None,
        "rewinds": findings.gone_back(run, taken),
        "past": findings.past(taken),
        "scores_possible": run.can_be_scored(),
        "fewest_held_out": FEWEST_HELD_OUT,
        "score_rows": scores.score_rows(score_records),
        "quality": scores.over_images(score_records),
        "warnings": scores.warnings_of(score_records),
        "protocols": scores.protocols(score_records),
        "lookups": pictures.look_up(run, quiet),
        "environment": scores.flat(run.read_environment()),
        "data": data_rows(run),
        "unusable": data["unusable"][:MOST_LISTED],
        "more_unusable": max(0, len(data["unusable"]) - MOST_LISTED),
        "recipe": run.read_recipe().to_toml(),
        "commands": repeating(run, taken),
        "path": shlex.quote(str(run.directory)),
        "made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": ganvas.__version__,
    }


def newest_grid(run: Run) -> Picture | None:
    """The last grid of samples, large."""
    paths = run.sample_paths()
    if not paths:
        return None
    seen = f"{int(paths[-1].stem):,} images seen"
    alt = f"Generated samples at {seen}"
    return pictures.whole_grid(run, paths[-1], alt, f"What it makes after {seen}")


def data_rows(run: Run) -> list[tuple[str, str]]:
    """What data.json says, without the long lists."""
    data = run.read_data()
    rows = scores.flat({name: data[name] for name in data if name not in ("unusable", "labels")})
    rows += [(name, f"{len(data[name])}") for name in ("labels", "unusable")]
    return rows


def repeating(run: Run, taken: list[Attempt]) -> list[Command]:
    """The commands that make this run and its scores again."""
    first = taken[0].recipe
    told = "Train it again, bit for bit on the same machine and versions."
    if len(taken) > 1:
        told = "Train it again from the start, rewinds and all."
    found = [commands.training_command(run, first, told, "runs/again")]
    if len(taken) > 1:
        about = "Train straight with what the rewinds changed."
        found.append(commands.training_command(run, run.read_recipe(), about, "runs/straight"))
    return [*found, *commands.evaluation_commands(run)]
