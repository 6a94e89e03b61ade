"""Reports of studies: finished, unfinished, with failures; by one page's rules."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Ending
from ganvas.studies.reading import load_study, read_study
from ganvas.studies.results import read_results
from ganvas.studies.study import Study

from . import made_studies, pages
from .conftest import Ganvas
from .studies import stay_in_this_process

BUDGET = 400
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def study_of(small: Path, images: Path) -> Study:
    """Two arms beside a base, two seeds each, of which one arm changes the other."""
    arms = [
        {"name": "hinge", "objective": {"loss": "hinge"}},
        {
            "name": "wide",
            "against": "hinge",
            "generator": {"network": {"width": 8}},
            "discriminator": {"network": {"width": 8}},
        },
    ]
    return read_study(
        {
            "base": str(small),
            "data": str(images),
            "seeds": 2,
            "images": BUDGET,
            "metrics": ["swd"],
            "samples": 100,
            "evaluations": 2,
            "arms": arms,
        }
    )


@pytest.fixture
def study(
    tmp_path: Path, small: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> StudyDirectory:
    """A finished study in which one run diverged."""
    stay_in_this_process(monkeypatch)
    directory = made_studies.start(tmp_path / "study", study_of(small, images), BUDGET)
    for arm, seed in directory.run_keys():
        ending: Ending = "diverged" if (arm, seed) == ("hinge", 1) else "finished"
        made_studies.do(directory, arm, seed, ending)
    return directory


@pytest.fixture
def study_page(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program that makes pages for docs/results."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("study_page")


def report_of(ganvas: Ganvas, directory: StudyDirectory) -> tuple[list[pages.Element], str]:
    result = ganvas("report", directory.path)
    assert result.code == 0, result.err
    elements = pages.check_structure(directory.path / "report.html")
    pages.check_private(directory.path / "report.html", str(directory.path.parent))
    return elements, pages.visible_text(elements)


def cells_of(elements: list[pages.Element], arm: str) -> str:
    """The first row of a table that is about an arm."""
    rows = [element for element in pages.of(elements, "tr") if element.text.strip().startswith(arm)]
    return " ".join(rows[0].text.split())


def test_a_finished_study_shows_everything(
    study: StudyDirectory,
    study_page: ModuleType,
    ganvas: Ganvas,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elements, text = report_of(ganvas, study)
    results = read_results(study.path)
    (h1,) = pages.of(elements, "h1")
    assert h1.text == "Too few seeds to tell whether hinge is better than small"
    assert text.index(results.recommendation) < text.index("The arms")
    check_table(elements, text, study)
    check_figures(elements)
    check_page_for_the_docs(study, study_page, tmp_path, monkeypatch)
    (reason,) = (element for element in pages.of(elements, "td") if "adversarial" in element.text)
    assert reason.text == "Loss adversarial became nan."
    assert "None of the runs" not in text
    toml = next(
        element.text for element in pages.of(elements, "code") if "[[arms]]" in element.text
    )
    (tmp_path / "study.toml").write_text(toml)
    to_send = dataclasses.replace(study.study, data="images.npz")
    assert load_study(tmp_path / "study.toml") == to_send
    assert study.data["fingerprint"] in text
    rendered = pages.open_in_browser(study.path / "report.html", tmp_path)
    assert "The arms</h2>" in rendered.dom
    assert rendered.console == []
    assert rendered.requests == []


def check_table(elements: list[pages.Element], text: str, study: StudyDirectory) -> None:
    """Arms with their scores, effects and verdicts, as the statistics have them."""
    results = read_results(study.path)
    summary, against = results.summary("hinge", "swd"), results.comparison("wide", "swd")
    assert summary is not None
    assert summary.mean is not None
    assert against is not None
    row = cells_of(elements, "hinge")
    assert f"{summary.mean:.4g}" in row
    assert "of 1 run of 2" in row, "a mean of survivors says so"
    assert "1 of 2" in row
    assert 'objective.loss = "hinge"' in row
    row = cells_of(elements, "wide")
    assert "against hinge" in row
    assert against.ratio is not None
    assert f"× {against.ratio.value:.3g}" in row
    assert against.verdict in row
    assert against.why in text


def check_page_for_the_docs(
    study: StudyDirectory,
    study_page: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the study found, as a page of docs/results."""
    words = ["study_page.py", str(study.path), "--name", "losses", "--title", "Losses"]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path)])
    assert study_page.main() == 0
    page = (tmp_path / "losses.md").read_text(encoding="utf-8")
    assert page.startswith("# Losses\n")
    assert "3 arms, seeds 0 to 1, 6 runs of 400 images each" in page
    rows = [line for line in page.splitlines() if line.startswith("| `hinge` ")]
    assert "1 of 2" in rows[0]
    assert 'objective.loss = "hinge"' in rows[1]
    assert "- `hinge`, seed 1: diverged" in page
    found = json.loads((tmp_path / "losses.json").read_text(encoding="utf-8"))
    assert {arm["name"] for arm in found["arms"]} == {"small", "hinge", "wide"}
    assert (tmp_path / "losses.png").stat().st_size > 0


