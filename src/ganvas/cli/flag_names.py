"""Errors about flags: they name `--generator-batch`, where a file has generator_batch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from ganvas.errors import RecipeError
from ganvas.recipes.recipe import flag_of

_NAME = re.compile(r"(?<![\w.'=-])[a-z]\w*[._]\w[\w.]*\b(?![\w'=-])")
"""A word in a sentence that can only be a field. `batch` alone may be an ordinary word."""


@contextmanager
def errors_with_flag_names(fields: Collection[str]) -> Iterator[None]:
    """Replace fields by flags in errors about recipes and studies.

    Args:
        fields: dotted names of the fields that are flags of this command.

    Raises:
        RecipeError: the error raised inside, of the same type, with flags.
    """
    try:
        yield
    except RecipeError as error:
        problems = [with_flag_names(problem, fields) for problem in error.problems]
        raise type(error)(problems, error.where) from error


def with_flag_names(problem: str, fields: Collection[str]) -> str:
    """A problem with flags in place of the fields that it names."""
    about, colon, text = problem.partition(":")
    names = about.split(" or ")
    if all(name in fields for name in names):
        about = " or ".join(map(flag_of, names))

    def flag_or_word(match: re.Match[str]) -> str:
        name = match[0]
        return flag_of(name) if name in fields else name

    return f"{about}{colon}{_NAME.sub(flag_or_word, text)}"
