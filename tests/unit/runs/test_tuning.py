"""tuning.json: it is read back as it was written, and said in a line for each value."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.errors import RunError
from ganvas.runs.file_names import TUNING_JSON
from ganvas.runs.tuning import Candidate, CandidateOutcome, Tuning, read_tuning

RATES = ("generator.learning_rate", "discriminator.learning_rate")
FAILING = CandidateOutcome("failing", ("exploding-gradients: Single steps undo what was learnt.",))


def candidate(factor: float, text: str, outcome: CandidateOutcome | None = None) -> Candidate:
    return Candidate(factor, dict.fromkeys(RATES, text), outcome)


HALF_DONE = Tuning(
    6_656,
    (
        candidate(0.25, "5e-05", CandidateOutcome("healthy", score=612.34)),
        candidate(1.0, "0.0002", FAILING),
        candidate(4.0, "0.0008"),
    ),
    metric="fd-lite0",
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert read_tuning(tmp_path) is None
    HALF_DONE.write(tmp_path)
    assert read_tuning(tmp_path) == HALF_DONE


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / TUNING_JSON).write_text('{"images": "many", "candidates": []}')
    with pytest.raises(RunError, match=r"tuning\.json is damaged: images"):
        read_tuning(tmp_path)


def test_a_line_for_each_value() -> None:
    assert HALF_DONE.lines() == [
        "tuning generator.learning_rate and discriminator.learning_rate: each value on 6,656 "
        "images",
        "  x 1/4 (5e-05): healthy, fd-lite0 612.3",
        "  x 1 (0.0002): failing, so dropped. "
        "exploding-gradients: Single steps undo what was learnt.",
        "  x 4 (0.0008): not trained yet",
        "  2 of 3 values are tried",
    ]


def test_values_that_differ_are_both_named() -> None:
    pair = Candidate(4.0, {RATES[0]: "0.0008", RATES[1]: "0.0016"})
    assert str(pair) == "x 4 (0.0008 and 0.0016)"
