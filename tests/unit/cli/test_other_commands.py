"""Commands of other tools: what to type instead, and never a wrong guess."""

from __future__ import annotations

from collections import Counter

import pytest

from ganvas.cli.commands import COMMANDS
from ganvas.cli.other_commands import COMMANDS_OF_OTHER_TOOLS, unknown_command


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("generate", "Use ganvas sample."),
        ("FID", "Use ganvas evaluate."),
        ("calc_metrics", "Use ganvas evaluate."),
        ("version", "Use ganvas --version."),
        ("evalute", "Did you mean evaluate?"),
        ("smaple", "Did you mean sample?"),
        ("xyzzy", "All: check, "),
        ("colour", "All: check, "),
    ],
)
def test_an_unknown_command_names_the_one_that_was_meant(typed: str, hint: str) -> None:
    assert f"{typed!r} is no command. {hint}" in str(unknown_command(typed, COMMANDS))


def test_the_table_names_each_word_once_and_only_commands_that_exist() -> None:
    words = Counter(word for names in COMMANDS_OF_OTHER_TOOLS for word in names.split())
    assert [word for word, count in words.items() if count > 1 or word in COMMANDS] == []
    assert set(COMMANDS_OF_OTHER_TOOLS.values()) <= {*COMMANDS, "--version", "--help"}
