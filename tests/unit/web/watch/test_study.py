"""What is said of a study while it runs: its arms, how far their runs are, scores so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganvas import locks
from ganvas.recipes import CATALOG
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Ending, Outcome
from ganvas.studies.plan import Plan, ThroughputEstimate
from ganvas.studies.study import Arm, Study
from ganvas.web.watch import folder as folder_module
from ganvas.web.watch.folder import Folder
from ganvas.web.watch.stream import StudyView

from ....builders import run_files
from ....builders.watched import made_run, records


@pytest.fixture
def study(tmp_path: Path) -> StudyDirectory:
    """A study of two arms and two seeds that has not begun."""
    base = CATALOG["dcgan"]()
    arms = (Arm(name="mlp", recipe=CATALOG["mlp"]()),)
    described = Study(base=base, arms=arms, data="noise", seeds=2, images=1_000, metrics=("swd",))
    throughput = ThroughputEstimate(images_per_second=100.0, memory_mb=1.0, run_bytes=1)
    names = [arm.name for arm in described.all_arms]
    plan = Plan(
        images=dict.fromkeys(names, 1_000),
        throughput=dict.fromkeys(names, throughput),
        scoring=(1.0, 0.001),
        workers=1,
        threads=1,
    )
    return StudyDirectory.create(tmp_path / "study", described, plan, {}, {})


def end(study: StudyDirectory, arm: str, seed: int, score: float, ending: Ending) -> None:
    outcome = Outcome(
        arm=arm, seed=seed, ending=ending, reason="", scores={"swd": score}, floors={}
    )
    study.write_outcome(outcome)


def looked_at(study: StudyDirectory) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Its row, and its arms by name."""
    folder = Folder(study.path.parent)
    folder.poll()
    (id,) = folder.studies
    message = StudyView(id).update(folder)
    return message["study"], {arm["name"]: arm for arm in message["arms"]}


def test_a_study_that_has_not_begun_waits(study: StudyDirectory) -> None:
    row, arms = looked_at(study)
    assert (row["state"], row["total"], row["ended"], row["running"]) == ("stopped", 4, 0, 0)
    assert row["metric"] == "swd"
    assert [run["state"] for run in arms["dcgan"]["runs"]] == ["waiting", "waiting"]
    assert arms["dcgan"]["mean"] is None
    assert arms["mlp"]["against"] == "dcgan"


def test_scores_and_progress_come_run_by_run(study: StudyDirectory) -> None:
    for seed, score in ((0, 2.0), (1, 4.0)):
        end(study, "dcgan", seed, score, "finished")
    run = made_run(study.run_path("mlp", 0), records(500))
    run.scores.append(run_files.score(value=9.0))
    with locks.locked(study.path), run.lock():
        row, arms = looked_at(study)
    assert (row["state"], row["ended"], row["running"]) == ("running", 2, 1)
    assert (arms["dcgan"]["mean"], arms["dcgan"]["scored"]) == (3.0, 2)
    running, waiting = arms["mlp"]["runs"]
    assert (running["state"], running["seen"], running["score"]) == ("running", 500, 9.0)
    assert running["id"] is not None
    assert (waiting["state"], waiting["id"], waiting["budget"]) == ("waiting", None, 1_000)
    assert arms["mlp"]["mean"] is None  # a run that still trains does not count


def test_a_run_that_failed_counts_in_no_mean(study: StudyDirectory) -> None:
    end(study, "dcgan", 0, 2.0, "finished")
    end(study, "dcgan", 1, 99.0, "collapsed")
    row, arms = looked_at(study)
    assert row["failed"] == 1
    assert arms["dcgan"]["mean"] == 2.0


def test_a_study_whose_runs_have_all_ended_is_finished(study: StudyDirectory) -> None:
    for arm, seed in study.run_keys():
        end(study, arm, seed, 1.0, "finished")
    assert looked_at(study)[0]["state"] == "finished"


def test_a_damaged_outcome_is_said_beside_its_run(study: StudyDirectory) -> None:
    study.outcome_path("mlp", 1).write_text("{")
    _, arms = looked_at(study)
    assert "study/outcomes/mlp-1.json cannot be read" in arms["mlp"]["runs"][1]["reason"]


@pytest.mark.parametrize("content", ["{", '{"format": 99}'])
def test_a_study_that_cannot_be_read_is_said_in_one_line(
    study: StudyDirectory, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SEARCH_SECONDS", 0.0)
    whole = (study.path / "study.json").read_text()
    folder = Folder(study.path.parent)
    folder.poll()
    (watched,) = folder.studies.values()
    (study.path / "study.json").write_text(content)
    folder.poll()
    assert watched.row["problem"].startswith("study")
    assert "\n" not in watched.row["problem"]
    (study.path / "study.json").write_text(whole)
    folder.poll()
    assert watched.row["total"] == 4
