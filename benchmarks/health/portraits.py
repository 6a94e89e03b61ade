"""A picture of every symptom from real runs, for docs/health.md.

    .venv/bin/python benchmarks/health/portraits.py --keep FOLDER --out docs/images/health

FOLDER is where the benchmark keeps its runs. For each symptom the run is taken that shows it most
clearly, of the benchmark's sabotaged ones and of a few extra ones (`sitters.py`), which are trained
once and kept in FOLDER/portraits. The rules and thresholds are those in force, so the pictures
can be drawn anew after a calibration. Prints what it drew as Markdown; ends with 1 where a symptom
is shown by no run at all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import curves
from cases import HEALTHY, KINDS, Case, every_case
from curves import FIRST, SILENT, Curve, clarity, curve_of, moment_of, named_at, until
from panels import moments_to_show, panel_of
from portrait import Portrait, label_of, write_portrait
from running import Result, results_of, run_path, train, use_one_thread
from sitters import SITTERS, sick_case, twin_case
from watching import Timeline, timeline

import ganvas
from ganvas import diagnosis
from ganvas.formatting import format_number
from ganvas.health.assessment import apply_rules
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding
from ganvas.health.rules import RULES


@dataclass(frozen=True)
class Candidate:
    """A run that may show a symptom, and its healthy twin.

    what: the change that made it.
    wanted: the symptom that it was made for.
    """

    what: str
    wanted: str
    run: ganvas.Run
    twin: ganvas.Run
    evidence: Evidence
    timeline: Timeline

    @classmethod
    def of(cls, what: str, wanted: str, run: ganvas.Run, twin: ganvas.Run) -> Candidate:
        """A run as the rules saw it, look by look."""
        evidence = diagnosis.evidence_of(run)
        said = timeline(evidence, run.read_status().images_seen, apply_rules)
        return cls(what, wanted, run, twin, evidence, said)


def main() -> int:
    """Train what is missing, choose, draw, and say what is shown by no run."""
    options = parse()
    use_one_thread()
    symptoms = options.only or list(RULES)
    extras = train_sitters(symptoms, options.keep)
    candidates = [*extras, *sabotaged(options.keep)]
    print("## What it looks like\n")
    missing, unclear = [], []
    for symptom in symptoms:
        best = clearest(symptom, candidates)
        if best is None:
            missing.append(symptom)
            continue
        if clarity(best.timeline, symptom) < FIRST:
            unclear.append(f"{symptom}: named by {best.run.directory.name}, but never first")
        portrait = portrait_of(symptom, best)
        path = options.out / f"{symptom}.png"
        size = write_portrait(path, portrait)
        print(f"![{alternative(portrait)}]({link(path)})\n")
        print(f"{path}: {best.run.directory.name}, {size / 1024:.0f} KB", file=sys.stderr)
    for line in unclear:
        print(f"unclear: {line}", file=sys.stderr)
    for symptom in missing:
        print(f"missing: no run shows {symptom}", file=sys.stderr)
    return 1 if missing else 0


def train_sitters(symptoms: Sequence[str], keep: Path) -> list[Candidate]:
    """The extra runs for these symptoms, trained unless they are there."""
    found = []
    for symptom in symptoms:
        if symptom in SITTERS:
            run, twin = (trained(case, keep) for case in (sick_case(symptom), twin_case(symptom)))
            found.append(Candidate.of(SITTERS[symptom].what, symptom, run, twin))
    return found


def trained(case: Case, keep: Path) -> ganvas.Run:
    """An extra run, which lies apart from the benchmark's."""
    extras = keep / "portraits"
    if not run_path(extras, case.name).exists():
        print(f"training {case.name}, {case.recipe.images:,} images", file=sys.stderr)
    return train(case, extras)


def sabotaged(keep: Path) -> Iterator[Candidate]:
    """The benchmark's spoiled runs on images, each with a healthy one of its recipe."""
    results = results_of(every_case(), keep)
    for result in results:
        twin = twin_of(result, results)
        if result.kind == HEALTHY or twin is None:
            continue
        run = ganvas.Run.open(run_path(keep, result.name))
        if run.read_data().get("extent") is None:
            healthy = ganvas.Run.open(run_path(keep, twin.name))
            kind = KINDS[result.kind]
            yield Candidate.of(kind.what, kind.symptoms[0], run, healthy)


def twin_of(result: Result, results: Sequence[Result]) -> Result | None:
    """The healthy run of the same recipe and seed, or of another seed; None where there is none."""
    healthy = [
        one
        for one in results
        if (one.kind, one.base, one.status) == (HEALTHY, result.base, "finished")
    ]
    return min(healthy, key=lambda one: one.seed != result.seed, default=None)


def clearest(symptom: str, candidates: Sequence[Candidate]) -> Candidate | None:
    """A run that names a symptom first, one that was made for it before others; or None."""

    def rank(one: Candidate) -> tuple[bool, bool, int]:
        clear = clarity(one.timeline, symptom)
        return clear >= FIRST, one.wanted == symptom, clear

    best = max(candidates, key=rank, default=None)
    return None if best is None or clarity(best.timeline, symptom) == SILENT else best


def portrait_of(symptom: str, chosen: Candidate) -> Portrait:
    """What is to be seen of a symptom in one run."""
    moment = moment_of(chosen.timeline, symptom)
    finding = finding_at(symptom, chosen.evidence, moment)
    run, twin, recipe = chosen.run, chosen.twin, chosen.run.read_recipe()
    moments = moments_to_show(run, symptom, finding.since, moment)
    height, width = recipe.data.size
    seen = run.read_status().images_seen
    return Portrait(
        symptom=symptom,
        what=chosen.what,
        setting=f"{twin.read_recipe().name} at {height}x{width}, {seen:,} images",
        sick=panel_of(run, symptom, moments),
        healthy=panel_of(twin, symptom, moments),
        curve=curve_of(RULES[symptom], chosen.evidence, diagnosis.evidence_of(twin), moment),
        since=finding.since,
        named=named_at(chosen.timeline, symptom, moment),
    )


def finding_at(symptom: str, evidence: Evidence, moment: int) -> Finding:
    """The finding as it was at a look."""
    finding = RULES[symptom](until(evidence, moment))
    assert finding is not None  # the look was chosen because it has one
    return finding


def alternative(portrait: Portrait) -> str:
    """What is to be seen, for those who do not see it."""
    text = f"{portrait.title}. Left: images of a run with {portrait.what}; beside them those of "
    text += "the same recipe without it"
    return f"{text}; right: {curve_in_words(portrait.curve, portrait.since)}"


def curve_in_words(curve: Curve | None, since: int) -> str:
    """The last values of both runs beside the limit."""
    if curve is None:
        return f"nothing to draw, since {since:,} images"
    end = curve.sick[-1][0]
    sick, healthy, limit = (
        curves.last_value(points, end) for points in (curve.sick, curve.healthy, curve.limits)
    )
    values = [
        f"{format_number(value, 3)} {whose}"
        for value, whose in ((sick, "in this run"), (healthy, "in the other"), (limit, "its limit"))
        if value is not None
    ]
    return f"{label_of(curve.column)}, {', '.join(values)}, since {since:,} images"


def link(path: Path) -> str:
    """A picture as a page in docs names it."""
    return "/".join(path.parts[-3:]) if "docs" in path.parts else str(path)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/health/portraits.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", type=Path, required=True, help="where the benchmark's runs are")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the pictures")
    parser.add_argument(
        "--only", action="append", choices=list(RULES), help="this symptom; may be repeated"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
