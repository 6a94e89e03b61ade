"""Search a recipe's settings by successive elimination, and compare the last ones over seeds.

    .venv/bin/python benchmarks/tuning benchmarks/tuning/fashion-32.toml --out runs/tuning
    .venv/bin/python benchmarks/tuning benchmarks/tuning/fashion-32.toml --out runs/tuning --final
    .venv/bin/python benchmarks/tuning --page

Every rung is a study of one seed, done by `ganvas.compare` in OUT/rung-N: all configurations that
are left train from the start, with the rung's budget, so schedules end as they should. Those that
health calls failing are dropped, and of the others those with the worst early score. One early
score of one seed is no verdict, so --final compares the last ones with the base over seeds, by
several metrics. A search that was killed goes on when it is started again. The record beside the
space has a line for every run; --page writes docs/results/tuning.md from all records.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tuning_page import page
from tuning_record import FINAL, Trial, append_record, ranked, read_record
from tuning_space import Changes, Space, read_space

from ganvas.errors import GanvasError, StudyError
from ganvas.studies.running import compare
from ganvas.studies.study import Study

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "results" / "tuning.md"


def search(space: Space, out: Path, record: Path, workers: int | None) -> dict[str, Changes]:
    """Do the rungs that the record lacks. Returns the finalists by name, the best first."""
    left = space.configurations_drawn()
    for rung in range(1, space.rungs + 1):
        trials = runs_of(record, rung, left)
        if not trials:
            study = space.rung(rung, left)
            trials = train(study, rung, left, out / f"rung-{rung}", workers)
            append_record(record, trials)
        best = ranked((trial for trial in trials if trial.configuration in left), space.metric)
        kept = [trial.configuration for trial in best[: space.survivors(rung, len(left))]]
        print(f"rung {rung}: kept {', '.join(kept) or 'none'} of {len(left)}", flush=True)
        left = {name: left[name] for name in kept}
    return left


def compare_finalists(
    space: Space, finalists: dict[str, Changes], out: Path, record: Path, workers: int | None
) -> None:
    """Compare the finalists with the base over seeds, unless the record has it."""
    if not runs_of(record, FINAL, finalists):
        trials = train(space.final(finalists), FINAL, finalists, out / "final", workers)
        append_record(record, trials)


def train(
    study: Study, rung: int, configurations: dict[str, Changes], out: Path, workers: int | None
) -> list[Trial]:
    """Do a study, or what is missing of it, and return its runs."""
    results = compare(study, out, workers=workers, quiet=True)
    return [
        Trial.of(rung, configurations.get(arm.name, {}), outcome)
        for arm in results.arms
        for outcome in arm.outcomes.values()
    ]


def runs_of(record: Path, rung: int, configurations: dict[str, Changes]) -> list[Trial]:
    """The record's runs of a rung.

    Raises:
        StudyError: they are of other configurations than these.
    """
    trials = [trial for trial in read_record(record) if trial.rung == rung]
    there = {trial.configuration: trial.changes for trial in trials if trial.changes}
    if trials and there != configurations:
        text = (
            "holds a search of another space, or of other budgets. Give another --record, or "
            "delete this one to search again"
        )
        raise StudyError([text], str(record))
    return trials


def main() -> int:
    """Search, or write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("space", type=Path, nargs="?", help="a TOML file")
    parser.add_argument("--out", type=Path, default=Path("runs/tuning"), help="for the studies")
    parser.add_argument("--record", type=Path, help="by default beside the space, .jsonl")
    parser.add_argument("--workers", type=int, help="runs at a time; by default one per core")
    parser.add_argument("--final", action="store_true", help="compare the finalists too")
    parser.add_argument("--page", action="store_true", help="write docs/results/tuning.md")
    options = parser.parse_args()
    try:
        if options.space is not None:
            space = read_space(options.space)
            record = options.record or options.space.with_suffix(".jsonl")
            finalists = search(space, options.out, record, options.workers)
            if options.final:
                compare_finalists(space, finalists, options.out, record, options.workers)
        if options.page:
            PAGE.write_text(page(sorted(HERE.glob("*.toml"))), encoding="utf-8")
    except GanvasError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
