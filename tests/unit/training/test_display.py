"""The live line: its parts, and which are dropped on a narrow terminal."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from ganvas.health.assessment import longer_budget
from ganvas.health.rules import RULES
from ganvas.recipes import CATALOG, Intervals
from ganvas.runs import Run
from ganvas.training.display import Display, fit_parts
from ganvas.training.engine import Compiled, Eager
from tests.builders.run_files import data, environment
from tests.builders.tiny import start, tiny_recipe

RECIPE = tiny_recipe(images=1_200, intervals=Intervals(history=500))

PARTS = {
    "percent": "100%",
    "images": "200k/200k images",
    "rate": "1,045/s",
    "left": "1:10:06 left",
    "losses": "D -0.609  G -1.61",
    "health": "",
    "picture": "samples/000000000.png",
}


def live_line(display: Display) -> str:
    return str(display._live.tasks[0].fields["status"])


@pytest.mark.parametrize("width", [45, 60, 80, 100, 140])
def test_the_health_status_is_complete_at_any_width(width: int) -> None:
    for symptom in RULES:
        line = fit_parts({**PARTS, "health": f"failing: {symptom}"}, width)
        assert f"failing: {symptom}" in line
        assert line.startswith("100%")
        assert len(line) <= width


def test_parts_are_dropped_in_order_and_only_if_needed() -> None:
    parts = {**PARTS, "health": "healthy"}
    whole = "100%  200k/200k images  1,045/s  1:10:06 left  D -0.609  G -1.61  healthy"
    assert fit_parts(parts, 200) == f"{whole}  samples/000000000.png"
    assert fit_parts(parts, len(whole)) == whole
    assert fit_parts(parts, 50) == "100%  200k/200k images  1:10:06 left  healthy"


@pytest.mark.parametrize(
    ("engine", "seen", "expected"),
    [
        (Eager(), 0, "training, losses at 500 images"),
        (Compiled(Eager()), 0, "compiling, losses at 500 images"),
        (Eager(), 500, "training, losses at 1k images"),
        (Eager(), 700, "training, losses at 1k images"),
        (Eager(), 1_100, "training, losses at 1.2k images"),
    ],
)
def test_live_line_names_the_current_activity(
    engine: Eager | Compiled, seen: int, expected: str
) -> None:
    state = start(RECIPE)
    state.use_engine(engine)
    state.images_seen = seen
    display = Display(Run(Path("nowhere")), RECIPE, seen, quiet=True)
    display.start(state)
    assert live_line(display) == expected


@pytest.mark.parametrize(
    ("health", "first"),
    [
        ("healthy", "sample"),
        ("too early to tell", "sample"),
        ("watch: mode-collapse", "diagnose"),
        ("failing: mode-collapse", "diagnose"),
    ],
)
def test_the_last_line_names_diagnose_first_where_something_was_found(
    health: str,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Run.create(tmp_path / "run", RECIPE, environment(), data())
    monkeypatch.setattr(Run, "can_be_scored", lambda run: False)
    run.sample_path(500).touch()
    display = Display(run, RECIPE, 0)
    losses = {"discriminator/loss/adversarial": 0.5, "generator/loss/adversarial": 2.0}
    display.record({"images_seen": 500, "images_per_second": 12.0, **losses}, [], health)
    display.end()
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"next: ganvas {first} ")
    longer = f"ganvas resume {run.directory} --images {longer_budget(RECIPE, 1)}"
    assert line.endswith(longer) == (health == "too early to tell")


def test_live_line_updates_between_records(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    state = start(RECIPE)

    def step(images_seen: int) -> None:
        state.images_seen = images_seen
        display.step(state)

    display = Display(Run(Path("nowhere")), RECIPE, 0, quiet=True)
    display.start(state)
    clock[0] += 4.0
    step(40)
    assert live_line(display) == "  3%  40/1.2k images  10/s  1:56 left  losses at 500 images"
    clock[0] += 0.5
    step(48)
    assert "40/1.2k" in live_line(display), "twice a second is faster than one can read"
    losses = {"discriminator/loss/adversarial": 0.5, "generator/loss/adversarial": 2.0}
    display.record({"images_seen": 500, "images_per_second": 12.0, **losses}, [], "healthy")
    clock[0] += 55.5
    step(600)
    assert live_line(display) == " 50%  600/1.2k images  12/s  1:00 left  D 0.5  G 2  healthy"


def test_points_are_not_called_images() -> None:
    recipe = replace(CATALOG["points-modern"](), images=1_200)
    display = Display(Run(Path("nowhere")), recipe, 0, quiet=True)
    losses = {"discriminator/loss/adversarial": 0.5, "generator/loss/adversarial": 2.0}
    display.record({"images_seen": 600, "images_per_second": 12.0, **losses}, [], "healthy")
    assert "600/1.2k points" in live_line(display)
