"""`ganvas film RUN`: a film of how a run's samples changed while it trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.command_line import ganvas_command
from ganvas.errors import GanvasError
from ganvas.terminal import print_lines

FASTEST = 50
"""Frames a second; browsers show a faster GIF slowly."""


@dataclass(frozen=True)
class Film:
    """Make a film of a training run from its grids of samples: .gif, .webp or .mp4.

    An .mp4 needs pip install 'ganvas[video]'. Works while the run is training, too.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    captions: bool = False
    """Write below each grid how many images training had seen."""
    fps: int | None = None
    """Grids a second, 1 to 50; by default 2 to 10, for a film of about 10 seconds. The last grid
    stays for two seconds."""
    out: Path | None = None
    """film.gif, film.webp or film.mp4; by default training.gif in the run directory."""

    def run(self) -> None:
        """Check, then write."""
        from ganvas.drawing.films import check_film
        from ganvas.runs import Run
        from ganvas.runs.directories import check_new_file, is_generator
        from ganvas.runs.progress_film import check_grids, write_progress_film
        from ganvas.storage import make_directory

        out = self.out or self.run_directory / "training.gif"
        check_film(out)
        if self.fps is not None and not 1 <= self.fps <= FASTEST:
            raise GanvasError(f"--fps must be 1 to {FASTEST}, got {self.fps}")
        if is_generator(self.run_directory):
            raise GanvasError(
                f"{self.run_directory} holds a generator alone. This film needs the grids of "
                "samples that a run draws while it trains: name the run. A film of the generator's "
                f"own images: {ganvas_command('interpolate', self.run_directory)}"
            )
        run = Run.open(self.run_directory)
        check_grids(run)
        check_new_file(out)
        make_directory(out.parent)
        film = write_progress_film(out, run, self.fps, self.captions)
        print_lines(f"{film.grids} grids in {film.seconds:.1f} seconds: {out}")
