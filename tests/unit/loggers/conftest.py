"""What the tests of loggers share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.loggers.names import LoggerKind
from ganvas.runs import Run

from ...builders.loggers import Recorder, empty_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return empty_run(tmp_path)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for every logger, and keeps what it is given."""
    Recorder.forget()
    monkeypatch.setattr(LoggerKind, "load", lambda kind: Recorder)
