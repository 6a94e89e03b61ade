"""`ganvas truncation RUN`: what truncation costs, as a picture and a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas import json_files, storage
from ganvas.cli.default_out import default_out
from ganvas.command_line import ganvas_command
from ganvas.errors import GanvasError
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.evaluation.truncation_points import Point, TruncationCurve


@dataclass(frozen=True)
class Truncation:
    """Measure what truncation and --keep cost: precision, recall, coverage, distance, as a picture.

    Samples at several strengths of both are compared with held-out images.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory; or with --data an exported model.onnx, a copied generator/ folder, or
    hf:OWNER/NAME of the hub, without --keep."""
    truncation: float | None = None
    """A point to measure too, whose cost is told; by default 0.7."""
    keep: str | None = None
    """The same for a fraction to keep: best:0.5."""
    features: str | None = None
    """lite0, self, classifier or inception; by default lite0 where it is installed, else self."""
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n", "--samples"))] = None
    """Images to generate for each point; by default as many as evaluate, at most 1000."""
    data: str | None = None
    """Other real images; by default those of the run. Samples are compared with the held-out
    fraction of them."""
    verify: bool = False
    """Read every image file again, also where size and time stamp have not changed."""
    out: Path | None = None
    """The picture; by default truncation.png in the run directory. The numbers lie beside it, in a
    .json."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    seed: int = 0
    """The same seed gives the same samples."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    def run(self) -> None:
        """Measure, write the picture and its numbers, and print them."""
        out = self.out or default_out(self.run_directory, "truncation.png")
        if out.suffix.lower() != ".png":
            raise GanvasError(f"{out}: expected a .png")
        from ganvas.evaluation.truncation import truncation
        from ganvas.reports.truncation_picture import truncation_picture
        from ganvas.runs.directories import check_new_file

        numbers = out.with_suffix(".json")
        for path in (out, numbers):
            check_new_file(path)
        curve = truncation(
            self.run_directory,
            truncation=self.truncation,
            keep=self.keep,
            features=self.features,
            n=self.n,
            data=self.data,
            checkpoint=self.checkpoint,
            seed=self.seed,
            device=self.device,
            verify=self.verify,
            quiet=False,
        )
        storage.make_directory(out.parent)
        json_files.write_json(numbers, curve.to_json())
        storage.write_bytes(out, truncation_picture(curve))
        print_curve(curve)
        print_lines(f"picture: {out}  ·  numbers: {numbers}")
        if curve.gains:
            flags = flags_of(curve.chosen)
            print_lines(f"next: {ganvas_command('sample', self.run_directory, *flags)}")
        else:
            print_lines("no gain is shown: precision does not rise beyond its interval")


def flags_of(point: Point) -> list[str]:
    """The flags of `ganvas sample` that sample so."""
    flags = ["--truncation", f"{point.truncation:g}"] if point.truncation != 1 else []
    return flags + (["--keep", f"best:{point.keep:g}"] if point.keep != 1 else [])


def print_curve(curve: TruncationCurve) -> None:
    """Print the table, what to beware of, and what the chosen point costs."""
    from rich.console import Console
    from rich.table import Table

    head, *rows = curve.rows()
    table = Table(box=None, pad_edge=False)
    for heading in head:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, soft_wrap=True).print(table)
    print_lines(*(f"note: {note}" for note in curve.notes))
    print_lines(*(f"warning: {warning}" for warning in curve.warnings))
    print_lines(curve.cost())
