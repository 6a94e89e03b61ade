"""A study's results as a page for docs/results: tables, failures, and samples of each arm.

    .venv/bin/python benchmarks/study_page.py STUDY --name tutorial --out docs/results

writes tutorial.md, tutorial.png and tutorial.json (a copy of the study's results.json) and prints
their names. All figures come from the study; nothing is typed by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ganvas import json_files
from ganvas.formatting import format_estimate, format_image_size
from ganvas.reports.pictures import image_sides, on_white, read_grid
from ganvas.runs import Run
from ganvas.studies.display import format_comparison, format_mean
from ganvas.studies.results import StudyResults, read_results
from ganvas.studies.study import format_changes

IMAGES = 12
"""Samples of each arm in the picture."""

SEED = 0
"""Seed of the runs in the picture."""


def main() -> int:
    """Read the study and write its page."""
    options = parse()
    results = read_results(options.study)
    if results.missing:
        print(f"the study is not done: {len(results.missing)} runs are missing", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    page, picture, table = (
        options.out / f"{options.name}.{kind}" for kind in ("md", "png", "json")
    )
    json_files.write_json(table, results.to_json())
    draw(results, picture)
    page.write_text(markdown(results, options.title, picture.name), encoding="utf-8")
    for path in (page, picture, table):
        print(path)
    return 0


def markdown(results: StudyResults, title: str, picture: str) -> str:
    """The whole page."""
    parts = [
        f"# {title}",
        about(results),
        verdicts(results),
        f"Recommendation: {results.recommendation}." if results.recommendation else "",
        "## Failed runs",
        failures(results),
        "## Changes and other scores of each arm",
        others(results),
        "## Samples",
        f"Final samples of seed {SEED}, from all over the grids; one row per arm, as in the table.",
        f"![Samples, one row per arm, as in the table]({picture})",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def about(results: StudyResults) -> str:
    """The study in one paragraph."""
    study, made_on = results.study, results.directory.environment
    runs = sum(len(arm.outcomes) for arm in results.arms)
    seconds = sum(
        outcome.cost.training_seconds
        for arm in results.arms
        for outcome in arm.outcomes.values()
        if outcome.cost is not None
    )
    data = results.directory.data
    better = "higher" if results.families[0].more_is_better else "lower"
    return (
        f"{len(results.arms)} arms, seeds 0 to {study.seeds - 1}, {runs} runs of "
        f"{study.images:,} images each; trained on {data['name']} at "
        f"{format_image_size(study.base.data.size)}, scored with {study.sample_count:,} samples "
        f"against held-out images. {format_estimate(seconds)} of training in total, one thread "
        f"per run, torch {made_on['torch']}. `{results.deciding}` decides ({better} is better); "
        f"real images in place of samples score {floor(results)}."
    )


def floor(results: StudyResults) -> str:
    """The score of real images."""
    value = results.families[0].floor
    return "unknown" if value is None else f"{value:.0f}"


def verdicts(results: StudyResults) -> str:
    """Each arm against the arm that it changes."""
    lines = [
        f"| arm | {results.deciding}: mean [95 %] | against | verdict (effect [95 %]) | failed "
        "| images/s |",
        "|---|---|---|---|---|---|",
    ]
    for arm in results.arms:
        against = results.comparison(arm.name, results.deciding)
        cells = (
            f"`{arm.name}`",
            format_mean(results, arm.name, results.deciding),
            f"`{arm.against}`" if arm.against else "",
            "" if against is None else format_comparison(against),
            f"{len(arm.failures)} of {len(arm.outcomes)}",
            "" if arm.cost is None else f"{arm.cost.images_per_second:,.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def failures(results: StudyResults) -> str:
    """One line per failed run, with its reason."""
    lines = [
        f"- `{arm.name}`, seed {seed}: {outcome.describe()}"
        for arm in results.arms
        for seed, outcome in arm.failures.items()
    ]
    return "\n".join(lines) or "None."


def others(results: StudyResults) -> str:
    """The scores without verdicts, and the changed fields of each arm."""
    metrics = [metric for metric in results.metrics if metric != results.deciding]
    lines = [
        f"| arm | {' | '.join(metrics)} | what it changes |",
        f"|{'---|' * (len(metrics) + 2)}",
    ]
    for arm in results.arms:
        scores = [format_mean(results, arm.name, metric) for metric in metrics]
        changes = f"`{format_changes(arm.changes)}`" if arm.changes else "the base"
        lines.append(f"| {' | '.join((f'`{arm.name}`', *scores, changes))} |")
    return "\n".join(lines)


def draw(results: StudyResults, path: Path) -> None:
    """Final samples of each arm in a row, from all over its grid."""
    names = [arm.name for arm in results.arms]
    figure = Figure(figsize=(9, 0.62 * len(names)), layout="constrained")
    rows = figure.subplots(len(names), 1, squeeze=False)[:, 0]
    sides = image_sides(results.directory.data)
    for axes, name in zip(rows, names, strict=True):
        run = Run.open(results.directory.run_path(name, SEED))
        grid = on_white(read_grid(run.sample_paths()[-1], sides))
        tiles = grid[np.linspace(0, len(grid) - 1, IMAGES, dtype=int)]  # every label's row has some
        strip = tiles.transpose(1, 0, 2, 3).reshape(tiles.shape[1], -1, tiles.shape[3])
        axes.imshow(strip.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    figure.savefig(path, dpi=110, bbox_inches="tight")  # names of any length


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="A page for docs/results from a study.")
    parser.add_argument("study", type=Path, help="the study's directory, all its runs ended")
    parser.add_argument("--name", required=True, help="of the files")
    parser.add_argument("--title", required=True, help="of the page")
    parser.add_argument("--out", type=Path, default=Path("docs/results"), help="docs/results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
