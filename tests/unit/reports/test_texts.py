"""Sentences as text."""

from __future__ import annotations

from ganvas.reports.texts import as_sentence


def test_a_sentence_has_a_capital_and_a_full_stop() -> None:
    assert as_sentence("so it is") == "So it is."
    assert as_sentence("") == ""
