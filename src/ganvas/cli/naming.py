"""What was typed is called what `--help` calls it: errors name flags where files name fields."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from ganvas.errors import RecipeError
from ganvas.recipes.recipe import flag_of

_NAME = re.compile(r"(?<![\w.'=-])[a-z]\w*[._]\w[\w.]*\b(?![\w'=-])")
"""A word within a sentence that can only be a field: `batch` alone may be a mere word."""


@contextmanager
def naming_flags(fields: Collection[str]) -> Iterator[None]:
    """Let problems of recipes and studies name flags.

    Args:
        fields: those that have a flag in the command in use, with dots.

    Raises:
        RecipeError: of the same kind, in place of what was raised inside.
    """
    try:
        yield
    except RecipeError as error:
        problems = [with_flags(problem, fields) for problem in error.problems]
        raise type(error)(problems, error.where) from error


def with_flags(problem: str, fields: Collection[str]) -> str:
    """The problem with flags for the fields that it is about, and that it mentions."""
    about, colon, text = problem.partition(":")
    names = about.split(" or ")
    if all(name in fields for name in names):
        about = " or ".join(map(flag_of, names))

    def flag_or_word(match: re.Match[str]) -> str:
        name = match[0]
        return flag_of(name) if name in fields else name

    return f"{about}{colon}{_NAME.sub(flag_or_word, text)}"
