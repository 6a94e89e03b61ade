"""The page of a study, from outcomes that no run was trained for."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ganvas.reports.study_report import study_report
from ganvas.studies.directory import StudyDirectory

from ...end_to_end.made_studies import start
from ..studies.written_studies import a_study, an_outcome, fill


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    """A finished study by two scores."""
    return start(tmp_path / "study", a_study(), 1000)


def page_of(directory: StudyDirectory) -> str:
    return study_report(directory.path).decode()


def test_the_other_scores_share_one_table(directory: StudyDirectory) -> None:
    metrics = ["fd-lite0", "precision-lite0", "coverage-lite0"]
    directory = start(directory.path.parent / "three", a_study(metrics=metrics), 1000)
    for arm, seed in directory.run_keys():
        outcome = an_outcome(arm, seed)
        scores = {**outcome.scores, "precision-lite0": 0.7}
        directory.write_outcome(replace(outcome, scores=scores))
    page = page_of(directory)
    assert "&lt;Macro" not in page, "a macro must not take the name of a variable of base.html"
    table = page.partition("<h3>By the other scores</h3>")[2].partition("</section>")[0]
    assert table.count("<table>") == 1
    assert table.count("was named in advance") == 1
    headings = re.findall(r'<th scope="col".*?>(.*?)</th>', table)
    assert headings == ["arm", "precision-lite0", "coverage-lite0"]
    rows = re.findall(r'<th scope="row">(.*?)<', table)
    assert rows == ["dcgan", "good", "frail", "good-wide", "real images"]
    real = table[table.index("real images") :]
    assert "0.9" in real
    assert "better" not in table, "only the deciding score gives verdicts"


def test_what_needs_scores_while_training_has_no_empty_section(directory: StudyDirectory) -> None:
    said = "No run was scored while it trained"
    titles = ("Training curves", "Time to quality")
    for arm, seed in directory.run_keys():
        directory.write_outcome(an_outcome(arm, seed, score_curve=()))
    page = page_of(directory)
    assert page.count(said) == 1
    assert [title for title in titles if title in page] == []
    fill(directory)
    page = page_of(directory)
    assert said not in page
    assert [title for title in titles if f"<h2>{title}</h2>" not in page] == []
