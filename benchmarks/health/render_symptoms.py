"""A figure of every symptom from real runs, for docs/health.md.

    .venv/bin/python benchmarks/health/render_symptoms.py --keep FOLDER --out docs/images/health

FOLDER is where the benchmark keeps its runs. For each symptom the run that shows it most clearly is
chosen, from the benchmark's sabotaged ones and a few extra ones (`symptom_runs.py`), which are
trained once and kept in FOLDER/portraits. Rules and thresholds are the current ones, so the figures
can be drawn anew after a calibration. Prints the figures as Markdown; ends with 1 where no run
shows a symptom.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import curves
from cases import KINDS, Case, every_case
from curves import ABSENT, FIRST, Curve, clarity, curve_of, known_at
from figures import SymptomFigure, label_of, write_figure
from panels import moments_to_show, panel_of
from replay import WHILE_PRESENT, Timeline, replay
from running import healthy_results, results_of, run_path, train, use_one_thread
from symptom_runs import SYMPTOM_RUNS, healthy_twin, sick_case

import ganvas
from ganvas import diagnosis
from ganvas.formatting import format_number
from ganvas.health.evidence import Evidence
from ganvas.health.rules import RULES


@dataclass(frozen=True)
class Candidate:
    """A run that may show a symptom, and its healthy twin.

    what: the change that made it sick.
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
        """A run with the rules replayed over it."""
        evidence = replace(diagnosis.evidence_of(run), thresholds=WHILE_PRESENT)
        timeline = replay(evidence, run.read_status().images_seen)
        return cls(what, wanted, run, twin, evidence, timeline)


def main() -> int:
    """Train missing runs, choose, draw, and report the symptoms that no run shows."""
    options = parse()
    use_one_thread()
    symptoms = options.only or list(RULES)
    candidates = [*extra_runs(symptoms, options.keep), *sabotaged_runs(options.keep)]
    print("## What it looks like\n")
    problems, is_missing = [], False
    for symptom in symptoms:
        best = clearest(symptom, candidates)
        if best is None:
            problems.append(f"missing: no run shows {symptom}")
            is_missing = True
            continue
        name = best.run.directory.name
        if clarity(best.timeline, symptom) < FIRST:
            problems.append(f"unclear: {symptom}: named by {name}, but never first")
        figure = figure_of(symptom, best)
        path = options.out / f"{symptom}.png"
        size = write_figure(path, figure)
        print(f"![{alternative_text(figure)}]({link(path)})\n")
        print(f"{path}: {name}, {size / 1024:.0f} KB", file=sys.stderr)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if is_missing else 0


def extra_runs(symptoms: Sequence[str], keep: Path) -> Iterator[Candidate]:
    """The extra runs for these symptoms, trained unless they exist."""
    for symptom in symptoms:
        if symptom in SYMPTOM_RUNS:
            cases = (sick_case(symptom), healthy_twin(symptom))
            run, twin = (train_once(case, keep / "portraits") for case in cases)
            yield Candidate.of(SYMPTOM_RUNS[symptom].what, symptom, run, twin)


def train_once(case: Case, keep: Path) -> ganvas.Run:
    """An extra run, kept apart from the benchmark's."""
    if not run_path(keep, case.name).exists():
        print(f"training {case.name}, {case.recipe.images:,} images", file=sys.stderr)
    return train(case, keep)


def sabotaged_runs(keep: Path) -> Iterator[Candidate]:
    """The benchmark's sabotaged runs on images, each with a healthy one of its recipe."""
    results = results_of(every_case(), keep)
    for result in results:
        twins = healthy_results(results, result.base)
        if result.kind not in KINDS or not twins:
            continue
        run = ganvas.Run.open(run_path(keep, result.name))
        if run.read_data().get("extent") is None:
            twin = min(twins, key=lambda other: other.seed != result.seed)
            healthy = ganvas.Run.open(run_path(keep, twin.name))
            kind = KINDS[result.kind]
            yield Candidate.of(kind.what, kind.symptoms[0], run, healthy)


def clearest(symptom: str, candidates: Sequence[Candidate]) -> Candidate | None:
    """A run that names the symptom first, if possible one made for it; None where none has it."""

    def rank(candidate: Candidate) -> tuple[bool, bool, int]:
        clear = clarity(candidate.timeline, symptom)
        return clear >= FIRST, candidate.wanted == symptom, clear

    best = max(candidates, key=rank, default=None)
    return None if best is None or clarity(best.timeline, symptom) == ABSENT else best


def figure_of(symptom: str, chosen: Candidate) -> SymptomFigure:
    """The figure of a symptom in one run."""
    run, twin, rule = chosen.run, chosen.twin, RULES[symptom]
    at = curves.shown_at(chosen.timeline, symptom)
    finding = rule(known_at(chosen.evidence, at))
    assert finding is not None  # that step was chosen because it has one
    moments = moments_to_show(run, symptom, finding.since, at)
    height, width = run.read_recipe().data.size
    seen = run.read_status().images_seen
    return SymptomFigure(
        symptom=symptom,
        what=chosen.what,
        setting=f"{twin.read_recipe().name} at {height}x{width}, {seen:,} images",
        sick=panel_of(run, symptom, moments),
        healthy=panel_of(twin, symptom, moments),
        curve=curve_of(rule, chosen.evidence, diagnosis.evidence_of(twin), at),
        since=finding.since,
        found=curves.found_at(chosen.timeline, symptom, at),
    )


def alternative_text(figure: SymptomFigure) -> str:
    """What the figure shows, as text."""
    return (
        f"{figure.title}. Left: images of a run with {figure.what}; beside them those of "
        f"the same recipe without it; right: {curve_text(figure.curve, figure.since)}"
    )


def curve_text(curve: Curve | None, since: int) -> str:
    """The last values of both runs, and the limit."""
    if curve is None:
        return f"nothing to draw, since {since:,} images"
    end = curve.sick[-1][0]
    series = {"in this run": curve.sick, "in the other": curve.healthy, "its limit": curve.limits}
    known = {name: [v for images, v in points if images <= end] for name, points in series.items()}
    values = [f"{format_number(last[-1], 3)} {name}" for name, last in known.items() if last]
    return f"{label_of(curve.column)}, {', '.join(values)}, since {since:,} images"


def link(path: Path) -> str:
    """The path of a figure as seen from a page in docs."""
    return "/".join(path.parts[-3:]) if "docs" in path.parts else str(path)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/health/render_symptoms.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", type=Path, required=True, help="where the benchmark's runs are")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the figures")
    parser.add_argument(
        "--only", action="append", choices=list(RULES), help="this symptom; may be repeated"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
