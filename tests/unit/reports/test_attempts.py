"""Spans of symptoms, from the records of findings.jsonl."""

from __future__ import annotations

from ganvas.reports import attempts
from ganvas.reports.charts import Span
from ganvas.runs.history import Record


def event(what: str, seen: int, symptom: str, since: int = 0, verdict: str = "") -> Record:
    """A line of findings.jsonl."""
    return {
        "event": what,
        "images_seen": seen,
        "symptom": symptom,
        **({"since": since, "verdict": verdict} if verdict else {}),
    }


def test_onset_worsening_and_end_make_one_span() -> None:
    events = [
        event("onset", 40, "a-b", 30, "watch"),
        event("worse", 60, "a-b", 30, "failing"),
        event("end", 80, "a-b"),
        event("onset", 90, "c", 90, "failing"),
    ]
    assert attempts.spans(events, 0, 100) == [Span("a b", 30, 80, 60), Span("c", 90, 100, 90)]


def test_spans_are_cut_at_the_begin_of_the_attempt() -> None:
    events = [
        event("onset", 10, "old", 5, "watch"),
        event("onset", 10, "on", 5, "failing"),
        event("end", 30, "old"),
        event("rewind", 40, "on"),
    ]
    assert attempts.spans(events, 40, 100) == [Span("on", 40, 100, 40)]


def test_a_symptom_that_ended_is_described_by_its_worst() -> None:
    meaning = {"meaning": "it moves too far"}
    events = [
        event("onset", 40, "not-lipschitz", 30, "watch"),
        {**event("worse", 60, "not-lipschitz", 30, "failing"), **meaning},
        event("end", 1_080, "not-lipschitz"),
        event("onset", 90, "lasting", 90, "failing"),
    ]
    assert attempts.ended_symptoms(events) == [
        "Not Lipschitz (failing), from 30 to 1,080 images. It moves too far."
    ]
