"""The report of a study, finished or not: the verdict first, then what it is based on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ganvas.command_line import ganvas_command
from ganvas.reports import arms, pictures, study_curves
from ganvas.reports.commands import Command, training_command
from ganvas.reports.local_paths import shorten_location
from ganvas.reports.page import Picture, render
from ganvas.reports.provenance import shared_content, table_rows
from ganvas.reports.study_curves import Runs, open_runs
from ganvas.reports.study_file import study_toml
from ganvas.runs import Run
from ganvas.studies.results import StudyResults, read_results
from ganvas.studies.study import format_changes

STUDY_FILE = "study.toml"


def study_report(path: Path, quiet: bool = True) -> bytes:
    """The page of the study in this directory, as UTF-8.

    Raises:
        RunError: it is not a study, or one of its files is damaged.
        GanvasError: the page would be too large.
    """
    return render("study.html", content_of(read_results(path), quiet))


def content_of(results: StudyResults, quiet: bool) -> dict[str, Any]:
    """The variables of study.html."""
    directory, runs = results.directory, open_runs(results)
    seed, best = samples_seed(results, runs), best_run(results, runs)
    pareto = [arms.draw_pareto(results, family) for family in results.families[:1]]
    deciding = [family for family in results.families if family.metric == results.deciding]
    effects = [arms.draw_effects(family) for family in deciding]
    return shared_content(directory.path, directory.data, directory.environment) | {
        "headline": arms.headline(results),
        "steps": arms.next_steps(results),
        "results": results,
        "floors": {family.metric: family.floor for family in reversed(results.families)},
        "format_effect": arms.format_effect,
        "format_changes": format_changes,
        "format_median": study_curves.format_median,
        "format_interval": study_curves.format_interval,
        "comparisons": [family.comparison for family in deciding],
        "effects": [drawing for drawing in effects if drawing is not None],
        "pareto": pareto[0] if pareto else None,
        "samples_seed": seed,
        "samples": sample_rows(results, runs, seed),
        "score_plots": study_curves.score_plots(results, runs, "images"),
        "score_plots_over_time": study_curves.score_plots(results, runs, "seconds"),
        "reached_plots": study_curves.reached_plots(results),
        "health": study_curves.health_plots(results, runs),
        "best": None if best is None else best[0],
        "lookups": None if best is None else pictures.look_up(best[1], quiet),
        "scoring": scoring_protocol(runs),
        "commands": reproduction(results, best),
    }


def samples_seed(results: StudyResults, runs: Runs) -> int:
    """The first of the seeds for which most arms have samples."""

    def arms_with_samples(seed: int) -> int:
        return sum(bool(run.sample_paths()) for (_, own), run in runs.items() if own == seed)

    return max(range(results.study.seeds), key=arms_with_samples)


def sample_rows(
    results: StudyResults, runs: Runs, seed: int
) -> list[tuple[str, str, Picture | None]]:
    """For each arm: its name, how far its run got, and its last samples, if there are any."""
    sides = pictures.image_sides(results.directory.data)
    rows: list[tuple[str, str, Picture | None]] = []
    for arm in results.arms:
        run, outcome = runs.get((arm.name, seed)), arm.outcomes.get(seed)
        paths = [] if run is None else run.sample_paths()
        if run is None or not paths:
            rows.append((arm.name, "no samples yet", None))
            continue
        state = f"{int(paths[-1].stem):,} images"
        if outcome is None:
            state += ", not ended"
        elif outcome.failed:
            state += f", {outcome.ending}"
        picture = pictures.first_samples(paths[-1], sides, f"{arm.name} at {state}")
        rows.append((arm.name, state, picture))
    return rows


def best_run(results: StudyResults, runs: Runs) -> tuple[str, Run] | None:
    """The first run of the best arm that did not fail, with its name; None without one."""
    name = arms.best_arm(results)
    if name is not None:
        for seed, outcome in results.arm(name).outcomes.items():
            if not outcome.failed and (name, seed) in runs:
                return f"{name}, seed {seed}", runs[name, seed]
    return None


def scoring_protocol(runs: Runs) -> list[tuple[str, str]]:
    """How the scores were measured, from the first run that has some."""
    for run in runs.values():
        for record in run.scores.records():
            if not record["while_training"]:
                own = ("checkpoint", "checkpoint_hash", "seed")
                return [row for row in table_rows(record["protocol"]) if row[0] not in own]
    return []


def reproduction(results: StudyResults, best: tuple[str, Run] | None) -> list[Command]:
    """The commands that repeat the study, and that train its best arm alone."""
    to_send = replace(results.study, data=shorten_location(results.study.data))
    line = ganvas_command("compare", STUDY_FILE, "--out", "studies/again")
    study = Command(line, "Run the whole study again.", study_toml(to_send), STUDY_FILE)
    if best is None:
        return [study]
    name, run = best
    about = f"Train the best arm alone ({name})."
    return [study, training_command(run, run.read_recipe(), about, "runs/best")]
