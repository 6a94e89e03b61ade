"""The JSON tables of a run directory, as `Run.create` is given them."""

from __future__ import annotations

from typing import Any


def environment(**changes: Any) -> dict[str, Any]:
    """What environment.json says of a run on a CPU, with other fields where given."""
    table = {
        "ganvas": "0.2.0",
        "device": "cpu",
        "device_name": "a processor",
        "threads": 1,
        "command": ["ganvas", "train"],
        "seed": 0,
        "deterministic": False,
    }
    return {**table, **changes}


def data(**changes: Any) -> dict[str, Any]:
    """What data.json says of 100 grey images of 16x16, with other fields where given."""
    table = {
        "name": "noise",
        "location": "nowhere",
        "fingerprint": "0" * 32,
        "images": 100,
        "held_out": 10,
        "shape": {"channels": 1, "height": 16, "width": 16},
        "extent": None,
        "labels": [],
        "duplicates_left_out": 0,
        "unusable": [],
    }
    return {**table, **changes}


def score(**changes: Any) -> dict[str, Any]:
    """A line of scores.jsonl, with other fields where given."""
    record = {
        "images_seen": 64,
        "while_training": True,
        "metric": "swd",
        "value": 2.0,
        "interval": [1.0, 3.0],
        "floor": 1.0,
        "protocol": {},
        "warnings": [],
    }
    return {**record, **changes}
