"""What the list says of a run, in whatever state its files are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ganvas.diagnosis import diagnose
from ganvas.recipes import CATALOG
from ganvas.runs import Run
from ganvas.training.monitor import open_findings
from ganvas.web.watch import run as run_module
from ganvas.web.watch.inside import Inside
from ganvas.web.watch.run import WatchedRun

from ....builders import run_files
from ....builders.histories import HEALTHY, RECORDS, written
from ....builders.symptoms import SICK
from ....builders.watched import made_run, records


def watched(run: Run) -> WatchedRun:
    return WatchedRun(Inside.of(run.directory.parent), run.directory)


def row(run: Run) -> dict[str, Any]:
    """What a first look shows."""
    first = watched(run)
    first.poll(1)
    return first.row


def test_a_run_that_trains_is_shown_with_its_rate_and_the_time_left(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(1_000, 2_000))
    with run.lock():
        shown = row(run)
    budget = run.read_recipe().images
    assert shown["state"] == "running"
    assert (shown["name"], shown["recipe"], shown["data"]) == ("a", "dcgan", "noise")
    assert (shown["seen"], shown["budget"]) == (2_000, budget)
    assert shown["rate"] == 100.0
    assert shown["left"] == (budget - 2_000) / 100.0


def test_a_run_that_was_killed_stopped_without_saving(tmp_path: Path) -> None:
    shown = row(made_run(tmp_path / "a", records(1_000)))
    assert shown["state"] == "stopped without saving"
    assert shown["left"] is None


def test_a_run_that_grows_although_nobody_here_writes_it_runs_elsewhere(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(1_000))
    looked_at = watched(run)
    looked_at.poll(1)
    run.history.append(records(2_000)[0])  # as a copy from another machine
    looked_at.poll(2)
    assert looked_at.row["state"] == "running elsewhere"
    assert looked_at.row["left"] is not None


def test_a_run_that_was_killed_after_its_last_record_does_not_run_elsewhere(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(1_000))
    looked_at = watched(run)
    with run.lock():
        looked_at.poll(1)
        run.history.append(records(2_000)[0])
    looked_at.poll(2)
    assert looked_at.row["state"] == "stopped without saving"


def test_a_run_that_diverged_is_failing_and_says_why(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(1_000))
    run.write_status("diverged", 1_500, "the loss is not finite")
    shown = row(run)
    assert (shown["state"], shown["health"], shown["seen"]) == ("diverged", "failing", 1_500)
    assert shown["reason"] == "the loss is not finite"


@pytest.mark.parametrize("count", [2, 6, RECORDS])
@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_without_findings_health_is_what_diagnose_says(
    tmp_path: Path, name: str, count: int
) -> None:
    """Although only the newest few records with probes are read for it."""
    recipe = CATALOG[name]()
    run = made_run(tmp_path / "a", written(recipe, HEALTHY[name], count), recipe)
    assert row(run)["health"] == diagnose(run).verdict


@pytest.mark.parametrize("name", [name for name, case in SICK.items() if not case.stopped])
def test_findings_are_those_that_diagnose_finds(tmp_path: Path, name: str) -> None:
    """Each with the worst verdict since its onset, as the run has recorded it."""
    case = SICK[name]
    run = made_run(tmp_path / "a", case.evidence.records, case.evidence.recipe, case.scores)
    looked_at = watched(run)
    looked_at.poll(1)
    found = {finding["symptom"]: finding["verdict"] for finding in looked_at.details()["findings"]}
    assert found.keys() == {finding.symptom for finding in diagnose(run).findings}
    assert found == open_findings(run.findings.records())
    assert looked_at.row["health"] == ("failing" if "failing" in found.values() else "watch")


def test_a_finding_comes_with_its_numbers_and_advice_and_goes_when_it_is_over(
    tmp_path: Path,
) -> None:
    case = SICK["clip 1e-4"]
    run = made_run(tmp_path / "a", case.evidence.records, case.evidence.recipe)
    looked_at = watched(run)
    looked_at.poll(1)
    (finding,) = [f for f in looked_at.details()["findings"] if f["symptom"] == "clip-too-small"]
    assert finding["numbers"][0]["name"] == "probe/clip/share"
    assert finding["advice"][0]["flag"].startswith("--objective.clip-weights")
    for symptom in {event["symptom"] for event in run.findings.records()}:
        run.findings.append({"event": "end", "images_seen": 10**6, "symptom": symptom})
    looked_at.poll(2)
    assert looked_at.details()["findings"] == []
    assert looked_at.details()["events"][0]["event"] == "end"
    assert looked_at.changed == 2


def test_the_score_is_the_first_of_the_newest(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(64))
    for seen, metric, value in ((64, "swd", 3.0), (128, "swd", 2.0), (128, "other", 9.0)):
        run.scores.append(run_files.score(images_seen=seen, metric=metric, value=value))
    assert row(run)["score"] == {"metric": "swd", "value": 2.0, "images_seen": 128, "floor": 1.0}


def test_a_row_that_stays_as_it_is_has_not_changed(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(1_000))
    looked_at = watched(run)
    for poll in (1, 2, 3):
        looked_at.poll(poll)
    assert looked_at.changed == 1
    run.write_status("finished", 2_000)
    looked_at.poll(4)
    assert looked_at.changed == 4


# ---- damage: one line, and nothing ends


def damage_recipe(run: Run) -> None:
    (run.directory / "recipe.json").write_text('{"images": ')


def remove_data(run: Run) -> None:
    (run.directory / "data.json").unlink()


def newer_format(run: Run) -> None:
    path = run.directory / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


def newer_status(run: Run) -> None:
    (run.directory / "status.json").write_text('{"status": "sleeping", "images_seen": 1}')


def newer_recipe(run: Run) -> None:
    path = run.directory / "recipe.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "telepathy": True}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_recipe, "recipe.json"),
        (remove_data, "a/data.json cannot be read: No such file or directory"),
        (newer_format, "a has format 99, this ganvas reads format 3"),
        (newer_status, "a/status.json is damaged: status"),
        (newer_recipe, "telepathy"),
    ],
)
def test_a_damaged_run_is_said_in_one_line_until_it_is_whole(
    tmp_path: Path, damage: Any, said: str
) -> None:
    run = made_run(tmp_path / "a", records(1_000))
    looked_at = watched(run)
    whole = {path: path.read_bytes() for path in run.directory.glob("*.json")}
    damage(run)
    looked_at.poll(1)
    problem = looked_at.row["problem"]
    assert said in problem
    assert "\n" not in problem
    assert str(tmp_path) not in problem
    assert len(problem) <= run_module.LONGEST_PROBLEM + 4
    for path, content in whole.items():
        path.write_bytes(content)
    looked_at.poll(2)
    assert looked_at.row["seen"] == 1_000


def test_a_cut_history_and_findings_of_a_newer_version_do_not_hide_the_rest(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a", records(1_000))
    with (run.directory / "history.jsonl").open("a") as file:
        file.write('{"images_seen": 2000, "disc')
    newer = {"event": "prophecy", "images_seen": 5}
    (run.directory / "findings.jsonl").write_text(json.dumps(newer) + "\n")
    shown = row(run)
    assert (shown["seen"], shown["symptom"]) == (1_000, "")


def test_numbers_that_are_not_finite_do_not_end_the_page_of_all_runs(tmp_path: Path) -> None:
    """JSON has none, so one such number would end the stream that all rows come in."""
    case = SICK["clip 1e-4"]
    run = made_run(tmp_path / "a", case.evidence.records, case.evidence.recipe)
    run.scores.append(run_files.score(images_seen=64, metric="swd", floor=math.nan))
    path = run.directory / "findings.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        for number in event.get("numbers", ()):
            number["value"] = math.inf
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    looked_at = watched(run)
    looked_at.poll(1)
    json.dumps([looked_at.row, looked_at.details()], allow_nan=False)
    assert looked_at.row["score"]["floor"] is None
    assert "clip-too-small" in {finding["symptom"] for finding in looked_at.details()["findings"]}


def test_no_description_is_read_through_a_link_that_leads_out(tmp_path: Path) -> None:
    run = made_run(tmp_path / "runs" / "a", records(1_000))
    secret = tmp_path / "secret.json"
    (run.directory / "data.json").rename(secret)
    (run.directory / "data.json").symlink_to(secret)
    assert row(run)["problem"] == "a/data.json leads out of the folder, so it is not read"


def test_of_very_many_grids_some_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "MOST_GRIDS", 5)
    run = made_run(tmp_path / "a")
    for seen in range(0, 900, 100):
        run.sample_path(seen).touch()
    (run.directory / "samples" / "notes.txt").touch()
    assert watched(run).grids() == [0, 200, 400, 600, 800]
