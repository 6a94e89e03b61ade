"""Durations, lists and sentences as text."""

from __future__ import annotations

from ganvas.reports import words


def test_durations_and_lists_read_as_people_say_them() -> None:
    assert [words.duration(seconds) for seconds in (1.23, 59.4, 760, 11_100)] == [
        "1.2 s",
        "59 s",
        "12 min 40 s",
        "3 h 5 min",
    ]
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.sentence("so it is") == "So it is."
