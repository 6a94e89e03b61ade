"""The command line: one file a verb. A verb is a frozen dataclass of its arguments with `run`.

Nothing here imports torch: verbs do so when they run, so that help answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Protocol

import tyro

from ganvas.cli.check import Check
from ganvas.cli.flags import FLAG_TYPES
from ganvas.cli.interpolate import Interpolate
from ganvas.cli.recipes import Recipes
from ganvas.cli.resume import Resume
from ganvas.cli.sample import Sample
from ganvas.cli.train import Train, train_with_chosen_recipe
from ganvas.errors import GanvasError


class Verb(Protocol):
    """What every verb is."""

    def run(self) -> None:
        """Do it; raise a `GanvasError` for what the user has to put right."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `GanvasError.exit_code`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        parse(arguments).run()
    except GanvasError as error:
        print(f"ganvas: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ganvas: interrupted; nothing was left half-written", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def parse(arguments: list[str]) -> Verb:
    """The verb that the arguments ask for; exits with code 2 and a hint where they are wrong."""
    train = train_with_chosen_recipe(arguments)
    verbs = (
        Annotated[Check, tyro.conf.subcommand("check")]
        | Annotated[Recipes, tyro.conf.subcommand("recipes")]
        | Annotated[Train, tyro.conf.subcommand("train", default=train)]
        | Annotated[Resume, tyro.conf.subcommand("resume")]
        | Annotated[Sample, tyro.conf.subcommand("sample")]
        | Annotated[Interpolate, tyro.conf.subcommand("interpolate")]
    )
    with FLAG_TYPES:
        verb: Verb = tyro.cli(
            verbs,
            prog="ganvas",
            description="Train GANs that work, and know why.",
            args=arguments or ["--help"],
            config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff),
        )
    return verb
