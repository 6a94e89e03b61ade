"""The tests that mention an extra, as if no extra were installed: those that need one are skipped.

    python -m tests.without_extras           # without any; then collect them without each one alone
    python -m tests.without_extras web docs  # without these

Every file of the suite must be collected, and what the files that mention an extra do not skip must
pass. Libraries are hidden where they are installed, so that nothing is installed anew.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from .extras import LIBRARIES, ROOT, hidden_environment

SUITES = ("end_to_end", "contract", "parity", "unit")
ABSENCE = ROOT / "tests" / "end_to_end" / "test_without_extras.py"
"""What commands say where an extra is missing."""


def files_that_mention_extras() -> list[str]:
    """The test files in which something requires an extra."""
    files = sorted(file for suite in SUITES for file in (ROOT / "tests" / suite).rglob("test_*.py"))
    mentioning = [file for file in files if 'require_extra("' in file.read_text(encoding="utf-8")]
    return [str(file.relative_to(ROOT)) for file in [*mentioning, ABSENCE]]


def collect(extras: Sequence[str], *files: str) -> bool:
    """Import test files, by default all, without these extras. Whether none failed."""
    return run_pytest(extras, "--collect-only", "--disable-warnings", "-qq", *files)


def run_pytest(extras: Sequence[str], *arguments: str) -> bool:
    """Run pytest without the libraries of these extras. Whether nothing failed."""
    hidden = sorted({library for extra in extras for library in LIBRARIES[extra]})
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not gpu", *arguments]
    print(f"\n-- without {', '.join(extras)}: pytest {arguments[0]} ...", flush=True)
    listing = subprocess.PIPE if "--collect-only" in arguments else None  # read only if it fails
    done = subprocess.run(
        command, cwd=ROOT, env=hidden_environment(hidden), stdout=listing, text=True
    )
    code = pytest.ExitCode(done.returncode)
    passed = code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    if not passed and done.stdout is not None:
        print(done.stdout)
    return passed


def main(names: Sequence[str]) -> int:
    """Run all parts, also after one that failed; gives the exit code."""
    unknown = [name for name in names if name not in LIBRARIES]
    if unknown:
        print(f"no extras: {', '.join(unknown)}. All: {', '.join(LIBRARIES)}", file=sys.stderr)
        return 2
    files = files_that_mention_extras()
    passed = [
        collect(names or list(LIBRARIES)),
        run_pytest(names or list(LIBRARIES), "-n", "2", *files),
        *(collect([extra], *files) for extra in LIBRARIES if not names),
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
