"""What two folders must share bit for bit after the same work, however it was interrupted."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from ganvas.runs.history import TIMINGS

Contents = dict[str, str]
"""Path in the folder, and what is compared of the file's content."""

MEASURED = {
    *TIMINGS,
    *("cost", "attempts", "plan", "environment"),
}
"""Fields that are measured anew by each process: times, rates and memory."""
IGNORED = (".lock", "report.html", "environment.json", "results.json")
"""Locks, and files that hold times or the command that was typed."""


def contents(folder: Path) -> Contents:
    """Every file below a folder; drafts that were left behind count, except in the folder itself.

    A kill while a new run or study is made leaves a hidden draft beside it, which is documented:
    nobody holds a lock on a directory that does not exist yet, so nobody may remove its draft.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        beside = name.parts[0].startswith(".") and name.parts[0].endswith(".tmp")
        if path.is_file() and not path.name.endswith(IGNORED) and not beside:
            found[str(name)] = essence(path)
    return found


def essence(path: Path) -> str:
    """The content of a file without what is measured anew each time."""
    if path.suffix == ".jsonl":
        lines = path.read_text().splitlines()
        records = [json.dumps(without_measured(json.loads(line))) for line in lines if whole(line)]
        # A command that was killed after its last write appends the same scores once more.
        return "\n".join(dict.fromkeys(records) if path.name == "scores.jsonl" else records)
    if path.suffix == ".json":
        return json.dumps(without_measured(json.loads(path.read_text())))
    if path.name.startswith("index-"):  # the cache's; it holds time stamps too
        with np.load(io.BytesIO(path.read_bytes())) as index:
            return digest(index["names"].tobytes() + index["digests"].tobytes())
    return digest(path.read_bytes())


def whole(line: str) -> bool:
    """Whether a line is one that ganvas reads, and not one that a kill has cut."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def without_measured(value: Any) -> Any:
    """A JSON value without fields of `MEASURED`, at any depth."""
    if isinstance(value, dict):
        return {key: without_measured(v) for key, v in value.items() if key not in MEASURED}
    return [without_measured(inner) for inner in value] if isinstance(value, list) else value


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def differences(expected: Contents, actual: Contents) -> list[str]:
    """One line for each file that is missing, too many, or different."""
    lines = [f"missing: {name}" for name in expected.keys() - actual.keys()]
    lines += [f"left over: {name}" for name in actual.keys() - expected.keys()]
    shared = expected.keys() & actual.keys()
    lines += [f"different: {name}" for name in shared if expected[name] != actual[name]]
    return sorted(lines)
