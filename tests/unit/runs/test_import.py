"""What only finds and describes runs and studies imports no torch, and no scipy."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["ganvas.diagnosis", "ganvas.studies.directory"])
def test_it_is_imported_without_large_libraries(module: str) -> None:
    """In a new interpreter: this one has imported them already."""
    program = f"import sys, {module}; print(sorted({{'torch', 'scipy'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
