"""Installed packages that offer networks, as `pip install` leaves them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def install(site: Path, module: str, code: str) -> None:
    """Write a package of one module, with an entry point for networks; `site` is in sys.path."""
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = site / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[ganvas.networks]\nany = {module}\n")
    sys.modules.pop(module, None)
    importlib.invalidate_caches()
