"""Runs and studies are found as they appear, and forgotten when they vanish."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ganvas.web.watch import folder as folder_module
from ganvas.web.watch.curves import plots
from ganvas.web.watch.folder import Folder, search
from ganvas.web.watch.stream import ListView, RunsView, StudyView

from ....builders.watched import made_run, records


@pytest.fixture(autouse=True)
def always_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "SEARCH_SECONDS", 0.0)
    monkeypatch.setattr(folder_module, "SEARCH_PART", 1e9)


def names(folder: Folder) -> list[str]:
    return sorted(run.name for run in folder.runs.values())


def test_runs_at_any_depth_are_found_and_drafts_are_not(tmp_path: Path) -> None:
    made_run(tmp_path / "a")
    made_run(tmp_path / "deep" / "down" / "b")
    made_run(tmp_path / ".c.0123456789ab.tmp")  # being made
    made_run(tmp_path / "a" / "inside")
    found = search(tmp_path)
    assert sorted(found.runs) == [tmp_path / "a", tmp_path / "deep" / "down" / "b"]


def test_a_folder_that_is_a_run_shows_it(tmp_path: Path) -> None:
    made_run(tmp_path / "a", records(100))
    folder = Folder(tmp_path / "a")
    folder.poll()
    assert names(folder) == ["a"]


def test_links_to_folders_are_counted_and_not_followed(tmp_path: Path) -> None:
    made_run(tmp_path / "elsewhere" / "a")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    folder = Folder(tmp_path / "runs")
    folder.poll()
    assert (folder.runs, folder.links) == ({}, 2)


def test_a_page_hears_of_runs_that_appear_move_and_vanish(tmp_path: Path) -> None:
    folder, view = Folder(tmp_path), ListView()
    folder.poll()
    assert view.update(folder)["runs"] == []
    made_run(tmp_path / "a", records(100))
    folder.poll()
    (row,) = view.update(folder)["runs"]
    assert row["name"] == "a"
    folder.poll()
    assert view.update(folder) == {}  # nothing is said twice
    (tmp_path / "a").rename(tmp_path / "b")
    folder.poll()
    message = view.update(folder)
    assert [row["name"] for row in message["runs"]] == ["b"]
    assert message["gone"] == [row["id"]]
    shutil.rmtree(tmp_path / "b")
    folder.poll()
    assert len(view.update(folder)["gone"]) == 1
    assert names(folder) == []


def test_a_folder_that_does_not_exist_yet_is_waited_for(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.poll()
    assert names(folder) == []
    made_run(tmp_path / "runs" / "a")
    folder.poll()
    assert names(folder) == ["runs/a".removeprefix("runs/")]


def test_the_page_of_a_run_is_told_only_what_was_appended(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(100, 200))
    folder = Folder(tmp_path)
    folder.poll()
    (id,) = folder.runs
    view = RunsView([id])

    def news() -> dict[str, object]:
        folder.poll()
        folder.read_histories(view.runs)
        parts: dict[str, dict[str, object]] = view.update(folder).get("parts", {})
        return parts.get(id, {})

    first = news()
    assert first["history"]["x"] == [100, 200]  # type: ignore[index]
    assert first["row"]["name"] == "a"  # type: ignore[index]
    assert news() == {}
    run.history.append(records(300)[0])
    second = news()
    assert second["history"]["begin"] == 1  # type: ignore[index]
    assert second["history"]["x"] == [200, 300]  # type: ignore[index]
    assert "plots" not in second
    run.history.truncate_after(100)
    third = news()
    assert third["history"]["begin"] == 0  # type: ignore[index]
    assert third["history"]["x"] == [100]  # type: ignore[index]
    shutil.rmtree(run.directory)
    assert news() == {"gone": True}


def test_histories_of_closed_pages_are_forgotten_but_for_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "MOST_CURVES", 2)
    for name in "abcd":
        made_run(tmp_path / name, records(100))
    folder = Folder(tmp_path)
    folder.poll()
    ids = sorted(folder.runs)
    for id in ids:
        folder.read_histories([id])
    folder.read_histories([])
    assert list(folder.curves) == ids[2:]


def test_a_run_or_study_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.poll()
    assert StudyView("0" * 12).update(folder) == {"gone": True}
    assert RunsView(["0" * 12]).update(folder) == {"parts": {"0" * 12: {"gone": True}}}


def test_every_column_has_its_place_in_one_chart() -> None:
    columns = [
        "discriminator/loss/adversarial",
        "discriminator/loss/gradient_penalty",
        "generator/loss/adversarial",
        "probe/ranking/train",
        "probe/logits/real",
        "probe/logits/fake",
        "images_per_second",
    ]
    charts = plots(columns)
    assert [column for chart in charts for column, _ in chart["lines"]] == columns
    by_title = {chart["title"]: chart for chart in charts}
    assert len(by_title["The discriminator's loss"]["lines"]) == 2
    assert by_title["probe/logits"]["other"]
    assert not by_title["Can the discriminator tell real from generated?"]["other"]


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX systems only")
def test_a_run_whose_name_is_no_text_is_shown_too(tmp_path: Path) -> None:
    made_run(tmp_path / os.fsdecode(b"a\xff"), records(100))
    folder = Folder(tmp_path)
    folder.poll()
    (row,) = ListView().update(folder)["runs"]
    assert json.loads(json.dumps(row).encode())["name"] == "a\udcff"
    assert row["seen"] == 100
