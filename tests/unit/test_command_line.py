"""Printed commands come back from the shell as the words that they were made of."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ganvas.command_line import ganvas_command, quote

AWKWARD = [
    "with blanks",
    "it's",
    'say "cheese"',
    "$HOME",
    "`date`",
    "two\nlines",
    "~",
    "*",
    "a;b",
    "back\\slash",
    "!!",
    "#1",
    "",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_every_name_comes_back_from_shlex_as_it_was(name: str) -> None:
    line = ganvas_command("resume", "runs/" + name, "--images", "400k")
    assert shlex.split(line) == ["ganvas", "resume", "runs/" + name, "--images", "400k"]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_a_real_shell_passes_every_name_on() -> None:
    line = quote(["printf", r"%s\0", *AWKWARD], windows=False)
    printed = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    assert printed.split("\0")[:-1] == AWKWARD


def test_plain_words_are_not_quoted() -> None:
    line = ganvas_command("sample", Path("runs/dcgan-1"), "--checkpoint", "best")
    assert line == "ganvas sample runs/dcgan-1 --checkpoint best"


def test_a_path_with_a_dash_in_front_is_no_flag() -> None:
    assert ganvas_command("resume", Path("-x")) == "ganvas resume ./-x"
    assert ganvas_command("resume", Path("runs/-x")) == "ganvas resume runs/-x"


def test_windows_has_its_own_quotes() -> None:
    words = ["ganvas", "resume", r"C:\my runs\it's 1"]
    assert quote(words, windows=True) == r'''ganvas resume "C:\my runs\it's 1"'''
