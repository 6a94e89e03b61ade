"""`ganvas evaluate RUN`: how good the generated images are, in numbers that say how they came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas.formatting import format_number
from ganvas.metrics.names import known_names

if TYPE_CHECKING:
    from ganvas.evaluation.score import Score

METRIC_NAMES_HELP = (
    "Any of "
    + ", ".join(known_names())
    + ", with commas between. In place of a family, one of its scores (coverage-lite0). Without an "
    "ending lite0 is meant."
)
METRICS_HELP = f"{METRIC_NAMES_HELP} By default those that suit the data."


@dataclass(frozen=True)
class Evaluate:
    """Score generated images against held-out real ones; every score comes with its floor."""

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    metrics: Annotated[tuple[str, ...], tyro.conf.arg(help=METRICS_HELP)] = ()
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n", "--samples"))] = None
    """Images to generate; by default 10k (2.5k points, 26k stacked digits)."""
    data: str | None = None
    """Other real images, by default those of the run. As there, samples are compared with the
    held-out share alone (a tenth, or what --held-out was); the rest give the column "real data"."""
    verify: bool = False
    """Read every image file again, even where size and time stamp are those of the last start."""
    checkpoint: str = "last"
    """last, best (of those evaluated while training), or images seen: 80k."""
    seed: int = 0
    """Decides the samples: the same seed gives the same numbers."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    json: bool = False
    """Print one JSON object instead of a table."""

    def run(self) -> None:
        """Evaluate, print, and add the scores to scores.jsonl."""
        from ganvas.evaluation.evaluate import evaluate

        scores = evaluate(
            self.run_directory,
            self.metrics,
            n=self.n,
            data=self.data,
            verify=self.verify,
            checkpoint=self.checkpoint,
            seed=self.seed,
            device=self.device,
            quiet=self.json,
        )
        if self.json:
            print(json.dumps({"scores": [score.to_json() for score in scores]}, indent=2))
        else:
            show(scores, self.run_directory)


def show(scores: list[Score], run_directory: Path) -> None:
    """Print a table, what the scores have in common, and what makes some hard to believe."""
    from rich.console import Console
    from rich.table import Table

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
    for line in footnotes(scores):
        console.print(line, markup=False)
    console.print(f"whole protocol of each: {run_directory / 'scores.jsonl'}", markup=False)


def footnotes(scores: list[Score]) -> list[str]:
    """The protocol in words, and each warning once."""
    about = scores[0].protocol
    lines = [
        f"checkpoint at {about['checkpoint']:,} images ({about['checkpoint_hash']}), seed "
        f"{about['seed']}; real images from {about['data']} ({about['fingerprint'][:8]}) at "
        f"{about['size']}",
        "real data: what other real images score in place of the samples; no generator can "
        "honestly do better",
    ]
    against: dict[str, list[str]] = {}
    for score in scores:
        against.setdefault(score.protocol["split"], []).append(score.metric)
    for split, metrics in against.items():
        which = f"{split} images" if split != "none" else "no images"
        lines.append(f"against {which}: {', '.join(metrics)}")
    for view in {json.dumps(score.protocol["view"]): score for score in scores}.values():
        parts = [f"{key} {value}" for key, value in view.protocol["view"].items() if key != "name"]
        if parts:
            lines.append(f"{view.protocol['view']['name']}: {', '.join(parts)}")
    warnings: dict[str, list[str]] = {}
    for score in scores:
        for warning in score.warnings:
            warnings.setdefault(warning, []).append(score.metric)
    lines += [f"warning ({', '.join(names)}): {text}" for text, names in warnings.items()]
    return lines
