"""Which early score candidates get: by what is installed, and only against held-out images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganvas.errors import DataError
from ganvas.processes import SINGLE_PROCESS
from ganvas.runs.tuning import CandidateOutcome, read_tuning
from ganvas.training import tuning
from ganvas.training.candidates import with_tuning
from ganvas.training.tuning import Candidates, candidate_run, early_metric, verdict_on

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


def test_a_run_continues_with_the_values_and_the_files_of_the_chosen_candidate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, plan = with_tuning(tiny_recipe(images=100_000))
    run = empty_run(tmp_path)
    run.write_recipe(recipe)
    before_tuning = run.read_environment(), run.read_data()
    for index, score in enumerate((100.0, 100.0, 50.0)):
        plan = plan.with_outcome(index, CandidateOutcome("healthy", score=score))
        own = candidate_run(run, index)
        own.directory.mkdir(parents=True)
        (own.directory / "history.jsonl").write_text(f"of {index}")
        for name in ("recipe.json", "environment.json", "data.json", "status.json"):
            (own.directory / name).write_text("its own")
    replace(plan, metric="swd").write(run.directory)
    display: Any = SimpleNamespace(message=lambda text: None)
    Candidates(run, tiny_data(), torch.device("cpu"), SINGLE_PROCESS, display).tune()
    tuned = read_tuning(run.directory)
    assert tuned is not None
    assert tuned.chosen == 2
    assert (run.directory / "history.jsonl").read_text() == "of 2"
    assert run.read_status().images_seen == plan.images
    assert (run.read_environment(), run.read_data()) == before_tuning
    for player in ("generator", "discriminator"):
        before, after = getattr(recipe, player), getattr(run.read_recipe(), player)
        assert after.learning_rate == pytest.approx(4 * before.learning_rate)
