"""Study directories: what reads back, what is refused, more seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganvas.errors import RunError, StudyError
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Outcome
from ganvas.studies.results import read_results

from .written_studies import a_failure, an_outcome


def test_outcomes_read_back(directory: StudyDirectory) -> None:
    for outcome in (an_outcome("good", 0), a_failure("frail", 1)):
        directory.write_outcome(outcome)
        assert directory.outcome(outcome.arm, outcome.seed) == outcome


def test_more_seeds_are_added(directory: StudyDirectory) -> None:
    assert directory.with_seeds(3).study.seeds == 5, "never fewer"
    assert directory.with_seeds(7).study.seeds == 7
    assert StudyDirectory.open(directory.path).study.seeds == 7
    assert StudyDirectory.open(directory.path).plan == directory.plan


def test_directories_that_are_not_a_study_are_refused(
    tmp_path: Path, directory: StudyDirectory
) -> None:
    with pytest.raises(RunError, match="no such directory"):
        StudyDirectory.open(tmp_path / "none")
    (tmp_path / "other").mkdir()
    with pytest.raises(RunError, match=r"it holds no study\.json"):
        read_results(tmp_path / "other")
    (tmp_path / "other" / "study.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99"):
        StudyDirectory.open(tmp_path / "other")
    (tmp_path / "other" / "study.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        StudyDirectory.open(tmp_path / "other")
    with pytest.raises(RunError, match="is not empty"):
        StudyDirectory.create(
            tmp_path / "other", directory.study, directory.plan, directory.data, {}
        )
    damaged = json.loads((directory.path / "study.json").read_text())
    damaged["study"]["seeds"] = 0
    (directory.path / "study.json").write_text(json.dumps(damaged))
    with pytest.raises(StudyError, match="seeds"):
        _ = StudyDirectory.open(directory.path).study


@pytest.mark.parametrize("number", ["NaN", "1e400"])
def test_an_outcome_with_a_number_that_is_not_finite_is_damaged(
    directory: StudyDirectory, number: str
) -> None:
    arm, seed = directory.run_keys()[0]
    directory.write_outcome(
        Outcome(arm=arm, seed=seed, ending="finished", scores={}, floors={"swd": 0.125})
    )
    path = directory.outcome_path(arm, seed)
    path.write_text(path.read_text().replace("0.125", number))
    with pytest.raises(RunError, match=r"is damaged: a number is (nan|inf)\. Delete it"):
        directory.outcome(arm, seed)
