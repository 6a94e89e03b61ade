"""Reports: one self-contained page about a run or a study, that works offline and prints."""

from __future__ import annotations

import contextlib
import os
import sys


def _import_matplotlib() -> None:
    """Import it although MPLBACKEND names what is not installed; a chart needs no backend.

    A notebook sets that variable for itself, and commands in its cells have it too.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend  # as matplotlib does


if "matplotlib" not in sys.modules:
    _import_matplotlib()
