"""Reports: of runs in every state, readable by everybody, and offline in a real browser."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

import ganvas as library
from ganvas.cli.parsing import parse
from ganvas.cli.train import Train
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Change, Finding, Measurement
from ganvas.reports.page import render
from ganvas.reports.run_report import content_of
from ganvas.runs import Run

from . import pages
from .conftest import Ganvas, train_small

SEEN_AT = 700
TOO_FAST = ("--discriminator.learning-rate", "0.02")


def too_fast(evidence: Evidence) -> tuple[Finding, ...]:
    """A rule of this file: the discriminator's learning rate, from 700 images on."""
    rate = evidence.recipe.discriminator.learning_rate
    if not evidence.probed or not isinstance(rate, float) or rate <= 0.01:
        return ()
    if evidence.probed[-1]["images_seen"] < SEEN_AT:
        return ()
    number = Measurement("probe/update/discriminator", 0.3, "below 0.05")
    advice = (Change("discriminator.learning_rate", "2e-4", "it is far above the usual"),)
    meaning = "The discriminator learns too fast."
    finding = Finding("diverging", "failing", 0.9, SEEN_AT, (number,), meaning, advice, "a test")
    return (finding,)


@pytest.fixture
def ruled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule of this file in place of the real ones."""
    monkeypatch.setattr("ganvas.training.monitor.apply_rules", too_fast)
    monkeypatch.setattr("ganvas.diagnosis.apply_rules", too_fast)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, measured while it trained and afterwards."""
    flags = ("--evaluation.every", 500, "--evaluation.metrics", "swd", "--evaluation.samples", 100)
    run = train_small(tmp_path_factory.mktemp("measured"), 1000, *flags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(run.parent / "cache"))
        library.evaluate(run, ["swd"], n=100, quiet=True)
    return run


@pytest.fixture
def run(measured: Path, tmp_path: Path, small: Path, images: Path) -> Path:
    """A copy of it, as if it had been trained where the test's images are."""
    copied = Path(shutil.copytree(measured, tmp_path / "run"))
    for path in copied.glob("*.json*"):
        path.write_text(path.read_text().replace(str(measured.parent), str(tmp_path)))
    assert Path(Run.open(copied).read_data()["location"]) == images
    return copied


def report_of(ganvas: Ganvas, run: Path) -> tuple[list[pages.Element], str]:
    """Make the report and check it as a page; its elements and all its words."""
    result = ganvas("report", run)
    assert result.code == 0, result.err
    assert str(run / "report.html") in result.out
    elements = pages.check_structure(run / "report.html")
    pages.check_private(run / "report.html", str(run.parent), str(Path.home()))
    return elements, pages.visible_text(elements)


def headline(elements: list[pages.Element]) -> str:
    (h1,) = pages.of(elements, "h1")
    return h1.text


def test_a_finished_run_shows_everything(run: Path, ganvas: Ganvas) -> None:
    elements, text = report_of(ganvas, run)
    assert "1,008 images" in headline(elements)
    assert text.index("Too early to tell") < text.index("The run in numbers"), (
        "the verdict comes first"
    )
    assert "only 5 of the 15 symptoms that this recipe can show could be checked so far" in text
    assert "No symptom at 2 probed records" in text
    alts = [element.attributes["alt"] or "" for element in pages.of(elements, "img")]
    assert "Generated samples at 1,008 images seen" in alts
    assert sum("nearest training images" in alt for alt in alts) == 12
    labels = [element.attributes["aria-label"] or "" for element in pages.of(elements, "svg")]
    record = Run.open(run).history.records()[-1]
    last = f"{record['generator/loss/adversarial']:.4g} at 1,008"
    assert any("generator's loss" in label and last in label for label in labels)
    score = Run.open(run).scores.records()[-1]
    cells = [element.text for element in pages.of(elements, "td")]
    assert f"{score['value']:.4g}" in cells
    assert f"{score['floor']:.4g}" in cells
    assert score["protocol"]["checkpoint_hash"] in text
    assert Run.open(run).read_data()["fingerprint"] in text


