"""The command line: one file a verb. A verb is a frozen dataclass of its arguments with `run`.

Nothing here imports torch: verbs do so when they run, so that help answers at once.
"""

from __future__ import annotations

import functools
import operator
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn, Protocol

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
from ganvas.errors import GanvasError, Interrupted, did_you_mean, tells_of_no_memory
from ganvas.torchrun import world_size


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
        return complain("interrupted; nothing was left half-written", Interrupted.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not tells_of_no_memory(error):
            raise
        return complain("out of memory. Try a smaller --batch, --size or architecture width", 2)
    except BrokenPipeError:  # the reader of our output went away, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def command() -> NoReturn:
    """`main` as a program of its own, which a second Ctrl-C finds ending, and lets end."""
    try:
        code = main()
        if code == Interrupted.exit_code:
            end_undisturbed()
    except KeyboardInterrupt:  # between the answer to the first one and the line above
        end_undisturbed()
        code = Interrupted.exit_code
    sys.exit(code)


def end_undisturbed() -> None:
    """No longer hear Ctrl-C: Python takes a while to end, and would call it killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def refuse_processes(verb: Verb) -> None:
    """Raise a `GanvasError` where torchrun starts several processes of what one does."""
    if world_size() > 1 and not isinstance(verb, Train | Resume):
        raise GanvasError(
            f"torchrun started {world_size()} processes, and only train and resume share their "
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
    name, *rest = arguments or ["--help"]
    if name not in VERBS:
        return parse_as(any_verb(), "ganvas", [name, *rest])  # its help, or a flag before a verb
    prog = f"ganvas {name}"  # one verb alone: tyro's messages then point to its help
    if name != "train":
        return parse_as(VERBS[name], prog, rest)
    recipe = named_recipe(rest)
    verb = parse_as(Train, prog, rest, train_with(recipe, rest))
    if isinstance(verb, Train) and verb.recipe_name != recipe:
        # What looked like the recipe was some flag's value; now the right one is known.
        verb = parse_as(Train, prog, rest, train_with(verb.recipe_name, rest))
    return verb


def any_verb() -> Any:
    """All of them as one type, for the help that lists them."""
    kinds = (Annotated[kind, tyro.conf.subcommand(name)] for name, kind in VERBS.items())
    return functools.reduce(operator.or_, kinds)


def parse_as(
    kind: Any, prog: str, arguments: list[str], default: Any = tyro.MISSING_NONPROP
) -> Verb:
    """Read arguments as tyro does, with the types of our own."""
    with FLAG_TYPES:
        verb: Verb = tyro.cli(
            kind,
            prog=prog,
            description="Train GANs that work, and know why." if prog == "ganvas" else None,
            args=arguments,
            default=default,
            config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff),
        )
    return verb
