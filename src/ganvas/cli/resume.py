"""`ganvas resume RUN`: go on exactly where a run stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.loggers.names import LOGGERS_HELP
from ganvas.recipes import OnFailure


@dataclass(frozen=True)
class Resume:
    """Resume a run exactly where it was saved last, or train it longer."""

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    images: int | None = None
    """A new, larger budget; schedules keep the end they had. It replaces a --time of the run."""
    data: str | None = None
    """Where the images are now, if they moved."""
    verify: bool = False
    """Read every image file again, even where size and time stamp are those of the last start."""
    on_failure: OnFailure | None = None
    """From now on, when health fails: warn, stop or rewind; by default as the recipe says."""
    device: str = "auto"
    """By default the device that the run was started on."""

    log: Annotated[
        tuple[str, ...] | None,
        tyro.conf.arg(
            help=f"Follow the run with {LOGGERS_HELP}",
            help_behavior_hint="(default: as before; off: none)",
        ),
    ] = None

    def run(self) -> None:
        """Resume."""
        from ganvas.training.trainer import resume

        with errors_with_flag_names(["images", "on_failure"]):
            resume(
                self.run_directory,
                images=self.images,
                data=self.data,
                verify=self.verify,
                on_failure=self.on_failure,
                device=self.device,
                log=self.log,
            )
