"""Which early score candidates get: by what is installed, and only against held-out images."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ganvas.errors import DataError
from ganvas.training import tuning
from ganvas.training.tuning import early_metric, verdict_on

from ...builders.loggers import empty_run
from ...builders.tiny import tiny_data, tiny_recipe


def lacking(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    failures = dict.fromkeys(names, "not here")
    monkeypatch.setattr(tuning, "unavailable_metrics", lambda metrics, data, n: failures)


def test_lite0_is_preferred_and_pixels_serve_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_data(40, held_out=20)
    lacking(monkeypatch)
    assert early_metric(tiny_recipe(), data) == ("fd-lite0", ())
    lacking(monkeypatch, "fd-lite0")
    line = "warning: scores are by swd: fd-lite0 cannot be measured: not here"
    assert early_metric(tiny_recipe(), data) == ("swd", (line,))


def test_where_nothing_can_be_measured_there_is_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch, "fd-lite0", "swd")
    assert early_metric(tiny_recipe(), tiny_data()) == (None, ())


def test_a_score_needs_held_out_images(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(monkeypatch)
    with pytest.raises(DataError, match="0 of 14 images are held out"):
        early_metric(tiny_recipe(), tiny_data())


def test_a_candidate_is_dropped_for_what_fails_and_not_for_what_is_to_be_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [
        SimpleNamespace(symptom="stagnation", verdict="watch", meaning="It no longer improves."),
        SimpleNamespace(symptom="mode-collapse", verdict="failing", meaning="All are alike."),
    ]
    found = SimpleNamespace(verdict="failing", findings=findings)
    monkeypatch.setattr(tuning, "diagnose", lambda run: found)
    outcome = verdict_on(empty_run(tmp_path))
    assert outcome.is_dropped
    assert outcome.reasons == ("mode-collapse: All are alike.",)
