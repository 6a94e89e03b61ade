"""What `ganvas diagnose` prints: a finding, what was not checked, and what to type."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.diagnose import diagnosis_lines, finding_lines, next_step
from ganvas.diagnosis import Diagnosis
from ganvas.health.finding import Finding, Measurement

RUN = Path("runs/my photos")


def a_diagnosis(**changes: Any) -> Diagnosis:
    """Of a run that is too short: two symptoms can be checked later, one not at all."""
    fields: dict[str, Any] = {
        "verdict": "too early to tell",
        "findings": (),
        "status": "finished",
        "images_seen": 9_000,
        "saved_at": 8_000,
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
        "longer_budget": 200_000,
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


def test_verbose_lists_what_is_suspicious_and_excused() -> None:
    why = (
        "probe/diversity/vendi of 0.2 (normal: above 0.3) would be suspicious, but diversity grows"
    )
    excused = a_diagnosis(excused={"mode-collapse": (why,)})
    lines = diagnosis_lines(excused, verbose=True)
    assert lines[lines.index("suspicious, but no finding:") + 1] == f"  mode-collapse: {why}"
    assert why not in "".join(diagnosis_lines(excused, verbose=False))
    assert "suspicious, but no finding:" not in diagnosis_lines(a_diagnosis(), verbose=True)


def test_the_numbers_of_a_finding_that_is_ending_are_of_the_past() -> None:
    numbers = (Measurement("probe/ranking/memory", 0.75, "below 0.7"),)
    now = Finding("discriminator-memorises", "watch", 0.7, 64, numbers, "It has.", (), "a paper")
    ending = dataclasses.replace(now, ending=True)
    assert "  probe/ranking/memory is 0.75; normal: below 0.7" in finding_lines(now)
    assert "  probe/ranking/memory was 0.75; normal: below 0.7" in finding_lines(ending)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "next: ganvas resume 'runs/my photos' --images 200000"),
        (
            {"status": "interrupted", "budget": 200_000},
            "next: ganvas resume 'runs/my photos'",
        ),
        (
            {"status": "stopped without saving"},
            "next: ganvas resume 'runs/my photos' --images 200000",
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
