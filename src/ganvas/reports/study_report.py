"""The report of a study, finished or not: the verdict first, then what it rests on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ganvas
from ganvas.formatting import format_count, format_duration, format_list, format_number
from ganvas.reports import arms, pictures, scores, study_curves
from ganvas.reports.commands import Command, training_command
from ganvas.reports.page import Picture, render
from ganvas.reports.study_file import study_toml
from ganvas.runs import Run
from ganvas.studies.results import Family, StudyResults, read_results

Runs = dict[tuple[str, int], Run]

STUDY_FILE = "study.toml"


def study_report(path: Path, quiet: bool = True) -> bytes:
    """The page of the study in this directory, as UTF-8.

    Raises:
        RunError: it is no study, or one of its files is damaged.
        GanvasError: the page would be too large.
    """
    return render("study.html", parts(read_results(path), quiet))


def parts(results: StudyResults, quiet: bool) -> dict[str, Any]:
    """Everything that the template shows."""
    directory, study = results.directory, results.study
    runs = study_curves.runs_of(results)
    best = best_run(results, runs)
    return {
        "name": directory.path.resolve().name,
        "headline": arms.headline(results),
        "recommendation": results.recommendation,
        "missing": arms.missing(results),
        "steps": arms.next_steps(results),
        "study": study,
        "about": about(results),
        "deciding": results.deciding,
        "better": study_curves.better_word(results.deciding),
        "rows": arms.rows(results, results.deciding),
        "others": [(metric, arms.rows(results, metric)) for metric in arms.others(results)],
        "floors": {family.metric: family.floor for family in reversed(results.families)},
        "effects": [
            drawing
            for family in deciding_families(results)
            if (drawing := arms.effects(results, family))
        ],
        "pareto": next((arms.pareto(results, family) for family in results.families), None),
        "sheet": sheet(results, runs),
        "points": directory.data["extent"] is not None,
        "images": study_curves.courses(results, "images"),
        "seconds": study_curves.courses(results, "seconds"),
        "quality": None if results.quality is None else format_number(results.quality),
        "reached": study_curves.reached(results),
        "shares": study_curves.shares(results),
        "health": study_curves.health(results),
        "failures": study_curves.failures(results),
        "best": None if best is None else best[0],
        "lookups": None if best is None else pictures.look_up(best[1], quiet),
        "protocol": protocol(results),
        "scored": scored(runs),
        "environment": scores.flat(directory.environment),
        "data": data_rows(results),
        "commands": repeating(results, best),
        "path": shlex.quote(str(directory.path)),
        "made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": ganvas.__version__,
    }


def deciding_families(results: StudyResults) -> list[Family]:
    """The families of the deciding score."""
    return [family for family in results.families if family.metric == results.deciding]


def about(results: StudyResults) -> str:
    """What was compared, in a sentence."""
    study, data = results.study, results.directory.data
    budget = f"{study.images:,} images" if study.images else format_duration(study.time or 0)
    return (
        f"{format_count(len(results.arms), 'arm')}, {format_count(study.seeds, 'seed')} each, "
        f"{budget} a run, on {data['name']} ({data['images'] - data['held_out']:,} to train on, "
        f"{data['held_out']:,} held out)."
    )


@dataclass(frozen=True)
class Sheet:
    """What each arm makes of the same latents.

    others: arms with another number of latents than the base, which cannot get the same ones.
    rows: the arm, what to say of its run, and its picture, if there is one.
    """

    seed: int
    others: str
    rows: list[tuple[str, str, Picture | None]]


def sheet(results: StudyResults, runs: Runs) -> Sheet:
    """The last samples of each arm, all of one seed."""
    seed = study_curves.shown_seed(results, runs)
    rows: list[tuple[str, str, Picture | None]] = []
    for arm in results.arms:
        run, outcome = runs.get((arm.name, seed)), arm.outcomes.get(seed)
        paths = [] if run is None else run.sample_paths()
        if run is None or not paths:
            rows.append((arm.name, "no samples yet", None))
            continue
        seen = f"{int(paths[-1].stem):,} images"
        how = seen if outcome is None or not outcome.failed else f"{seen}, {outcome.ending}"
        if outcome is None:
            how = f"{seen}, not ended"
        rows.append((arm.name, how, pictures.newest_row(run, paths[-1], f"{arm.name} at {how}")))
    dim = results.study.base.latent_dim
    others = [arm.name for arm in results.study.all_arms if arm.recipe.latent_dim != dim]
    return Sheet(seed, format_list(others) if others else "", rows)


def best_run(results: StudyResults, runs: Runs) -> tuple[str, Run] | None:
    """A run of the best arm that ended well, and its name; None where there is none."""
    name = arms.best_arm(results)
    if name is None:
        return None
    for seed, outcome in results.arm(name).outcomes.items():
        if not outcome.failed and (name, seed) in runs:
            return f"{name}, seed {seed}", runs[name, seed]
    return None


def protocol(results: StudyResults) -> list[tuple[str, str]]:
    """What is the same for all runs, and how they were compared."""
    study, plan = results.study, results.plan
    families = deciding_families(results)
    tests = {one.test for family in families for one in family.comparison.arms}
    rows = [
        (
            "seeds",
            f"0 to {study.seeds - 1}: same order of images, same held-out ones, same latents",
        ),
        ("budget of each arm", budgets(results)),
        ("scores", f"{', '.join(study.scores)}; {results.deciding} decides"),
        ("samples a score", f"{study.samples:,} at the end"),
        ("scores while training", f"{study.evaluations} a run"),
        ("failing runs", "ended early" if study.stop_early else "trained to their end"),
        ("runs at a time", f"{plan.workers}, {format_count(plan.threads, 'thread')} each"),
    ]
    if tests:
        scales = {family.comparison.scale for family in families}
        rows.append(("test", f"{', '.join(sorted(tests))}; two-sided, 5 % over all arms (Holm)"))
        rows.append(("scale of the scores", ", ".join(sorted(scales))))
    methods = {summary.method for family in families for summary in family.comparison.summaries}
    if methods:
        rows.append(("interval of a mean", "; ".join(sorted(methods))))
    return rows


def budgets(results: StudyResults) -> str:
    """Images of each arm, once where all are the same."""
    images = results.plan.images
    if len(set(images.values())) == 1:
        return f"{next(iter(images.values())):,} images"
    return ", ".join(f"{name} {count:,}" for name, count in images.items())


def scored(runs: Runs) -> list[tuple[str, str]]:
    """How the scores were measured, from the first run that has some."""
    for run in runs.values():
        records = [one for one in run.scores.records() if not one["while_training"]]
        if records:
            own = ("checkpoint", "checkpoint_hash", "seed")
            return [row for row in scores.flat(records[0]["protocol"]) if row[0] not in own]
    return []


def data_rows(results: StudyResults) -> list[tuple[str, str]]:
    """What was trained on."""
    lists = ("unusable", "labels")
    data = results.directory.data
    rows = scores.flat({name: value for name, value in data.items() if name not in lists})
    return [*rows, *((name, f"{len(data[name])}") for name in lists)]


def repeating(results: StudyResults, best: tuple[str, Run] | None) -> list[Command]:
    """The commands that make the study again, and its best arm alone."""
    line = f"ganvas compare {STUDY_FILE} --out studies/again"
    found = [Command(line, "Do the whole study again.", study_toml(results.study), STUDY_FILE)]
    if best is not None:
        name, run = best
        about = f"Train the best arm alone ({name})."
        found.append(training_command(run, run.read_recipe(), about, "runs/best"))
    return found
