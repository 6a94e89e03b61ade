"""How often the verdicts of ganvas are right: sabotaged and healthy runs, trained and diagnosed.

    .venv/bin/python benchmarks/health --keep FOLDER --out docs/results
    .venv/bin/python benchmarks/health --plan
    .venv/bin/python benchmarks/health --keep FOLDER --calibrate

FOLDER keeps every run and its result: a killed benchmark continues from there, and --report-only
applies the rules again to what is there. Thresholds are set by hand from the table of --calibrate,
which reads even seeds only; the report's figures are of the odd ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import calibrate
from bases import BASES, symptoms_checked
from cases import HEALTHY, KINDS, Case, every_case, quick_cases, select
from page import exceptions, matrix, page_of, write_confusion
from replay import WHILE_PRESENT, evidence_of, replay_run
from running import Outcome, Result, healthy_results, read_result, results_of, run_all, run_path
from score_rules import ScoredRun, counts_as_healthy, failures, half, score_run
from tables import markdown_table

import ganvas
from ganvas.health.rules import RULES

SCORING_SECONDS = 14
"""Of one run, approximately; for the plan."""

PAGE, PICTURE = "health.md", "health.png"


def main() -> int:
    """Do what the command line asks for."""
    options = parse()
    cases = select(quick_cases() if options.quick else every_case(), options.only, options.seeds)
    if options.plan:
        print(plan(cases, options.keep, options.jobs))
        return 0
    if options.calibrate:
        print(calibration(options.keep))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        broken = [] if options.report_only else train(cases, keep, options.jobs)
        # The report includes the runs of earlier calls.
        write_report(results_of(cases if options.quick else every_case(), keep), keep, options.out)
    for name in broken:
        print(name, file=sys.stderr)
    return 1 if broken else 0


def train(cases: Sequence[Case], keep: Path, jobs: int) -> list[str]:
    """Every run that has no result yet; returns a line for each that broke."""
    started, done = time.monotonic(), 0
    left = sum(read_result(keep, case) is None for case in cases)
    broken: list[str] = []

    def report(case: Case, outcome: Outcome) -> None:
        nonlocal done
        done += 1
        minutes = (time.monotonic() - started) / 60
        to_go = minutes / done * (left - done)
        print(f"{done:>4}/{left}  {minutes:5.1f} min, {to_go:4.0f} to go  {line(case, outcome)}")
        sys.stdout.flush()
        if isinstance(outcome, BaseException):
            broken.append(f"{case.name}: {type(outcome).__name__}: {outcome}")

    run_all(cases, keep, jobs, report)
    return broken


def line(case: Case, outcome: Outcome) -> str:
    """How one run ended."""
    if isinstance(outcome, BaseException):
        return f"{case.name}: BROKEN, {outcome}"
    scores = ", ".join(f"{name} {value:.4g}" for name, value in outcome.scores.items())
    seconds = f"{outcome.training_seconds:.0f} + {outcome.scoring_seconds:.0f} s"
    return f"{case.name}: {outcome.status} at {outcome.images_seen:,}, {seconds}; {scores}"


def score_all(results: Sequence[Result], keep: Path) -> list[ScoredRun]:
    """Replay the rules over every run, and score them."""
    scored = []
    for result in results:
        data_of = BASES[result.base].data_of
        counterparts = [
            other
            for other in healthy_results(results, result.base)
            if data_of(other.seed) == data_of(result.seed)
        ]
        run = ganvas.Run.open(run_path(keep, result.name))
        scored.append(score_run(result, replay_run(run, WHILE_PRESENT), counterparts))
    return scored


def write_report(results: Sequence[Result], keep: Path, out: Path | None) -> None:
    """Print the page, and write it and its picture into a folder."""
    runs = score_all(results, keep)
    rows, columns, counts = matrix(half(runs, calibration=False))
    page = page_of(runs, results, PICTURE if out is not None and rows else None)
    print(page)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        if rows:  # none where seeds of calibration alone have run
            write_confusion(out / PICTURE, rows, columns, counts)
        (out / PAGE).write_text(page)


def calibration(keep: Path) -> str:
    """The table for setting thresholds, from the even seeds alone."""
    cases = [case for case in every_case() if case.seed % 2 == 0]
    cases = [case for case in cases if not case.is_healthy or counts_as_healthy(case.base)]
    results = results_of(cases, keep)
    runs = score_all(results, keep)
    limits = WHILE_PRESENT
    readings = []
    for result in results:
        evidence = evidence_of(ganvas.Run.open(run_path(keep, result.name)), limits)
        readings += calibrate.readings(result.name, result.kind, evidence, RULES.values())
    failed = [run.name for run in failures(runs)]
    table = calibrate.table(calibrate.lines(readings, failed, limits))
    return f"{table}\n\n{exceptions(runs)}"


def plan(cases: Sequence[Case], keep: Path | None, jobs: int) -> str:
    """What would be trained, and approximately how long that takes."""
    rows, seconds = [], 0.0
    for kind, base in dict.fromkeys((case.kind, case.base) for case in cases):
        ours = [case for case in cases if (case.kind, case.base) == (kind, base)]
        done = len(results_of(ours, keep)) if keep else 0
        each = ours[0].seconds + SCORING_SECONDS
        seconds += each * (len(ours) - done)
        checked, of = symptoms_checked(ours[0].recipe)
        symptoms = f"{checked} of {of}"
        images = f"{ours[0].recipe.images:,}"
        rows.append((kind, base, len(ours), done, images, symptoms, f"{each:.0f}"))
    healthy = sum(case.is_healthy for case in cases)
    header = "| kind | base | runs | done | images | symptoms it can find | s each |"
    return (
        f"{markdown_table(header, rows)}\n\n"
        f"{healthy} healthy and {len(cases) - healthy} sabotaged runs; still to do: "
        f"{seconds / 60:.0f} core-minutes, about {seconds / 60 / jobs:.0f} minutes with "
        f"{jobs} jobs of one thread"
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/health",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--keep", type=Path, help="keep the runs here, and continue with those that are there")
    add("--out", type=Path, help=f"write {PAGE} and {PICTURE} into this folder")
    add("--jobs", type=int, default=2, help="runs at a time, one thread each")
    add(
        "--only",
        action="append",
        default=[],
        choices=sorted({HEALTHY, *KINDS, *BASES}),
        help="this sabotage, or this recipe's healthy runs; may be repeated",
    )
    add(
        "--seeds",
        type=lambda text: [int(seed) for seed in text.split(",")],
        default=[],
        help="these seeds alone: 0,2,4",
    )
    add("--plan", action="store_true", help="show what would be trained, and how long it takes")
    add("--report-only", action="store_true", help="train nothing")
    add("--calibrate", action="store_true", help="print the table for setting thresholds")
    add("--quick", action="store_true", help="a few tiny runs, to test that everything works")
    options = parser.parse_args()
    if options.keep is None and not (options.plan or options.quick):
        parser.error("name a folder for the runs: --keep FOLDER")
    return options


if __name__ == "__main__":
    sys.exit(main())
