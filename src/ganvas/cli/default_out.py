"""Where a command writes by default."""

from __future__ import annotations

from pathlib import Path

from ganvas.hub_files import address_of, is_hub


def default_out(source: Path, name: str) -> Path:
    """A file in the directory of a run; or beside a generator that is one file, after its name; or
    here, after the name of a model of the hub."""
    if is_hub(source):
        return Path(f"{address_of(source).name}-{name}")
    return source.with_name(f"{source.stem}-{name}") if source.is_file() else source / name
