"""A study directory without outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.studies.directory import StudyDirectory

from .written_studies import a_plan, a_study


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    study = a_study()
    data = {"fingerprint": "0" * 32, "location": "fashion"}
    return StudyDirectory.create(tmp_path / "study", study, a_plan(study), data, {"threads": 1})
