"""Events of findings: one when a finding begins, gets worse or ends."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from ganvas.diagnosis import diagnose, evidence_of
from ganvas.health.evidence import is_probed
from ganvas.health.finding import Change, Finding, HealthStatus, Measurement
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import CATALOG, OnFailure, Recipe
from ganvas.recipes.players import conditional
from ganvas.runs import Run
from ganvas.runs.history import Record, failing_spans
from ganvas.training.monitor import (
    IMAGES_PER_LABEL,
    PROBE_LABELS,
    HealthMonitor,
    changes,
    labelled_images,
    open_findings,
)
from ganvas.training.state import TrainState
from ganvas.training.stop import Signal
from tests.builders import run_files
from tests.builders.histories import HEALTHY, written
from tests.builders.tiny import tiny_data, tiny_recipe
from tests.builders.watched import made_run


def finding(symptom: str, verdict: HealthStatus = "watch", since: int = 100) -> Finding:
    return Finding(
        symptom=symptom,
        verdict=verdict,
        confidence=0.8,
        since=since,
        numbers=(Measurement("probe/diversity/distance", 0.1, "0.7 to 1.3"),),
        meaning="The generator makes one image.",
        advice=(Change("discriminator.learning_rate", "2e-4", "it is 100 times the usual"),),
        paper="Goodfellow 2014",
    )


def events_of(*observations: tuple[int, tuple[Finding, ...]]) -> list[Record]:
    """The events of a run with these findings at these images seen."""
    events: list[Record] = []
    for images_seen, found in observations:
        events += changes(open_findings(events), found, images_seen)
    return events


def summaries(events: list[Record]) -> list[tuple[str, int, str]]:
    return [(event["event"], event["images_seen"], event["symptom"]) for event in events]


def test_a_finding_that_lasts_is_written_once() -> None:
    lasting = (finding("mode-collapse"),)
    assert summaries(events_of((100, ()), (200, lasting), (300, lasting), (400, lasting))) == [
        ("onset", 200, "mode-collapse")
    ]


def test_a_finding_can_end_and_begin_again() -> None:
    ill, well = (finding("oscillation"),), ()
    assert summaries(events_of((1, ill), (2, well), (3, well), (4, ill))) == [
        ("onset", 1, "oscillation"),
        ("end", 2, "oscillation"),
        ("onset", 4, "oscillation"),
    ]


def test_a_finding_is_written_again_if_it_gets_worse_but_not_if_it_gets_better() -> None:
    watch, failing = finding("checkerboard"), finding("checkerboard", "failing")
    events = events_of((1, (watch,)), (2, (failing,)), (3, (watch,)))
    assert summaries(events) == [("onset", 1, "checkerboard"), ("worse", 2, "checkerboard")]
    assert open_findings(events) == {"checkerboard": "failing"}


def test_several_findings_begin_and_end_independently() -> None:
    collapse, idle = finding("mode-collapse"), finding("idle-penalty")
    events = events_of((1, (collapse,)), (2, (collapse, idle)), (3, (idle,)))
    assert summaries(events) == [
        ("onset", 1, "mode-collapse"),
        ("onset", 2, "idle-penalty"),
        ("end", 3, "mode-collapse"),
    ]
    assert open_findings(events) == {"idle-penalty": "watch"}


def test_failing_spans_reach_back_to_the_onset_and_are_open_until_an_end() -> None:
    early = finding("mode-collapse", "failing", since=150)
    assert failing_spans(events_of((200, (early,)))) == [(150, float("inf"))]
    assert failing_spans(events_of((200, (early,)), (300, ()))) == [(150, 300)]
    assert failing_spans(events_of((200, (finding("mode-collapse"),)))) == [], (
        "a watch fails nothing"
    )


def test_events_are_plain_values() -> None:
    (event,) = events_of((200, (finding("mode-collapse"),)))
    assert event["advice"][0]["field"] == "discriminator.learning_rate"
    assert event["numbers"][0]["name"] == "probe/diversity/distance"


def test_training_and_diagnose_read_the_same(tmp_path: Path) -> None:
    recipe, data = tiny_recipe().with_fixed_schedules(), tiny_data(100, held_out=10)
    run = Run.create(tmp_path / "run", recipe, run_files.environment(), run_files.data())
    state = TrainState.start(recipe, data, 0, torch.device("cpu"))
    evidence = evidence_of(run)
    assert (evidence.training_images, evidence.held_out_images) == (90, 10)
    assert HealthMonitor(run, recipe, data, state).evidence() == evidence


def test_diagnose_finds_at_every_probe_what_training_has_open(tmp_path: Path) -> None:
    """From the files alone: a rank of training images that moves to and fro around its limit."""
    rank = [0.5] * 10 + [value for value in (0.75, 0.75, 0.62) for _ in range(2)] * 2 + [0.5] * 6
    courses = {**HEALTHY["dcgan"], "probe/ranking/memory": rank}
    records = written(CATALOG["dcgan"](), courses, len(rank))
    run = made_run(tmp_path / "run", records)
    events = run.findings.records()
    # Two probes above the limit, one below, and so again; three below end it.
    assert summaries(events) == [
        ("onset", 28_000, "discriminator-memorises"),
        ("end", 52_000, "discriminator-memorises"),
    ]
    probed = [record["images_seen"] for record in records if is_probed(record)]
    assert probed[-1] == 56_000
    for seen in reversed(probed):
        run.history.truncate_after(seen)
        still_open = open_findings([e for e in events if e["images_seen"] <= seen])
        assert {finding.symptom for finding in diagnose(run).findings} == set(still_open), seen


def test_labels_are_probed_beside_training_images_of_a_few_spread_over_all() -> None:
    """Each image is of one grey level, which tells the label; one in ten is held out."""
    count, names = 1_200, tuple("abcdefghijkl")
    labels = np.arange(count) % len(names)
    data = tiny_data(count)
    data.images[:] = 20 * labels[:, None, None, None]
    held_out = np.arange(0, count, 10)
    data.images[held_out] = 255
    data = dataclasses.replace(data, labels=labels, label_names=names, held_out=held_out)
    state = TrainState.start(conditional(tiny_recipe()), data, 0, torch.device("cpu"))
    probed = labelled_images(data, state)
    assert probed.distinct.tolist() == [0, 2, 3, 5, 6, 8, 9, 11]
    assert len(probed.distinct) == PROBE_LABELS
    assert probed.images.shape == (PROBE_LABELS * IMAGES_PER_LABEL, 1, 8, 8)
    grey = ((probed.images + 1) * 127.5).round()
    assert torch.equal(grey, (20.0 * probed.labels)[:, None, None, None].expand(-1, 1, 8, 8))
    assert torch.equal(probed.images, labelled_images(data, state).images)


def watched(folder: Path, recipe: Recipe) -> tuple[HealthMonitor, TrainState]:
    """The monitor of a run that begins, on 19 images to train on and 11 others."""
    recipe, data = recipe.with_fixed_schedules(), tiny_data(30, held_out=11)
    run = Run.create(folder / "run", recipe, run_files.environment(), run_files.data())
    state = TrainState.start(recipe, data, 0, torch.device("cpu"))
    return HealthMonitor(run, recipe, data, state), state


@pytest.mark.parametrize(
    ("on_failure", "stopping"), [("warn", False), ("stop", True), ("rewind", True)]
)
def test_only_what_fails_ends_training_where_the_recipe_says_so(
    tmp_path: Path, on_failure: OnFailure, stopping: bool
) -> None:
    monitor, _ = watched(tmp_path, tiny_recipe(on_failure=on_failure))
    monitor.findings = (finding("oscillation"),)
    assert monitor.signal == Signal.CONTINUE
    monitor.findings = (finding("oscillation"), finding("mode-collapse", "failing"))
    assert monitor.signal == (Signal.UNHEALTHY if stopping else Signal.CONTINUE)


def test_the_images_of_the_last_two_probes_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, state = watched(tmp_path, tiny_recipe())
    made = iter(torch.tensor([[1], [2], [3], [4]]))
    monkeypatch.setattr(
        "ganvas.training.monitor.run_probes", lambda context, *rates: ({}, next(made))
    )
    for expected in ([1], [1, 2], [2, 3], [3, 4]):
        monitor.probe(state)
        assert [int(snapshot) for snapshot in state.snapshots] == expected


def test_packs_are_probed_although_they_do_not_divide_the_images(tmp_path: Path) -> None:
    recipe = tiny_recipe(objective=ObjectiveSettings(pac=2))
    monitor, state = watched(tmp_path, recipe)
    numbers = monitor.probe(state)
    assert {"probe/logits/real", "probe/logits/held_out", "probe/ranking/memory"} <= set(numbers)
    assert "probe/gradient/discriminator/norm" in numbers
