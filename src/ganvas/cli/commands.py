"""All commands by name. Help lists them in this order."""

from __future__ import annotations

from typing import Protocol

from ganvas.cli.check import Check
from ganvas.cli.compare import Compare
from ganvas.cli.demo import Demo
from ganvas.cli.diagnose import Diagnose
from ganvas.cli.directions import Directions
from ganvas.cli.evaluate import Evaluate
from ganvas.cli.export import Export
from ganvas.cli.film import Film
from ganvas.cli.interpolate import Interpolate
from ganvas.cli.log import Log
from ganvas.cli.mix import Mix
from ganvas.cli.project import Project
from ganvas.cli.push import Push
from ganvas.cli.recipes import Recipes
from ganvas.cli.report import Report
from ganvas.cli.resume import Resume
from ganvas.cli.sample import Sample
from ganvas.cli.train import Train
from ganvas.cli.truncation import Truncation
from ganvas.cli.watch import Watch


class Command(Protocol):
    """The arguments of one command, and what it does."""

    def run(self) -> int | None:
        """Run the command. Returns an exit code, or None for 0.

        Raises:
            GanvasError: an error that the user can correct.
        """


COMMANDS: dict[str, type[Command]] = {
    "check": Check,
    "recipes": Recipes,
    "train": Train,
    "resume": Resume,
    "sample": Sample,
    "interpolate": Interpolate,
    "project": Project,
    "directions": Directions,
    "mix": Mix,
    "film": Film,
    "evaluate": Evaluate,
    "truncation": Truncation,
    "diagnose": Diagnose,
    "compare": Compare,
    "report": Report,
    "export": Export,
    "push": Push,
    "watch": Watch,
    "demo": Demo,
    "log": Log,
}
