"""The command line: one file per command, a frozen dataclass of its arguments with `run`.

Nothing here imports torch. Commands import it when they run, so help is quick.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import operator
import os
import signal
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, NoReturn, Protocol

import tyro

import ganvas
from ganvas.cli.auto import Auto
from ganvas.cli.check import Check
from ganvas.cli.compare import Compare
from ganvas.cli.completion import Words, completion_script
from ganvas.cli.demo import Demo
from ganvas.cli.diagnose import Diagnose
from ganvas.cli.directions import Directions
from ganvas.cli.error_output import only_one_rank_prints, print_error
from ganvas.cli.evaluate import Evaluate
from ganvas.cli.export import Export
from ganvas.cli.film import Film
from ganvas.cli.flags import FLAG_TYPES
from ganvas.cli.interpolate import Interpolate
from ganvas.cli.known_flags import HELP, Parser, flag_parsers, flags_of, positionals
from ganvas.cli.log import Log
from ganvas.cli.mix import Mix
from ganvas.cli.other_commands import unknown_command
from ganvas.cli.project import Project
from ganvas.cli.push import Push
from ganvas.cli.recipes import Recipes
from ganvas.cli.report import Report
from ganvas.cli.resume import Resume
from ganvas.cli.sample import Sample
from ganvas.cli.train import Train, named_recipe, train_recipe, train_with, value_of
from ganvas.cli.truncation import Truncation
from ganvas.cli.watch import Watch
from ganvas.cli.wrong_flags import Usage, check_flags
from ganvas.command_line import quote
from ganvas.errors import GanvasError, Interrupted, UsageError, is_out_of_memory
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.catalog import AUTO, NAMES
from ganvas.system_errors import advice_for, reason_of
from ganvas.terminal import TolerantStream, printable, tolerant_output
from ganvas.torchrun import world_size
from ganvas.training.stop import interrupt, stop_signals


class Command(Protocol):
    """The arguments of one command, and what it does."""

    def run(self) -> int | None:
        """Run the command. Returns an exit code, or None for 0.

        Raises:
            GanvasError: an error that the user can correct.
        """


LOST_RESULT = 2
"""The exit code of a command whose result could not be printed."""

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `GanvasError.exit_code`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with tolerant_output() as stdout:
        return run(arguments, stdout)


def run(arguments: list[str], stdout: TolerantStream) -> int:
    """As `main`, with an output that cannot fail. If it loses a command's result, the code is 2."""
    try:
        with termination_as_interrupt():
            with only_one_rank_prints():
                command = parse(arguments)
            check_single_process(command)
            code = command.run() or 0
            return LOST_RESULT if stdout.lost_text and prints_its_result(command) else code
    except SystemExit as end:  # of help, of the version, or after a wrong flag
        if end.code or not stdout.lost_text:
            raise
        return LOST_RESULT
    except GanvasError as error:
        return print_error(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        cause = stop.__context__
        if isinstance(cause, GanvasError):  # torchrun stopped a process before it printed its error
            return print_error(str(cause), cause.exit_code)
        return print_error("interrupted; nothing was left half-written", Interrupted.exit_code)
    except OSError as error:
        if error.filename is None:
            raise
        # A path that was given, in a place that may not be entered, or with too long a name.
        problem = f"cannot use {error.filename}: {reason_of(error)}; {advice_for(error)}"
        return print_error(problem, GanvasError.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return print_error("out of memory. Try a smaller --batch, --size or network width", 2)


def command() -> NoReturn:
    """The program `ganvas`: run `main` and exit. A second signal does not disturb the exit."""
    open_closed_descriptors()
    quiet_libraries()
    for number in stop_signals():
        signal.signal(number, interrupt)
    try:
        code = main()
        ignore_stop_signals()
    except KeyboardInterrupt:  # a second one, before the line above
        ignore_stop_signals()
        code = Interrupted.exit_code
    sys.exit(code)


def open_closed_descriptors() -> None:
    """Open what a shell closed (`>&-`), as /dev/null.

    Else the next file that is opened would take its number, and what a library prints would be
    written into a checkpoint.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number


def quiet_libraries() -> None:
    """Drop what libraries log, and their warnings unless Python was told what to do with those."""
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # huggingface_hub has a handler of its own
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def prints_its_result(command: Command) -> bool:
    """Whether all that a command gives is what it prints. The others leave files."""
    if isinstance(command, Compare):
        return command.plan
    return isinstance(command, Check | Recipes | Diagnose | Evaluate)


def ignore_stop_signals() -> None:
    """Ignore signals while Python shuts down, which takes a while; else the exit code is lost."""
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)


def check_single_process(command: Command) -> None:
    """Raise a `GanvasError` if torchrun started several processes of a single-process command."""
    if world_size() > 1 and not isinstance(command, Train | Resume):
        raise GanvasError(
            f"torchrun started {world_size()} processes, but only train and resume can share "
            "work between processes. Start this command without torchrun"
        )


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Treat other signals to stop as Ctrl-C, so that half-written files are removed."""
    previous = {number: signal.signal(number, interrupt) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def parse(arguments: list[str]) -> Command:
    """Parse the arguments of the command line. Wrong flags exit with code 2 and a hint.

    Raises:
        GanvasError: no such command, recipe or network.
    """
    if arguments[:1] == ["--version"]:
        print(f"ganvas {ganvas.__version__}")
        sys.exit(0)
    if arguments[:1] == ["--print-completion"]:
        print(completion_script(" ".join(arguments[1:]), completed_words()), end="")
        sys.exit(0)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        raise unknown_command(arguments[0], COMMANDS)
    name, *rest = arguments or ["--help"]
    if name in HELP:
        return parse_as(any_command(), "ganvas", [name])  # the overview
    if name not in COMMANDS:
        raise GanvasError(f"{name}: flags follow a command, such as train; see ganvas --help")
    # From here on one command alone, so that tyro's messages point to its help.
    if name == "train":
        command = parse_train(rest)
        return parse_auto(command, rest) if command.recipe_name == AUTO else command
    check_flags(usage(name, rest, flag_parsers(COMMANDS[name])))
    parsed = parse_as(COMMANDS[name], f"ganvas {name}", rest)
    if isinstance(parsed, Check):
        return replace(parsed, chooses_size=not value_of("--size", rest))
    return parsed


def parse_train(arguments: list[str], quiet: bool = False) -> Train:
    """Parse the arguments of `train`, whose recipe decides which flags there are."""
    recipe = named_recipe(arguments)
    command = parse_train_with(recipe, arguments, quiet)
    if command.recipe_name != recipe:
        # What looked like the recipe was the value of a flag; now the recipe is known.
        command = parse_train_with(command.recipe_name, arguments, quiet)
    return command


def parse_auto(command: Train, arguments: list[str]) -> Auto:
    """`train auto`, whose arguments are parsed again when a recipe has been chosen."""

    def with_recipe(recipe: Recipe) -> Train:
        return parse_train_as(train_recipe(recipe, arguments), arguments)

    images = command.recipe.images if value_of("--images", arguments) else None
    return Auto(command, images, not value_of("--size", arguments), with_recipe)


def parse_train_with(recipe: str, arguments: list[str], quiet: bool) -> Train:
    """Parse the arguments of `train` with the flags and defaults of a named recipe."""
    return parse_train_as(train_with(recipe, arguments), arguments, quiet)


def parse_train_as(default: Train, arguments: list[str], quiet: bool = False) -> Train:
    """Parse the arguments of `train` with these flags and defaults."""
    check_flags(usage("train", arguments, flag_parsers(Train, default)))
    command = parse_as(Train, "ganvas train", arguments, default, quiet)
    assert isinstance(command, Train)
    return command


def completed_words() -> dict[str, Words]:
    """What shells complete after each command. `train`: the flags of any recipe."""
    words = {name: Words(flags_of(kind)) for name, kind in COMMANDS.items()}
    flags = (flags_of(Train, train_with(recipe, [])) for recipe in CATALOG)
    words["train"] = Words(frozenset().union(*flags), NAMES)
    words["recipes"] = Words(words["recipes"].flags, CATALOG)
    return words


def usage(name: str, arguments: list[str], flags: Mapping[str, Parser | None]) -> Usage:
    """What was typed, with what a hint to another flag needs."""

    def others() -> dict[str, Collection[str]]:
        return {other: flags_of(kind) for other, kind in COMMANDS.items() if other != name}

    def as_train(words: list[str]) -> Train | None:
        try:
            return parse_train(words, quiet=True)
        except (GanvasError, SystemExit):
            return None

    return Usage(name, arguments, flags, others, as_train)


def any_command() -> Any:
    """All commands as one type, for the help that lists them."""
    kinds = (Annotated[kind, tyro.conf.subcommand(name)] for name, kind in COMMANDS.items())
    return functools.reduce(operator.or_, kinds)


def parse_as(
    kind: Any,
    prog: str,
    arguments: list[str],
    default: Any = tyro.MISSING_NONPROP,
    quiet: bool = False,
) -> Command:
    """Parse arguments with tyro, with our own flag types; `quiet` exits without a message.

    Raises:
        UsageError: words that belong to no flag, and that the command does not take.
    """
    printed = [printable(word, keep="") for word in arguments]
    if printed != arguments and not quiet:
        with contextlib.suppress(SystemExit):
            return parse_as(kind, prog, arguments, default, quiet=True)
        arguments = printed  # tyro's message repeats them
    with FLAG_TYPES:
        command: Command
        command, surplus = tyro.cli(
            kind,
            prog=prog,
            description="Train GANs that work, and know why." if prog == "ganvas" else None,
            args=arguments,
            default=default,
            console_outputs=not quiet,
            return_unknown_args=True,
            config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagCreatePairsOff),
        )
    if surplus:
        expected = " ".join([prog, *positionals(kind)])
        raise UsageError(
            [f"{quote(surplus)}: not expected. Give {expected}, then flags; see {prog} --help"],
            prog.removeprefix("ganvas "),
        )
    return command
