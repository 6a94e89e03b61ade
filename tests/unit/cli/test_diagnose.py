"""What `ganvas diagnose` prints at its end: what was not checked, in a line, and what to type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.diagnose import diagnosis_lines, next_step
from ganvas.diagnosis import Diagnosis

RUN = Path("runs/my photos")


def a_diagnosis(**changes: Any) -> Diagnosis:
    """Of a run that is too short: two symptoms can be checked later, one not at all."""
    fields: dict[str, Any] = {
        "verdict": "too early to tell",
        "findings": (),
        "status": "finished",
        "images_seen": 9_000,
        "records": 3,
        "applicable": 5,
        "not_checked": {
            "stagnation": "too early: it is checked from 64,000 images on",
            "oscillation": "too early: it is checked from 20,000 images on",
            "diverging": "not measured: probe/slope",
        },
        "too_early": ("stagnation", "oscillation"),
        "all_checked_from": 64_000,
        "budget": 9_000,
        "not_applicable": {"idle-penalty": "there is no penalty"},
        "caveats": (),
        "events": (),
    }
    return Diagnosis(**{**fields, **changes})


def test_what_was_not_checked_is_one_line() -> None:
    assert diagnosis_lines(a_diagnosis(), verbose=False) == [
        "too early to tell at 9,000 images (finished); "
        "checked 2 of 5 symptoms that apply to its recipe",
        "2 symptoms can be checked later, all from 64,000 images on; "
        "1 symptom could not be checked (--verbose says why)",
    ]
    done = a_diagnosis(verdict="healthy", not_checked={}, too_early=())
    assert len(diagnosis_lines(done, verbose=False)) == 1


def test_verbose_lists_every_symptom_with_its_reason() -> None:
    lines = diagnosis_lines(a_diagnosis(), verbose=True)
    assert "  stagnation: too early: it is checked from 64,000 images on" in lines
    assert "  diverging: not measured: probe/slope" in lines
    assert "  idle-penalty: there is no penalty" in lines


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "next: ganvas resume 'runs/my photos' --images 64000"),
        ({"budget": 50_000}, "next: ganvas resume 'runs/my photos' --images 100000"),
        (
            {"status": "interrupted", "budget": 200_000},
            "next: ganvas resume 'runs/my photos'",
        ),
        (
            {"status": "stopped without saving"},
            "next: ganvas resume 'runs/my photos' --images 64000",
        ),
        (
            {"status": "running"},
            "it is still training; from 64,000 images on: ganvas diagnose 'runs/my photos'",
        ),
        ({"status": "diverged"}, "next: ganvas report 'runs/my photos'"),
        ({"verdict": "watch"}, "next: ganvas report 'runs/my photos'"),
        ({"verdict": "failing"}, "next: ganvas report 'runs/my photos'"),
        ({"verdict": "healthy", "too_early": ()}, "next: ganvas report 'runs/my photos'"),
    ],
)
def test_the_last_line_says_what_to_type(changes: dict[str, Any], expected: str) -> None:
    assert next_step(a_diagnosis(**changes), RUN) == expected
