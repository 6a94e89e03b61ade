"""`ganvas report RUN` or `STUDY`: one HTML page about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.terminal import print_lines


@dataclass(frozen=True)
class Report:
    """Write one self-contained HTML page about a run or a study, finished or not.

    The page works offline. It shows the status, samples, health, scores, nearest training images,
    and the commands that reproduce them.
    """

    directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|STUDY")]
    """The directory of a run or of a study."""
    out: Path | None = None
    """The HTML file; by default report.html in the directory."""

    def run(self) -> None:
        """Write the page and print where it is."""
        from ganvas.formatting import format_bytes
        from ganvas.reports.report import report

        path = report(self.directory, self.out, quiet=False)
        print_lines(f"{path}: {format_bytes(path.stat().st_size)}, opens in any browser")