def test_its_commands_reproduce_the_run(
    run: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    elements, text = report_of(ganvas, run)
    assert "Run its commands in the folder that holds run, and give the path of your images" in text
    monkeypatch.chdir(run.parent)  # the images are there too
    lines = [" ".join(element.text.split()) for element in pages.of(elements, "code")]
    train = next(line for line in lines if line.startswith("ganvas train"))
    toml = next(
        element.text for element in pages.of(elements, "code") if "[generator" in element.text
    )
    (run.parent / "recipe.toml").write_text(toml)
    again = run.parent / "runs" / "again"
    result = ganvas(*shlex.split(train)[1:])
    assert result.code == 0, result.err
    assert Run.open(again).read_recipe() == Run.open(run).read_recipe()
    weights = "generator/model.safetensors"
    assert (again / weights).read_bytes() == (run / weights).read_bytes()
    measure = next(line for line in lines if line.startswith("ganvas evaluate"))
    assert ganvas(*shlex.split(measure)[1:]).code == 0
    first, second = Run.open(run).scores.records()[-2:]
    assert first == second


@pytest.mark.usefixtures("ruled")
def test_a_rewind_is_described_with_the_discarded_samples(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    flags = (*TOO_FAST, "--on-failure", "rewind")
    assert ganvas("train", small, images, "--out", run, *flags).code == 0
    elements, text = report_of(ganvas, run)
    assert headline(elements) == (
        "Too early to tell whether it is healthy after one rewind; trained on 2,000 images"
    )
    assert "At 1,008 images training was failing: diverging." in text
    assert "It went back to 400 images" in text
    assert "discriminator's learning rate set to 2e-4" in text
    labels = [element.attributes["aria-label"] or "" for element in pages.of(elements, "svg")]
    (line,) = (label for label in labels if label.startswith("Health over"))
    assert "attempt 1, from 0 to 1,008 images (discarded): diverging from 700 to 1,008" in line
    assert "attempt 2, from 400 to 2,000 images (finished): no symptom" in line
    alts = [element.attributes["alt"] for element in pages.of(elements, "img")]
    assert "The last samples of attempt 1, at 1,008 images seen" in alts
    assert "0.02" in text, "the whole story starts with the rate that failed"


@pytest.mark.usefixtures("ruled")
def test_a_finding_comes_first_with_its_number_its_limit_and_a_command(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--out", run, *TOO_FAST).code == 0
    elements, text = report_of(ganvas, run)
    assert headline(elements) == "Failing: diverging; trained on 2,000 images"
    first = next(element.text for element in pages.of(elements, "code"))
    assert first.startswith("ganvas train recipe.toml")
    assert first.endswith("--discriminator.learning-rate 2e-4 --out runs/changed")
    labels = [element.attributes["aria-label"] or "" for element in pages.of(elements, "svg")]
    assert any("normal: below 0.05: 0.05" in label for label in labels)
    alts = [element.attributes["alt"] for element in pages.of(elements, "img")]
    assert "Samples at 1,008 images seen, soon after onset (diverging)" in alts
    assert "Samples at 2,000 images seen, newest (diverging)" in alts
    assert "90 % sure" in text


def test_a_run_that_ended_too_early_suggests_how_long_to_train(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 300, "--out", run).code == 0
    elements, text = report_of(ganvas, run)
    assert headline(elements) == "Too early to tell whether it is healthy; trained on 304 images"
    assert "No symptom at 1 probed record" in text
    lines = [" ".join(element.text.split()) for element in pages.of(elements, "code")]
    assert f"ganvas resume {run.name} --images 16000" in lines, (
        "every rule looks after 1,000 updates"
    )


def test_health_that_was_never_probed_is_not_called_healthy(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    flags = ("--images", 300, "--intervals.probes", 0)
    assert ganvas("train", small, images, "--out", run, *flags).code == 0
    elements, text = report_of(ganvas, run)
    assert headline(elements) == "Health was not checked; trained on 304 images"
    assert "No probes were taken (intervals.probes is 0)" in text
    assert "Nothing was measured yet." in text
    first = next(element.text for element in pages.of(elements, "code"))
    assert first == f"ganvas evaluate {run.name}"


@pytest.mark.parametrize("status", ["running", "interrupted", "diverged", "unhealthy"])
def test_the_headline_says_how_a_run_ended(
    run: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch, status: Any
) -> None:
    monkeypatch.setattr("ganvas.health.assessment.MIN_CHECKED_FRACTION", 0.1)
    Run.open(run).write_status(status, 800, "some reason")
    elements, text = report_of(ganvas, run)
    expected = {
        "running": "Healthy so far; stopped without saving at 1,008 of 1,000 images",
        "interrupted": "Healthy so far; interrupted at 1,008 of 1,000 images",
        "unhealthy": "Healthy so far; stopped at 1,008 of 1,000 images",
        "diverged": "Diverged; stopped at 1,008 of 1,000 images",
    }[status]
    assert headline(elements) == expected
    assert (f"ganvas resume {run.name}" in text) == (status in ("running", "interrupted"))
    if status == "diverged":
        assert "Some reason." in text


def test_a_run_that_is_being_written_is_training_now(run: Path, ganvas: Ganvas) -> None:
    opened = Run.open(run)
    assert not opened.is_locked()
    opened.write_status("running", 800)
    with opened.lock():
        assert opened.is_locked()
        elements, text = report_of(ganvas, run)
    assert "training now" in headline(elements)
    assert f"ganvas report {run.name}" in text


def test_a_run_that_was_killed_at_once_has_a_report_that_says_what_is_missing(
    run: Path, ganvas: Ganvas
) -> None:
    for name in ("history.jsonl", "findings.jsonl", "scores.jsonl"):
        (run / name).unlink(missing_ok=True)
    for name in ("samples", "checkpoints", "generator"):
        shutil.rmtree(run / name)
        (run / name).mkdir()
    Run.open(run).write_status("running", 0)
    elements, text = report_of(ganvas, run)
    assert (
        headline(elements) == "Health was not checked; stopped without saving at 0 of 1,000 images"
    )
    for missing in (
        "There are no pictures yet",
        "There is no history yet",
        "Nothing was recorded yet",
        "Nothing was measured yet",
        "has no generator yet",
    ):
        assert missing in text


def test_missing_images_leave_out_only_their_section(
    run: Path, images: Path, ganvas: Ganvas
) -> None:
    images.unlink()
    elements, text = report_of(ganvas, run)
    assert f"the images of {run.name} are no longer at {images.name}" in text
    assert "1,008 images" in headline(elements)


def test_points_have_pictures_and_no_nearest_images(tmp_path: Path, ganvas: Ganvas) -> None:
    run = tmp_path / "run"
    flags = ("--images", 512, "--batch", 128, "--intervals.samples", 256)
    assert ganvas("train", "points-modern", "ring", "--out", run, *flags).code == 0
    elements, text = report_of(ganvas, run)
    alts = [element.attributes["alt"] for element in pages.of(elements, "img")]
    assert alts == [
        "Generated samples at 512 images seen",
        *(f"generated points at {seen} images seen" for seen in (0, 256, 512)),
    ]
    assert "Points have no nearest images." in text
    words = next(
        element.text for element in pages.of(elements, "code") if "runs/again" in element.text
    )
    verb = parse(shlex.split(words)[1:])
    assert isinstance(verb, Train)
    assert verb.recipe.with_fixed_schedules() == Run.open(run).read_recipe()


def test_special_characters_in_names_are_escaped(run: Path, ganvas: Ganvas) -> None:
    strange = run.with_name("<b>a & 'b'")
    shutil.move(run, strange)
    data = json.loads((strange / "data.json").read_text())
    data["unusable"] = [{"file": "<script>alert(1)</script>.png", "reason": "cut & <empty>"}]
    (strange / "data.json").write_text(json.dumps(data))
    elements, text = report_of(ganvas, strange)
    assert not pages.of(elements, "b", "script")
    assert "Run report · <b>a & 'b'" in text
    assert "<script>alert(1)</script>.png" in text
    assert shlex.quote(strange.name) in text


def test_a_page_names_no_path_no_user_and_no_computer(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run lies in one folder, its images in another below a home with a blank in its name."""
    home, place = tmp_path / "home" / "ann lee", tmp_path / "xyz"
    photos = home / "my photos (2024)"
    photos.mkdir(parents=True)
    place.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("platform.node", lambda: "desk-of-ann")
    data = photos / images.name
    shutil.copy(images, data)
    run = place / "run"
    flags = ("--images", 300, "--out", run)
    assert ganvas("train", small, data, *flags).code == 0
    opened = Run.open(run)
    environment = opened.read_environment()
    words = ["ganvas", "train", str(small), str(data), "--out", str(run), "--dask=tcp://ann-desk:1"]
    environment["command"] = words
    (run / "environment.json").write_text(json.dumps(environment))
    described = opened.read_data()
    described["unusable"] = [{"file": f"{photos}/IMG 1.jpg", "reason": f"{home}/x y: cut"}]
    (run / "data.json").write_text(json.dumps(described))
    opened.write_status("diverged", 300, f"cannot read '{data}': see {home}/a log.txt")
    secrets = [str(tmp_path), str(home), "ann lee", "ann-desk", "desk-of-ann", "home/", "xyz"]
    for where in (place, home, tmp_path):
        monkeypatch.chdir(where)
        assert ganvas("report", os.path.relpath(run, where)).code == 0
        pages.check_private(run / "report.html", *secrets)
    data.unlink()
    assert ganvas("report", run).code == 0
    pages.check_private(run / "report.html", *secrets)
    text = pages.visible_text(pages.read(run / "report.html"))
    assert "the images of run are no longer at images.npz" in text
    assert "ganvas train small.toml images.npz --out run --dask=tcp://ADDRESS" in text


def test_the_python_function_writes_to_the_given_path(run: Path, tmp_path: Path) -> None:
    path = library.report(run, tmp_path / "new" / "page.html")
    assert path == tmp_path / "new" / "page.html"
    pages.check_structure(path)
    assert library.report(Run.open(run)) == run / "report.html"


def test_pictures_are_halved_until_the_page_is_small_enough(run: Path) -> None:
    shown = content_of(Run.open(run), quiet=True)
    whole = render("run.html", shown)
    less = render("run.html", shown, limit=len(whole) - 1)
    assert len(less) < len(whole)
    assert b"at one half of their size" in less
    assert b"of their size" not in whole
    with pytest.raises(library.GanvasError, match="however small its pictures are"):
        render("run.html", shown, limit=1_000)


def test_a_directory_that_is_no_run_is_an_error(tmp_path: Path, run: Path, ganvas: Ganvas) -> None:
    for arguments, fragment in (
        ((tmp_path / "nowhere",), "is not a run: no such directory"),
        ((tmp_path,), f"is not a run, but it holds some. Name one of them: {run}"),
        ((run / "samples",), "it has no recipe.json"),
        ((run, "--out", tmp_path), "is a folder"),
        ((run, "--out", run / "recipe.json" / "x.html"), "cannot write"),
    ):
        result = ganvas("report", *arguments)
        assert result.code == 2, result.err
        assert fragment in result.err
    assert not (run / "report.html").exists()


def test_a_browser_shows_it_without_requests_or_errors(
    run: Path, ganvas: Ganvas, tmp_path: Path
) -> None:
    report_of(ganvas, run)
    rendered = pages.open_in_browser(run / "report.html", tmp_path)
    assert "Samples</h2>" in rendered.dom
    assert rendered.console == []
    assert rendered.requests == []


def test_requests_and_console_errors_of_a_page_are_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<!doctype html><title>x</title><h1>x</h1><img src='http://127.0.0.1:9/x.png' alt='x'>"
        "<script>console.error('no')</script>"
    )
    rendered = pages.open_in_browser(page, tmp_path)
    assert rendered.requests == ["http://127.0.0.1:9/x.png"]
    assert any("no" in line for line in rendered.console)
