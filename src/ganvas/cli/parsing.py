"""From the words of the command line to a command, with the help and the hints of its flags."""

from __future__ import annotations

import contextlib
import functools
import operator
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Any, get_args

import tyro

import ganvas
from ganvas.cli.auto import Auto
from ganvas.cli.check import Check
from ganvas.cli.commands import COMMANDS, Command
from ganvas.cli.completion import Words, completion_script
from ganvas.cli.export import Export
from ganvas.cli.flags import FLAG_TYPES
from ganvas.cli.known_flags import HELP, Parser, flag_parsers, flags_of, positionals
from ganvas.cli.log import Log
from ganvas.cli.other_commands import unknown_command
from ganvas.cli.train import Train, defaults_by_name, defaults_for, named_recipe, value_of
from ganvas.cli.wrong_flags import Usage, check_flags
from ganvas.command_line import quote
from ganvas.errors import GanvasError, UsageError
from ganvas.exports.names import TargetName
from ganvas.loggers.names import LOGGERS
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.catalog import AUTO, NAMES
from ganvas.terminal import printable

VALUES_OF_TO: dict[Any, Collection[str]] = {Export: get_args(TargetName), Log: LOGGERS}
"""Values of --to, which are often typed without it."""

FIRST_STEPS = """\
to begin:
  ganvas train dcgan fashion    on the built-in images; a few minutes
  ganvas check FOLDER           what is in your own images, and how to train on them
  ganvas COMMAND --help         the flags of a command"""
"""Below the overview, whose end is what a terminal shows of it."""


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
        try:
            return parse_as(any_command(), "ganvas", [name])  # the overview
        finally:
            print(FIRST_STEPS)
    if name not in COMMANDS:
        raise GanvasError(f"{name}: flags follow a command, such as train; see ganvas --help")
    # From here on one command alone, so that tyro's messages point to its help.
    if name == "train":
        command = parse_train(rest)
        return parse_auto(command, rest) if command.recipe_name == AUTO else command
    check_flags(usage(name, rest, flag_parsers(COMMANDS[name])))
    parsed = parse_as(COMMANDS[name], f"ganvas {name}", rest)
    if isinstance(parsed, Check):
        return replace(
            parsed,
            chooses_size=not value_of("--size", rest),
            labels_for_scores=value_of("--labels", rest) == "scores",
        )
    return parsed


def parse_train(arguments: list[str], quiet: bool = False) -> Train:
    """Parse the arguments of `train`, whose recipe decides which flags there are."""
    recipe = named_recipe(arguments)
    command = parse_train_flags(defaults_by_name(recipe, arguments), arguments, quiet)
    if command.recipe_name != recipe:
        # What looked like the recipe was the value of a flag; now the recipe is known.
        default = defaults_by_name(command.recipe_name, arguments)
        command = parse_train_flags(default, arguments, quiet)
    return command


def parse_auto(command: Train, arguments: list[str]) -> Auto:
    """`train auto`, whose arguments are parsed again when a recipe has been chosen."""

    def with_recipe(recipe: Recipe) -> Train:
        return parse_train_flags(defaults_for(recipe, arguments), arguments)

    images = command.recipe.images if value_of("--images", arguments) else None
    return Auto(command, images, not value_of("--size", arguments), with_recipe)


def parse_train_flags(default: Train, arguments: list[str], quiet: bool = False) -> Train:
    """Parse the arguments of `train` with the flags and the defaults of `default`."""
    check_flags(usage("train", arguments, flag_parsers(Train, default)))
    command = parse_as(Train, "ganvas train", arguments, default, quiet)
    assert isinstance(command, Train)
    return command


def completed_words() -> dict[str, Words]:
    """What shells complete after each command. `train`: the flags of any recipe."""
    words = {name: Words(flags_of(kind)) for name, kind in COMMANDS.items()}
    flags = (flags_of(Train, defaults_by_name(recipe, [])) for recipe in CATALOG)
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
        problem = f"not expected. Give {expected}, then flags; see {prog} --help"
        if {*surplus} <= {*VALUES_OF_TO.get(kind, ())}:
            problem = f"use --to {quote(surplus)}"
        raise UsageError([f"{quote(surplus)}: {problem}"], prog.removeprefix("ganvas "))
    return command
