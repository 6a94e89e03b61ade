"""Printed commands come back from the shell as the words that they were made of."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ganvas
from ganvas.cli.commands import COMMANDS
from ganvas.command_line import ganvas_command, quote
from ganvas.terminal import printable

AWKWARD = [
    "with blanks",
    "it's",
    'say "cheese"',
    "$HOME",
    "`date`",
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


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    "name",
    [
        "two\nlines",
        "\x1b[31mred",
        "bad\udcff",
        "turned\u202eround",
        "\t'\\it's\x017",
        "\u2028$HOME",
    ],
)
def test_what_no_message_prints_is_pasted_all_the_same(name: str) -> None:
    line = ganvas_command("resume", name)
    assert printable(line, keep="") == line
    shown = ["bash", "-c", line.replace("ganvas resume", r"printf '%s\0'")]
    printed = subprocess.run(shown, capture_output=True, check=True).stdout
    assert printed == name.encode(errors="surrogateescape") + b"\0"


def test_plain_words_are_not_quoted() -> None:
    line = ganvas_command("sample", Path("runs/dcgan-1"), "--checkpoint", "best")
    assert line == "ganvas sample runs/dcgan-1 --checkpoint best"


def test_a_path_with_a_dash_in_front_is_no_flag() -> None:
    assert ganvas_command("resume", Path("-x")) == "ganvas resume ./-x"
    assert ganvas_command("resume", Path("runs/-x")) == "ganvas resume runs/-x"


def test_windows_has_its_own_quotes() -> None:
    words = ["ganvas", "resume", r"C:\my runs\it's 1"]
    assert quote(words, windows=True) == r'''ganvas resume "C:\my runs\it's 1"'''


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("a&b", '"a&b"'), ("it's", '"it\'s"'), ("C:\\(1)\\", r'"C:\(1)\\"'), ("50%", '"50%"')],
)
def test_signs_of_the_shells_of_windows_are_quoted(word: str, quoted: str) -> None:
    assert quote([word], windows=True) == quoted


SOURCE = Path(ganvas.__file__).parent
PASTED = re.compile(rf"ganvas (?:{'|'.join(COMMANDS)}|\0)(?: --?\S+)*(?: [\w-]+)? \0")
"""`ganvas train dcgan VALUE`: the command, flags, perhaps a recipe, and an inserted value."""


def texts(path: Path) -> list[str]:
    """The texts of a file of ours, with a NUL for each value that is inserted."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        return [re.sub(r"{{.*?}}", "\0", content)]
    return [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.JoinedStr)
    ]


def test_no_message_puts_a_value_into_a_command_without_quoting_it() -> None:
    files = sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html")])
    found = [(path.name, text) for path in files for text in texts(path) if PASTED.search(text)]
    assert not found, "ganvas_command quotes"


@pytest.mark.parametrize(
    "message",
    [
        'f"go on with: ganvas resume {run}"',
        'f"ganvas {verb} {run}"',
        'f"try: ganvas train dcgan {data} --size 32"',
        'f"in two parts: ganvas "\nf"report {run}"',
        'f"ganvas resume --images {images}"',
    ],
)
def test_the_search_finds_commands_put_together_by_hand(tmp_path: Path, message: str) -> None:
    (tmp_path / "a.py").write_text(f"print({message})")
    assert any(map(PASTED.search, texts(tmp_path / "a.py")))
