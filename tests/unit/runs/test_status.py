"""status.json is read as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganvas.errors import RunError
from ganvas.runs.status import SavedStatus, read_status


@pytest.mark.parametrize(
    ("status", "table"),
    [
        (SavedStatus("running"), {"status": "running", "images_seen": 0}),
        (
            SavedStatus("diverged", 640, "the loss is not finite"),
            {"status": "diverged", "images_seen": 640, "reason": "the loss is not finite"},
        ),
    ],
)
def test_status_is_read_back(tmp_path: Path, status: SavedStatus, table: object) -> None:
    path = tmp_path / "status.json"
    status.write(path)
    assert json.loads(path.read_text()) == table
    assert read_status(path) == status


def test_what_is_missing_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("{}")
    assert read_status(tmp_path / "status.json") == SavedStatus("unknown", 0)


def test_another_status_is_refused(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"status": "splendid"}')
    with pytest.raises(RunError, match=r"status.json is damaged: status"):
        read_status(tmp_path / "status.json")
