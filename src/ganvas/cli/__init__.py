"""The command line: one file a verb. A verb is a frozen dataclass of its arguments with `run`.

Nothing here imports torch: verbs do so when they run, so that help answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import tyro

import ganvas
from ganvas.cli.check import Check
from ganvas.cli.compare import Compare
from ganvas.cli.diagnose import Diagnose
from ganvas.cli.evaluate import Evaluate
from ganvas.cli.flags import FLAG_TYPES
from ganvas.cli.interpolate import Interpolate
from ganvas.cli.recipes import Recipes
from ganvas.cli.report import Report
from ganvas.cli.resume import Resume
from ganvas.cli.sample import Sample
from ganvas.cli.train import Train, named_recipe, train_with
from ganvas.cli.voice import complain, first_speaks
from ganvas.errors import GanvasError, did_you_mean, tells_of_no_memory
from ganvas.torchrun import processes


class Verb(Protocol):
    """What every verb is."""

    def run(self) -> int | None:
        """Do it, and return an exit code where that is the result.

        Raises:
            GanvasError: something that the user has to put right.
        """


VERBS: dict[str, type[Verb]] = {
    "check": Check,
    "recipes": Recipes,
    "train": Train,
    "resume": Resume,
    "sample": Sample,
    "interpolate": Interpolate,
    "evaluate": Evaluate,
    "diagnose": Diagnose,
    "compare": Compare,
    "report": Report,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `GanvasError.exit_code`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with termination_as_interrupt():
            with first_speaks():
                verb = parse(arguments)
            refuse_processes(verb)
            return verb.run() or 0
    except GanvasError as error:
        return complain(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        unheard = stop.__context__
        if isinstance(unheard, GanvasError):  # torchrun ends a process that is about to say why
            return complain(str(unheard), unheard.exit_code)
        return complain("interrupted; nothing was left half-written", 130)
    except (MemoryError, RuntimeError) as error:
        if not tells_of_no_memory(error):
            raise
        return complain("out of memory. Try a smaller --batch, --size or architecture width", 2)
    except BrokenPipeError:  # the reader of our output went away, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def refuse_processes(verb: Verb) -> None:
    """Raise a `GanvasError` where torchrun starts several processes of what one does."""
    if processes() > 1 and not isinstance(verb, Train | Resume):
        raise GanvasError(
            f"torchrun started {processes()} processes, and only train and resume share their "
            "work. Start everything else without it"
        )


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the process as Ctrl-C does, so that half-written files are cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def parse(arguments: list[str]) -> Verb:
    """The verb that the arguments ask for; exits with code 2 and a hint where they are wrong.

    Raises:
        GanvasError: no such verb, recipe or architecture.
    """
    if arguments[:1] == ["--version"]:
        print(f"ganvas {ganvas.__version__}")
        sys.exit(0)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in VERBS:
        hint = did_you_mean(arguments[0], VERBS)
        raise GanvasError(f"{arguments[0]!r} is no command.{hint} All: {', '.join(VERBS)}")
    if arguments[:1] != ["train"]:
        return parse_with(arguments, train_with(named_recipe([]), []))
    recipe = named_recipe(arguments[1:])
    verb = parse_with(arguments, train_with(recipe, arguments))
    if isinstance(verb, Train) and verb.recipe_name != recipe:
        # What looked like the recipe was some flag's value; now the right one is known.
        verb = parse_with(arguments, train_with(verb.recipe_name, arguments))
    return verb


def parse_with(arguments: list[str], train: Train) -> Verb:
    """Parse, with `train` as the defaults of the verb of that name."""
    verbs: Any = Annotated[Train, tyro.conf.subcommand("train", default=train)]
    for name, kind in VERBS.items():
        if kind is not Train:
            verbs |= Annotated[kind, tyro.conf.subcommand(name)]
    with FLAG_TYPES:
        verb: Verb = tyro.cli(
            verbs,
            prog="ganvas",
            description="Train GANs that work, and know why.",
            args=arguments or ["--help"],
            config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff),
        )
    return verb
