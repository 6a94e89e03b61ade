"""What the live line says, and what it leaves out where there is no room."""

from __future__ import annotations

import dataclasses

import pytest

from ganvas.health.rules import RULES
from ganvas.training.display import Display, fitting
from ganvas.training.engine import Compiled, Eager
from tests.unit.tiny import start, tiny_recipe

PARTS = {
    "share": "100%",
    "images": "200k/200k images",
    "rate": "1,045/s",
    "left": "1:10:06 left",
    "losses": "D -0.609  G -1.61",
    "health": "",
    "picture": "samples/000000000.png",
}


def live_line(display: Display) -> str:
    return str(display.live.tasks[0].fields["status"])


@pytest.mark.parametrize("symptom", RULES)
@pytest.mark.parametrize("width", [45, 60, 80, 100, 140])
def test_the_verdict_and_its_symptom_are_whole_at_any_width(symptom: str, width: int) -> None:
    line = fitting({**PARTS, "health": f"failing: {symptom}"}, width)
    assert f"failing: {symptom}" in line
    assert line.startswith("100%")
    assert len(line) <= width


def test_what_matters_least_goes_first_and_nothing_where_there_is_room() -> None:
    parts = {**PARTS, "health": "healthy"}
    whole = "100%  200k/200k images  1,045/s  1:10:06 left  D -0.609  G -1.61  healthy"
    assert fitting(parts, 200) == f"{whole}  samples/000000000.png"
    assert fitting(parts, len(whole)) == whole
    assert fitting(parts, 50) == "100%  200k/200k images  1:10:06 left  healthy"


@pytest.mark.parametrize(
    ("engine", "seen", "said"),
    [
        (Eager(), 0, "training, first numbers at 500 images"),
        (Compiled(Eager()), 0, "compiling, first numbers at 500 images"),
        (Eager(), 500, "training, first numbers at 1k images"),
        (Eager(), 700, "training, first numbers at 1k images"),
        (Eager(), 1_100, "training, first numbers at 1.2k images"),
    ],
)
def test_it_says_what_one_waits_for(engine: Eager | Compiled, seen: int, said: str) -> None:
    state, _ = start(tiny_recipe())
    state = dataclasses.replace(state, engine=engine, images_seen=seen)
    display = Display(1_200, seen, quiet=True)
    display.begin(state, every=500)
    assert live_line(display) == said
