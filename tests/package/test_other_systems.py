"""Nothing is called that Windows or macOS lack, unless the code asks first where it runs.

mypy knows what the standard library has on which system, and reads only what is reached there. No
other system was at hand: this is what reading can find.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

from .conftest import ROOT

SYSTEMS = ("win32", "darwin")
MISSING = re.compile(r'^(\S+\.py:\d+): error: Module (?:"\w+" )?has no attribute "(\w+)"', re.M)

UNGUARDED = """
import os, signal, sys
from signal import SIGHUP

def wait(path: str) -> None:
    os.sched_getaffinity(0)
    if sys.platform != "win32":
        os.fork()
    os.kill(os.fork(), signal.SIGHUP)

def lock(file: int) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX)
"""

GUARDED = """
import os, signal, sys

def cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return 1

def peak() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    os.fork()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


def missing(source: Path, system: str, cache: Path) -> list[str]:
    """The names that a system lacks where it would use them, after their file and line."""
    options = ["--config-file=", "--follow-imports=skip", "--ignore-missing-imports"]
    said, problem, _ = api.run(
        [*options, f"--platform={system}", f"--cache-dir={cache}", str(source)]
    )
    assert problem == ""
    return [" ".join(match) for match in MISSING.findall(said)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_package_uses_no_name_that_a_system_lacks(system: str, tmp_path: Path) -> None:
    assert missing(ROOT / "src", system, tmp_path) == []


@pytest.mark.parametrize(
    ("system", "names"),
    [
        ("win32", ["SIGHUP", "sched_getaffinity", "fork", "SIGHUP", "flock", "LOCK_EX"]),
        ("darwin", ["sched_getaffinity"]),
    ],
)
def test_names_without_a_fall_back_are_found(tmp_path: Path, system: str, names: list[str]) -> None:
    (tmp_path / "unguarded.py").write_text(UNGUARDED)
    (tmp_path / "guarded.py").write_text(GUARDED)
    found = missing(tmp_path / "unguarded.py", system, tmp_path)
    assert [line.split()[-1] for line in found] == names
    assert missing(tmp_path / "guarded.py", system, tmp_path) == []


FILES_OF_A_SYSTEM = {
    "devices.py": [  # suppressed; on Linux alone; asked for first
        "/proc/self/clear_refs",
        "/proc/meminfo",
        "/proc/self/status",
    ],
    "precision.py": ["/proc/cpuinfo"],  # asked for first
    "storage.py": ["/dev/fd/"],  # for names that are no UTF-8, which Windows does not have
}
"""Files that only some systems have, and what happens where they are missing."""


def test_files_that_only_some_systems_have_are_all_known() -> None:
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for name in re.findall(
            r'"(/(?:proc|dev|sys|etc|tmp|usr|var)/[^"{]*)', path.read_text("utf-8")
        ):
            found.setdefault(path.name, []).append(name)
    assert found == FILES_OF_A_SYSTEM
