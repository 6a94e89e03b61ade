"""`ganvas evaluate RUN`: score generated images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas.errors import GanvasError
from ganvas.formatting import format_number
from ganvas.metrics.names import known_names
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.evaluation.measure import ScoringResult
    from ganvas.evaluation.score import MeasurementConfig, Score

METRIC_NAMES_HELP = (
    "Any of "
    + ", ".join(known_names())
    + ", separated by commas, or one score of a family (coverage-lite0). The default ending is "
    "lite0."
)
METRICS_HELP = f"{METRIC_NAMES_HELP} By default those that suit the data."


@dataclass(frozen=True)
class Evaluate:
    """Score generated images against held-out real ones, beside what real images score."""

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory; or with --data an exported model.onnx, a copied generator/ folder,
    hf:OWNER/NAME of the hub, or images that another program made: a folder, .zip, .npz or .npy."""
    metrics: Annotated[tuple[str, ...], tyro.conf.arg(help=METRICS_HELP)] = ()
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n", "--samples"))] = None
    """Images to generate, or to take of those given; by default up to 2k, for a first answer (2.5k
    points, 5k stacks)."""
    full: bool = False
    """As in published protocols: 10k images (26k stacks), and kid-lite0 too. Takes minutes."""
    data: str | None = None
    """Other real images; by default those of the run. Samples are compared only with the held-out
    fraction of them (a tenth, or as --held-out was); the rest give the column "real images"."""
    verify: bool = False
    """Read every image file again, also where size and time stamp have not changed."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    seed: int = 0
    """The same seed gives the same samples and scores."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    verbose: bool = False
    """Print the protocol too: what was compared with what, and how."""
    json: bool = False
    """Print one JSON object instead of a table."""

    def run(self) -> None:
        """Evaluate, print, and add the scores to scores.jsonl."""
        from ganvas.evaluation.evaluate import evaluate_run
        from ganvas.progress import TerminalFeedback

        if self.full and self.n is not None:
            raise GanvasError("--full sets the number of samples: give --full or -n, not both")
        result = evaluate_run(
            self.run_directory,
            self.metrics,
            n=self.n,
            full=self.full,
            data=self.data,
            verify=self.verify,
            checkpoint=self.checkpoint,
            seed=self.seed,
            device=self.device,
            feedback=TerminalFeedback(quiet=self.json),
        )
        if self.json:
            scores = [score.to_json() for score in result.scores]
            print(json.dumps({"scores": scores, "failed": result.failures}, indent=2))
        else:
            print_scores(result, self.run_directory, self.verbose)
            if not self.verbose:
                more = "" if self.full or self.n or self.metrics else "; more samples: --full"
                print(f"how it was measured: --verbose{more}")


def print_scores(result: ScoringResult, run_directory: Path, verbose: bool) -> None:
    """Print the scores in one sentence and as a table, what to beware of, and how to read them.

    Args:
        verbose: whether to print the protocol.
    """
    from rich.console import Console
    from rich.table import Table

    from ganvas.evaluation.failures import failure_lines
    from ganvas.evaluation.summary import summary

    scores = result.scores
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    for heading in ("yours", "95 % interval", scores[0].real):
        table.add_column(heading, justify="right")
    table.add_column("better")
    for score in scores:
        low, high = score.interval
        table.add_row(
            score.metric,
            format_number(score.value),
            f"{format_number(low)} to {format_number(high)}",
            format_number(score.floor),
            "higher" if score.more_is_better else "lower",
        )
    if sentence := summary(scores):
        console.print(f"{sentence}\n", markup=False)
    console.print(table)
    print_lines(*grouped("warning", scores, lambda score: score.warnings))
    print_lines(*failure_lines(result.failures))
    if verbose:
        print_lines(*protocol_lines(scores, run_directory))


def grouped(
    word: str, scores: list[Score], texts_of: Callable[[Score], tuple[str, ...]]
) -> Iterator[str]:
    """Each text once, with the metrics that it is about, unless it is about all."""
    metrics: dict[str, list[str]] = {}
    for score in scores:
        for text in texts_of(score):
            metrics.setdefault(text, []).append(score.metric)
    for text, names in metrics.items():
        about = "" if len(names) == len(scores) else f" ({', '.join(names)})"
        yield f"{word}{about}: {text}"


def protocol_lines(scores: list[Score], run_directory: Path) -> list[str]:
    """What was compared with what, and how."""
    common = scores[0].protocol
    lines = [
        f"{what_was_scored(common)}, seed {common['seed']}; real images from {common['data']} "
        f"({common['fingerprint'][:8]}) at {common['size']}",
        f"{scores[0].real}: what others of them score in place of the samples; no generator can "
        "honestly do better",
    ]
    compared: dict[str, list[str]] = {}
    for score in scores:
        compared.setdefault(what_is_compared(score), []).append(score.metric)
    lines += [f"{what}: {', '.join(metrics)}" for what, metrics in compared.items()]
    extractors = {json.dumps(score.protocol["view"]): score.protocol["view"] for score in scores}
    for extractor in extractors.values():
        parts = [f"{key} {value}" for key, value in extractor.items() if key != "name"]
        if parts:
            lines.append(f"{extractor['name']}: {', '.join(parts)}")
    lines += grouped("note", scores, lambda score: score.notes)
    from ganvas.runs.file_names import SCORES_JSONL

    scores_file = run_directory / SCORES_JSONL
    return [*lines, f"complete protocols: {scores_file if scores_file.is_file() else '--json'}"]


def what_was_scored(protocol: MeasurementConfig) -> str:
    """The checkpoint, or the images that were given."""
    if "samples_of" in protocol:
        return f"images of {protocol['samples_of']} ({protocol['samples_fingerprint'][:8]})"
    return f"checkpoint at {protocol['checkpoint']:,} images ({protocol['checkpoint_hash']})"


def what_is_compared(score: Score) -> str:
    """How many samples, and with how many images of which part."""
    counts = {"training": score.protocol["n_training"], "held-out": score.protocol["n_real"]}
    parts = [f"{n:,} {part}" for part, n in counts.items() if part in score.protocol["split"]]
    against = f" against {' and '.join(parts)} images" if parts else ""
    return f"{score.protocol['n_fake']:,} samples{against}"
