"""How often the verdicts of ganvas are right: sabotaged and healthy runs, trained and diagnosed.

    .venv/bin/python benchmarks/health --keep FOLDER --out docs/results
    .venv/bin/python benchmarks/health --plan
    .venv/bin/python benchmarks/health --keep FOLDER --calibrate

FOLDER keeps every run and its result: a killed benchmark goes on from there, and --report-only
judges what is there anew. Thresholds are set by hand from the table of --calibrate, which reads
even seeds only; the report's figures are of the odd ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import calibrate
from bases import BASES
from cases import HEALTHY, KINDS, Case, chosen, every_case, quick_cases
from judging import Judged, counts, failures, half, judge
from page import exceptions, matrix, page_of
from picture import write_confusion
from running import Outcome, Result, read_result, results_of, run_all, run_path
from watching import evidence_of, watch

import ganvas
from ganvas.health.rules import RULES
from ganvas.health.thresholds import Thresholds

SCORING_SECONDS = 14
"""What scoring a run takes, about; for the plan."""

PAGE, PICTURE = "health.md", "health.png"


def main() -> int:
    """Do what the command line asks for."""
    options = parse()
    cases = chosen(quick_cases() if options.quick else every_case(), options.only, options.seeds)
    if options.plan:
        print(plan(cases, options.keep, options.jobs))
        return 0
    if options.calibrate:
        print(calibration(options.keep))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        broken = [] if options.report_only else train(cases, keep, options.jobs)
        # Beside what was asked for, what earlier calls have trained.
        write_report(results_of(cases if options.quick else every_case(), keep), keep, options.out)
    for name in broken:
        print(name, file=sys.stderr)
    return 1 if broken else 0


def train(cases: Sequence[Case], keep: Path, jobs: int) -> list[str]:
    """Every run that is not there yet; a line for each that broke."""
    started = time.monotonic()
    left = sum(read_result(keep, case) is None for case in cases)
    done = 0
    broken: list[str] = []

    def say(case: Case, outcome: Outcome) -> None:
        nonlocal done
        done += 1
        minutes = (time.monotonic() - started) / 60
        to_go = minutes / done * (left - done)
        print(f"{done:>4}/{left}  {minutes:5.1f} min, {to_go:4.0f} to go  {line(case, outcome)}")
        sys.stdout.flush()
        if isinstance(outcome, BaseException):
            broken.append(f"{case.name}: {type(outcome).__name__}: {outcome}")

    run_all(cases, keep, jobs, say)
    return broken


def line(case: Case, outcome: Outcome) -> str:
    """How one run ended."""
    if isinstance(outcome, BaseException):
        return f"{case.name}: BROKEN, {outcome}"
    scores = ", ".join(f"{name} {value:.4g}" for name, value in outcome.scores.items())
    seconds = f"{outcome.training_seconds:.0f} + {outcome.scoring_seconds:.0f} s"
    return f"{case.name}: {outcome.status} at {outcome.images_seen:,}, {seconds}; {scores}"


def judge_all(results: Sequence[Result], keep: Path) -> list[Judged]:
    """What was said of every run, and whether it was right."""
    judged = []
    for result in results:
        run = ganvas.Run.open(run_path(keep, result.name))
        judged.append(judge(result, watch(run, Thresholds()), counterparts(result, results)))
    return judged


def counterparts(result: Result, results: Sequence[Result]) -> list[Result]:
    """The healthy runs of the same base on the same data that came to their end."""
    data_of = BASES[result.base].data_of
    return [
        one
        for one in results
        if (one.kind, one.base, one.status) == (HEALTHY, result.base, "finished")
        and data_of(one.seed) == data_of(result.seed)
    ]


def write_report(results: Sequence[Result], keep: Path, out: Path | None) -> None:
    """The page, on the terminal and with its picture in a folder."""
    judged = judge_all(results, keep)
    page = page_of(judged, results, None if out is None else PICTURE)
    print(page)
    if out is not None:
        write_confusion(out / PICTURE, *matrix(half(judged, calibration=False)))
        (out / PAGE).write_text(page)


def calibration(keep: Path) -> str:
    """The table for setting thresholds; of the odd seeds nothing is read."""
    cases = [case for case in every_case() if case.seed % 2 == 0]
    cases = [case for case in cases if not case.is_healthy or counts(case.base)]
    results = results_of(cases, keep)
    judged = judge_all(results, keep)
    limits = Thresholds()
    readings = []
    for result in results:
        evidence = evidence_of(ganvas.Run.open(run_path(keep, result.name)), limits)
        readings += calibrate.readings(result.name, result.kind, evidence, RULES.values())
    failed = [run.name for run in failures(judged)]
    table = calibrate.table(calibrate.lines(readings, failed, limits))
    return f"{table}\n\n{exceptions(judged)}"


def plan(cases: Sequence[Case], keep: Path | None, jobs: int) -> str:
    """What would be trained, and how long that takes about."""
    rows = ["| kind | base | runs | done | images | s each |", "|---|---|---|---|---|---|"]
    seconds = 0.0
    for kind, base in dict.fromkeys((case.kind, case.base) for case in cases):
        ours = [case for case in cases if (case.kind, case.base) == (kind, base)]
        results = [keep and read_result(keep, case) for case in ours]
        done = sum(result is not None for result in results)
        each = ours[0].seconds + SCORING_SECONDS
        seconds += each * (len(ours) - done)
        images = f"{ours[0].recipe.images:,}"
        rows.append(f"| {kind} | {base} | {len(ours)} | {done} | {images} | {each:.0f} |")
    healthy = sum(case.is_healthy for case in cases)
    rows += [
        "",
        f"{healthy} healthy and {len(cases) - healthy} sabotaged runs; still to do: "
        f"{seconds / 60:.0f} core-minutes, about {seconds / 60 / jobs:.0f} minutes with "
        f"{jobs} jobs of one thread",
    ]
    return "\n".join(rows)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/health",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", type=Path, help="keep the runs here, and go on with those there")
    parser.add_argument("--out", type=Path, help=f"write {PAGE} and {PICTURE} into this folder")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=sorted({HEALTHY, *KINDS, *BASES}),
        help="this sabotage, or this recipe's healthy runs; may be repeated",
    )
    parser.add_argument(
        "--seeds",
        type=lambda text: [int(seed) for seed in text.split(",")],
        default=[],
        help="these seeds alone: 0,2,4",
    )
    parser.add_argument("--plan", action="store_true", help="say what it would do, and how long")
    parser.add_argument("--report-only", action="store_true", help="train nothing")
    parser.add_argument("--calibrate", action="store_true", help="the table to set thresholds by")
    parser.add_argument("--quick", action="store_true", help="some tiny runs, to see it work")
    options = parser.parse_args()
    if options.keep is None and not (options.plan or options.quick):
        parser.error("name a folder for the runs: --keep FOLDER")
    return options


if __name__ == "__main__":
    sys.exit(main())
