"""`ganvas evaluate RUN`: score generated images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas.formatting import format_number
from ganvas.metrics.names import known_names
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.evaluation.measure import Measurement
    from ganvas.evaluation.score import Score

METRIC_NAMES_HELP = (
    "Any of "
    + ", ".join(known_names())
    + ", separated by commas, or one score of a family (coverage-lite0). The default ending is "
    "lite0."
)
METRICS_HELP = f"{METRIC_NAMES_HELP} By default those that suit the data."


@dataclass(frozen=True)
class Evaluate:
    """Score generated images against held-out real ones; each score has a floor."""

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    metrics: Annotated[tuple[str, ...], tyro.conf.arg(help=METRICS_HELP)] = ()
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n", "--samples"))] = None
    """Images to generate; by default 10k (2.5k points, 26k stacked digits)."""
    data: str | None = None
    """Other real images; by default those of the run. Samples are compared only with the held-out
    fraction of them (a tenth, or as --held-out was); the rest give the column "real data"."""
    verify: bool = False
    """Read every image file again, also where size and time stamp have not changed."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    seed: int = 0
    """The same seed gives the same samples and scores."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    json: bool = False
    """Print one JSON object instead of a table."""

    def run(self) -> None:
        """Evaluate, print, and add the scores to scores.jsonl."""
        from ganvas.evaluation.evaluate import evaluate_run
        from ganvas.progress import TerminalFeedback

        measurement = evaluate_run(
            self.run_directory,
            self.metrics,
            n=self.n,
            data=self.data,
            verify=self.verify,
            checkpoint=self.checkpoint,
            seed=self.seed,
            device=self.device,
            feedback=TerminalFeedback(quiet=self.json),
        )
        if self.json:
            scores = [score.to_json() for score in measurement.scores]
            print(json.dumps({"scores": scores, "failed": measurement.failures}, indent=2))
        else:
            print_scores(measurement, self.run_directory)


def print_scores(measurement: Measurement, run_directory: Path) -> None:
    """Print a table of scores, their common protocol, warnings, and what could not be measured."""
    from rich.console import Console
    from rich.table import Table

    from ganvas.evaluation.failures import failure_lines

    scores = measurement.scores
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    for heading in ("value", "95 % interval", "real data", "samples", "real"):
        table.add_column(heading, justify="right")
    table.add_column("better")
    for score in scores:
        low, high = score.interval
        table.add_row(
            score.metric,
            format_number(score.value),
            f"{format_number(low)} to {format_number(high)}",
            format_number(score.floor),
            f"{score.protocol['n_fake']:,}",
            f"{score.protocol['n_real']:,}",
            "higher" if score.more_is_better else "lower",
        )
    console.print(table)
    print_lines(*footnotes(scores), *failure_lines(measurement.failures))
    print_lines(f"complete protocols: {run_directory / 'scores.jsonl'}")


def footnotes(scores: list[Score]) -> list[str]:
    """The protocol in words, and each warning once."""
    common = scores[0].protocol
    lines = [
        f"checkpoint at {common['checkpoint']:,} images ({common['checkpoint_hash']}), seed "
        f"{common['seed']}; real images from {common['data']} ({common['fingerprint'][:8]}) at "
        f"{common['size']}",
        "real data: the score of other real images in place of the samples; no generator can "
        "honestly do better",
    ]
    against: dict[str, list[str]] = {}
    for score in scores:
        against.setdefault(score.protocol["split"], []).append(score.metric)
    for split, metrics in against.items():
        images = f"{split} images" if split != "none" else "no images"
        lines.append(f"against {images}: {', '.join(metrics)}")
    extractors = {json.dumps(score.protocol["view"]): score.protocol["view"] for score in scores}
    for extractor in extractors.values():
        parts = [f"{key} {value}" for key, value in extractor.items() if key != "name"]
        if parts:
            lines.append(f"{extractor['name']}: {', '.join(parts)}")
    warnings: dict[str, list[str]] = {}
    for score in scores:
        for warning in score.warnings:
            warnings.setdefault(warning, []).append(score.metric)
    lines += [f"warning ({', '.join(names)}): {text}" for text, names in warnings.items()]
    return lines
