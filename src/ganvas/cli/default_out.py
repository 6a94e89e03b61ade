"""Where a command writes by default."""

from __future__ import annotations

from pathlib import Path


def default_out(source: Path, name: str) -> Path:
    """A file in the directory of a run; or beside a generator that is one file, after its name."""
    return source.with_name(f"{source.stem}-{name}") if source.is_file() else source / name