def check_figures(elements: list[pages.Element]) -> None:
    """Every figure says its numbers in words; pictures stand side by side."""
    labels = [
        " ".join((element.attributes["aria-label"] or "").split())
        for element in pages.of(elements, "svg")
    ]
    for start in (
        "swd: ratio to small, with 95 % intervals. hinge",
        "swd: ratio to hinge, with 95 % intervals. wide",
        "Quality against cost.",
        "swd of wide, over images seen. hinge: ",
        "swd of wide, over seconds of training.",
        "Fraction that reached it, wide, over images seen.",
        "Health of hinge. seed 0, from 0 to 400 images (finished): no symptom. seed 1",
    ):
        assert any(label.startswith(start) for label in labels), start
    alts = [element.attributes["alt"] for element in pages.of(elements, "img")]
    assert alts[:3] == [f"{arm} at 400 images" for arm in ("small", "hinge", "wide")]


def test_an_unfinished_study_says_what_is_missing_and_how_to_go_on(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    directory = made_studies.start(tmp_path / "study", study_of(small, images), BUDGET)
    elements, text = report_of(ganvas, directory)
    (h1,) = pages.of(elements, "h1")
    assert h1.text == "No result yet: 0 of 6 runs have ended"
    for missing in (
        "This study is not finished.",
        "small: seeds 0 and 1",
        "6 runs are missing, about",
        "Fewer than two arms have both a score and a cost yet.",
        "No run was scored while it trained",
        "No run has started yet.",
        "No arm has a run with a score yet.",
    ):
        assert missing in text
    assert f"ganvas compare {directory.path.name}" in text
    made_studies.do(directory, "small", 0)
    made_studies.do(directory, "hinge", 0)
    elements, text = report_of(ganvas, directory)
    (h1,) = pages.of(elements, "h1")
    assert h1.text == "Too few seeds to tell whether hinge is better than small, so far"
    assert "small: seed 1" in text
    assert "wide: seeds 0 and 1" in text
    assert "no verdict yet" in cells_of(elements, "wide")
    assert len(pages.of(elements, "img")) == 2 + 2 * 12, "two arms' samples, twelve looked up"


def test_a_study_that_is_damaged_is_refused(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    directory = made_studies.start(tmp_path / "study", study_of(small, images), BUDGET)
    (directory.path / "study.json").write_text("{")
    result = ganvas("report", directory.path)
    assert result.code == 2
    assert "study.json cannot be read" in result.err
    assert "Traceback" not in result.err


def test_no_page_is_made_of_a_study_that_is_not_done(
    tmp_path: Path,
    small: Path,
    images: Path,
    study_page: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun = made_studies.start(tmp_path / "begun", study_of(small, images), BUDGET)
    words = ["study_page.py", str(begun.path), "--name", "none", "--title", "None"]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "out")])
    assert study_page.main() == 1
    assert "6 runs are missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
