"""What the pages of runs and of studies share: data, environment, and how the page was made.

A page is made to be sent, so it holds names of files and folders, and no paths (`local_paths`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import ganvas
from ganvas.command_line import ganvas_command
from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.data.stacking import STACKED
from ganvas.reports.local_paths import (
    LocalPaths,
    folder_name,
    run_name,
    shorten_command,
    shorten_location,
)

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
    name, location = folder_name(directory), shorten_location(data["location"])
    short = {key: value for key, value in data.items() if key not in LISTS}
    started: dict[str, Any] = {"command": shorten_command(environment["command"])}
    paths: list[str | Path] = [directory, *paths_in(data["location"])]
    if (origin := environment.get("started_from")) is not None:
        paths.append(origin["run"])
        started["started_from"] = {**origin, "run": run_name(origin["run"])}
    return {
        "local_paths": LocalPaths.of(paths),
        "name": str(name),
        "images": location if location != data["location"] else "",
        "report_command": ganvas_command("report", name),
        "fewest_held_out": FEWEST_HELD_OUT,
        "points": data["extent"] is not None,
        "environment": table_rows({**environment, **started}),
        "data": table_rows({**short, "location": location})
        + [(key, f"{len(data[key])}") for key in LISTS],
        "unusable": [(file["file"], file["reason"]) for file in data["unusable"][:MOST_LISTED]],
        "more_unusable": max(0, len(data["unusable"]) - MOST_LISTED),
        "made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "version": ganvas.__version__,
    }


def paths_in(location: str) -> list[str]:
    """The path in a location of data, if it has one: that of `stacked:/home/me/photos` too."""
    path = location.removeprefix(STACKED)
    return [path] if Path(path).is_absolute() else []


def table_rows(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The entries of a nested table as rows of text, names with dots."""
    rows = []
    for name, value in table.items():
        if isinstance(value, dict):
            rows += table_rows(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((f"{prefix}{name}", text))
    return rows
