"""Flags that a command does not have, and values that are none: all of them in one message.

A value gets what was expected, a flag what to type instead: first the habits of other tools, then
the same name deeper in the recipe, then other commands, then the nearest name. Where nothing is
near, there is no guess.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganvas.cli.known_flags import HELP, Parser
from ganvas.cli.other_tools import COMMAND, EVERY, VALUE, Habit, other_tools
from ganvas.command_line import quote
from ganvas.errors import ArgumentError, DataError, UsageError
from ganvas.extras import MissingExtra
from ganvas.fields import field_types
from ganvas.formatting import format_count, format_list, format_short
from ganvas.recipes import CATALOG
from ganvas.recipes.files import renamed
from ganvas.recipes.recipe import Recipe, flag_of
from ganvas.schedules import parse_count

if TYPE_CHECKING:
    from ganvas.cli.train import Train

NEAR = 0.8
"""How similar a name must be to be suggested, 0 to 1; `--label` and `--real-label` are not."""

MOST_NAMES = 4
"""More flags than this that end alike are not listed."""

EXAMPLE_IMAGES, EXAMPLE_BATCH = 10_000, 64
"""Images of an epoch and of a step in an example, where data and recipe are not known."""

_FROM_RUN = "ganvas train RECIPE DATA --from RUN"

_FLAG = re.compile(r"--?[a-zA-Z]")
_FLAG_WITH_VALUE = re.compile(r"(?<![\w.-])(--[a-z][\w.-]*\w)(?: (\{\}|[\w:.-]*\d[\w:.-]*))?")


@dataclass(frozen=True)
class GivenFlag:
    """A flag as it was typed, and the word after it; empty if that is a flag too, or nothing."""

    typed: str
    value: str

    @property
    def name(self) -> str:
        """The name in kebab-case without leading dashes: batch-size for `--batchSize`."""
        name = self.typed.lstrip("-").replace("_", "-")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()

    def is_in(self, flags: Collection[str]) -> bool:
        """Whether it is one of the flags. `-n16` is `-n` with its value."""
        if self.typed.startswith("--"):
            return self.typed.replace("_", "-") in flags
        return self.typed in flags or (self.typed[2:].isdigit() and self.typed[:2] in flags)


@dataclass(frozen=True)
class Usage:
    """What was typed after the name of a command.

    command: its name.
    arguments: all words after it.
    flags: the flags that it has, each with what reads its value.
    others: gives the flags of the other commands, by name.
    as_train: reads words as the arguments of train; None if they cannot be read.
    """

    command: str
    arguments: Sequence[str]
    flags: Mapping[str, Parser | None]
    others: Callable[[], Mapping[str, Collection[str]]]
    as_train: Callable[[list[str]], Train | None]


def check_flags(usage: Usage) -> None:
    """Raise a `UsageError` that names every flag that is not there, or whose value is none."""
    given = flags_given(usage.arguments)
    if any(flag.typed in HELP for flag in given):
        return
    problems: dict[str, None] = {}  # each once, in the order in which they were typed
    for flag in given:
        known = flag.is_in(usage.flags)
        problem = value_problem(flag, usage) if known else hint(flag, usage)
        if problem is not None:
            problems[f"{flag.typed}: {problem}"] = None
    if problems:
        raise UsageError(list(problems), usage.command)


def with_typed_flag(error: ArgumentError, arguments: Sequence[str]) -> str:
    """The message of an error, with the flag as it was typed in place of the argument."""
    name = error.argument.replace("_", "-")
    typed = (flag.typed for flag in flags_given(arguments) if flag.name == name)
    return error.naming(next(typed, error.argument))


def value_problem(flag: GivenFlag, usage: Usage) -> str | None:
    """Why the value of a flag is none; None if it is one, or there is no word for it."""
    name = flag.typed.replace("_", "-") if flag.typed.startswith("--") else flag.typed
    parse = usage.flags.get(name)
    if parse is None or not flag.value:
        return None
    try:
        parse(flag.value)
    except ValueError as error:
        if last_part(name) == "labels" and flag.value.lower().endswith((".csv", ".tsv")):
            return (
                f"{flag.value}: a table of labels needs no flag. Put it into the folder or archive "
                "of the images, and see what ganvas check says of it (docs/data.md#labels)"
            )
        return f"{error}; see ganvas {usage.command} --help"
    return None


def flags_given(arguments: Sequence[str]) -> list[GivenFlag]:
    """The flags among the words, each with the value that may be its own."""
    given = []
    words = itertools.takewhile(lambda word: word != "--", arguments)
    for word, following in itertools.pairwise([*words, "--"]):
        if _FLAG.match(word):
            typed, attached, value = word.partition("=")
            separate = "" if following == "--" or _FLAG.match(following) else following
            given.append(GivenFlag(typed, value if attached else separate))
    return given


def hint(flag: GivenFlag, usage: Usage) -> str:
    """What to type in place of a flag that the command does not have."""
    row = other_tools().by_name.get(flag.name.removeprefix("objective."))  # where it might be
    now = renamed(flag.name.replace("-", "_"))
    if usage.command == "train" and flag.typed.startswith("--") and now is not None:
        return with_flags_for_fields(now)
    if "--images" in usage.flags and (counted := count_hint(flag, usage)):
        return counted
    if row is not None and (own := row.hints.get(usage.command, row.hints.get(EVERY))):
        return fill(own, flag, usage)
    if found := same_name(flag.name, usage.flags):
        return fill(format_list([f"{name} {VALUE}" for name in found], "or"), flag, usage)
    if near := nearest(flag.name, usage.flags):
        return f"no such flag. Did you mean {near}? All flags: ganvas {usage.command} --help"
    return hint_of_others(flag, row, usage)


def hint_of_others(flag: GivenFlag, row: Habit | None, usage: Usage) -> str:
    """A hint to what train calls it, or to the commands that have it."""
    of_train = row.hints.get("train") if row is not None else None
    if of_train is None and usage.command == "compare":
        found = same_name(flag.name, usage.others()["train"])
        of_train = format_list([f"{name} {VALUE}" for name in found], "or") if found else None
    if of_train is not None:
        if usage.command == "compare":
            return fill(with_shared_for_flags(of_train), flag, usage)
        if usage.command == "resume":
            where = f"A run keeps its recipe. For a new run from its weights, {_FROM_RUN}"
        else:
            where = "For ganvas train"
        return f"no such flag. {where}: {fill(of_train, flag, usage)}"
    have = [f"ganvas {name}" for name, flags in usage.others().items() if flag.is_in(flags)]
    if usage.command == "resume" and "ganvas train" in have:
        return (
            "no such flag. A run keeps its recipe. A new run from its weights takes this flag: "
            f"{_FROM_RUN}. The whole command, with what health advises: ganvas diagnose RUN"
        )
    if have:
        return f"no such flag. It belongs to {format_list(have)}"
    return f"no such flag. All flags: ganvas {usage.command} --help"


def fill(text: str, flag: GivenFlag, usage: Usage) -> str:
    """A hint with the value that was given and the name of the command in it."""
    text = f"use {text}" if text.startswith("-") else text
    value = quote([flag.value]) if flag.value else "..."
    return text.replace(COMMAND, usage.command).replace(VALUE, value)


def same_name(name: str, flags: Collection[str]) -> list[str]:
    """The flags whose last part is this name: --objective.loss for `loss`. None if many are."""
    found = sorted(flag for flag in flags if name in (last_part(flag), flag.lstrip("-")))
    return found if len(found) <= MOST_NAMES else []


def nearest(name: str, flags: Collection[str]) -> str | None:
    """The one flag that is called nearly so, by its whole name or by its last part.

    First the only one that begins with the words that were typed: --keep-duplicates for `keep`.
    """
    begun = [flag for flag in flags if flag.lstrip("-").startswith(f"{name}-")]
    if len(begun) == 1:
        return begun[0]
    by_name = {last_part(flag): flag for flag in sorted(flags)}
    by_name |= {flag.lstrip("-"): flag for flag in flags}
    near = difflib.get_close_matches(name, by_name, n=1, cutoff=NEAR)
    return by_name[near[0]] if near else None


def last_part(flag: str) -> str:
    """`loss` for --objective.loss."""
    return flag.lstrip("-").rpartition(".")[2]


def with_shared_for_flags(text: str) -> str:
    """The text with `--shared data.size=64` in place of --size 64, for every field of a recipe."""
    kinds = field_types(CATALOG["dcgan"]())
    fields = {flag_of(field): field for field in kinds}

    def shared(match: re.Match[str]) -> str:
        field = fields.get(match[1])
        if field is None:
            return match[0]
        value = "true" if kinds[field] is bool else match[2] or "..."
        return f"--shared {field}={value}"

    return _FLAG_WITH_VALUE.sub(shared, text)


# ---- epochs and steps, which ganvas counts in images


def count_hint(flag: GivenFlag, usage: Usage) -> str | None:
    """The budget in images for one in epochs, steps or thousands of images; None for another flag.

    For `train`, it is computed from the data and the recipe that were given with it.
    """
    unit = other_tools().unit_of(flag.name)
    if unit is None:
        return None
    start = f"ganvas counts images, not {unit}: "
    try:
        count = parse_count(flag.value)
    except ValueError:
        return f"{start}--images 200k is 20 epochs of 10,000 images"
    if unit == "thousands":
        return f"{start}--images {count_text(1_000 * count)}"
    train = train_as_meant(usage) if usage.command == "train" else None
    if unit == "steps":
        images = None if train is None else train.recipe.images_per_step
        example = EXAMPLE_BATCH
    else:
        images = None if train is None else images_to_train_on(train.data, train.recipe)
        example = EXAMPLE_IMAGES
    such_as = "" if images else "for example, "
    each = images or example
    what = f"{format_count(count, unit.removesuffix('s'))} of {each:,} images"
    return f"{start}{such_as}--images {count_text(count * each)} is {what}"


def train_as_meant(usage: Usage) -> Train | None:
    """The command without its wrong flags; None where the rest cannot be read either.

    Whether a wrong flag takes a value is not known: first all do, then only those before a number.
    """
    without_values: list[str] = []
    without_numbers: list[str] = []
    follows_wrong = False
    for word in usage.arguments:
        is_flag = _FLAG.match(word) is not None
        if is_flag and not GivenFlag(word.partition("=")[0], "").is_in(usage.flags):
            follows_wrong = "=" not in word
            continue
        if is_flag or not follows_wrong:
            without_values.append(word)
        if is_flag or not (follows_wrong and word[:1].isdigit()):
            without_numbers.append(word)
        follows_wrong = False
    return usage.as_train(without_values) or usage.as_train(without_numbers)


def with_flags_for_fields(text: str) -> str:
    """The text with `--generator.network.width` in place of generator.network.width."""
    return re.sub(r"\b(?:network|[a-z]+(?:[._][a-z]+)+)(?=[ ,.]|$)", lambda m: flag_of(m[0]), text)


def images_to_train_on(data: str, recipe: Recipe) -> int | None:
    """How many images of the data are not held out; None where that cannot be told quickly."""
    from ganvas.data.held_out import count_held_out
    from ganvas.data.source import Source
    from ganvas.data.sources import open_source
    from ganvas.hub_files import is_hub

    if is_hub(data):  # it would be fetched for a hint
        return None
    try:
        source = open_source(data)
    except (DataError, MissingExtra):
        return None
    if not isinstance(source, Source) or not source.items:
        return None
    return len(source.items) - count_held_out(len(source.items), recipe.data.held_out)


def count_text(images: int) -> str:
    """A count as one would type it, and exact: 200k, 1.25M, 162460."""
    short = format_short(images)
    return short if parse_count(short) == images else str(images)
