"""The program before its command begins."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

INTERRUPTING = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.{handler})

class Interrupting:
    def find_spec(self, name, *others):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["--version"]
runpy.run_module("ganvas", run_name="__main__")
"""
"""The program, with Ctrl-C while it imports a module."""


def run_interrupted(module: str, handler: str) -> subprocess.CompletedProcess[str]:
    """Of a new interpreter: the others have imported everything."""
    program = INTERRUPTING.format(module=module, handler=handler)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize("module", ["ganvas.cli", "numpy", "tyro"])
def test_ctrl_c_while_modules_are_imported_ends_with_one_line(module: str) -> None:
    result = run_interrupted(module, handler="default_int_handler")
    assert result.returncode == 130
    assert result.stderr == "ganvas: interrupted before the command began\n"


def test_a_program_in_the_background_of_a_shell_ignores_ctrl_c() -> None:
    result = run_interrupted("ganvas.cli", handler="SIG_IGN")
    assert (result.returncode, result.stdout[:6], result.stderr) == (0, "ganvas", "")


def test_nothing_but_errors_is_imported_before_ctrl_c_is_heard() -> None:
    program = "import sys, ganvas.__main__; print(*sorted(n for n in sys.modules if 'ganvas' in n))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.split() == ["ganvas", "ganvas.__main__", "ganvas.errors", "ganvas.version"]


def test_the_installed_program_is_the_one_that_hears_ctrl_c() -> None:
    path = Path(__file__).parents[2] / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"ganvas": "ganvas.__main__:program"}
