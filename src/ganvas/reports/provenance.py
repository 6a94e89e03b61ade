"""What the pages of runs and of studies share: data, environment, and how the page was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import ganvas
from ganvas.command_line import ganvas_command
from ganvas.data.held_out import FEWEST_HELD_OUT

MOST_LISTED = 50
"""Unusable files that are listed one by one."""

LISTS = ("labels", "unusable")
"""Entries of the data's description that are long lists."""


def shared_content(
    directory: Path, data: Mapping[str, Any], environment: Mapping[str, Any]
) -> dict[str, Any]:
    """The variables of base.html, and those of its macro `provenance`.

    Args:
        directory: the run or the study.
        data: which images were used, as data.json says it.
        environment: versions, device and command.
    """
    short = {name: value for name, value in data.items() if name not in LISTS}
    return {
        "name": directory.resolve().name,
        "report_command": ganvas_command("report", directory),
        "fewest_held_out": FEWEST_HELD_OUT,
        "points": data["extent"] is not None,
        "environment": flatten(environment),
        "data": flatten(short) + [(name, f"{len(data[name])}") for name in LISTS],
        "unusable": [(file["file"], file["reason"]) for file in data["unusable"][:MOST_LISTED]],
        "more_unusable": max(0, len(data["unusable"]) - MOST_LISTED),
        "made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": ganvas.__version__,
    }


def flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The entries of a nested table as rows of text, names with dots."""
    rows = []
    for name, value in table.items():
        if isinstance(value, dict):
            rows += flatten(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((f"{prefix}{name}", text))
    return rows
