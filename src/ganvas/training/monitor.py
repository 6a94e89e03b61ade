"""How the health of a run is monitored: probes become numbers, rules turn them into findings.

A finding is an event when it begins ("onset"), when a watch becomes a failure ("worse") and when it
is over ("end"). findings.jsonl holds these events, so what is open can be read from it at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas import images
from ganvas.data.prepared import PreparedData
from ganvas.health.assessment import apply_rules, health_status
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding, HealthStatus
from ganvas.health.probes import run_probes
from ganvas.health.probes.context import LabelledImages, ProbeContext
from ganvas.health.probes.distances import downsample
from ganvas.randomness import derive_seed, named_generator
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.schedules import value_at
from ganvas.training.grids import grid_latents, spread_labels
from ganvas.training.state import TrainState
from ganvas.training.step_functions import label_arguments
from ganvas.training.stop import Signal

MAX_RECORDS = 1_000
"""Records that the rules see while training."""

PROBE_IMAGES = 64
"""Images of each kind that a probe uses."""
PROBE_LABELS, IMAGES_PER_LABEL = 8, 32
"""Labels that a probe compares, and at most so many images of each."""


class HealthMonitor:
    """Monitors one run: what is wrong now, since when, and how that changed.

    Only the first process has one. It reads the run's files and writes none.
    """

    def __init__(self, run: Run, recipe: Recipe, data: PreparedData, state: TrainState) -> None:
        self.findings: tuple[Finding, ...] = ()
        self.status: HealthStatus | None = None
        self._run, self._recipe = run, recipe
        self._records = deque(run.history.records(), maxlen=MAX_RECORDS)
        self._open = open_findings(run.findings.records())
        self._training_images, self._held_out_images = len(data.training), len(data.held_out)
        self._seed = state.seed
        pac = recipe.objective.pac
        training, held_out = (
            min(PROBE_IMAGES, len(indices)) // pac * pac
            for indices in (data.training, data.held_out)
        )
        self._real, labels = probe_images(data, data.training, training, state)
        self._held_out, held_out_labels = probe_images(data, data.held_out, held_out, state)
        by_role = {role: player.used_labels(labels) for role, player in state.players.items()}
        self._generator_labels = label_arguments(by_role["generator"])
        self._discriminator_labels = label_arguments(by_role["discriminator"])
        discriminator = state.player("discriminator")
        self._held_out_labels = label_arguments(discriminator.used_labels(held_out_labels))
        self._labelled = None
        if recipe.generator.network.uses_labels:
            self._labelled = labelled_images(data, state)
        self._latents = grid_latents(training, recipe, self._seed, state.device)

    @property
    def summary(self) -> str:
        """The status and the first symptom, for the live line; empty before the first probes."""
        symptom = f": {self.findings[0].symptom}" if self.findings else ""
        return f"{self.status or ''}{symptom}"

    @property
    def signal(self) -> Signal:
        """UNHEALTHY where training fails and the recipe says to end it."""
        failing = any(finding.verdict == "failing" for finding in self.findings)
        stops = failing and self._recipe.on_failure != "warn"
        return Signal.UNHEALTHY if stops else Signal.CONTINUE

    def probe(self, state: TrainState) -> Record:
        """Measure on copies of the networks what the rules need; training does not change."""
        seen = state.images_seen
        numbers, snapshot = run_probes(
            self._context(state),
            value_at(self._recipe.generator.learning_rate, seen),
            value_at(self._recipe.discriminator.learning_rate, seen),
        )
        if snapshot is not None:
            state.snapshots = (*state.snapshots, snapshot)[-2:]
        return numbers

    def observe(
        self, state: TrainState, record: Record, with_probes: bool
    ) -> tuple[Record, list[Record]]:
        """Complete a record of the history by probes, if they are due, and apply the rules to it.

        Returns:
            The record, and what has changed in the findings, as events.
        """
        if not with_probes:
            self._records.append(record)
            return record, []
        self._records.append(record | self.probe(state))
        return self._records[-1], self._evaluate(state.images_seen)

    def _evaluate(self, images_seen: int) -> list[Record]:
        """Apply the rules to all records; returns what has changed, as events."""
        evidence = self.evidence()
        self.findings = apply_rules(evidence)
        self.status = health_status(evidence, self.findings)
        events = changes(self._open, self.findings, images_seen)
        self._open = open_findings(events, self._open)
        return events

    def evidence(self) -> Evidence:
        """What the rules read."""
        return Evidence(
            records=tuple(self._records),
            recipe=self._recipe,
            training_images=self._training_images,
            scores=tuple(self._run.scores.records()),
            held_out_images=self._held_out_images,
        )

    def _context(self, state: TrainState) -> ProbeContext:
        """Training's networks and optimizers, and the images to probe them with."""
        return ProbeContext(
            generator=state.generator,
            discriminator=state.discriminator,
            ema=state.ema,
            generator_optimizer=state.player("generator").optimizer,
            discriminator_optimizer=state.player("discriminator").optimizer,
            objective=state.objective,
            latents=self._latents,
            real=self._real,
            held_out=self._held_out,
            generator_labels=self._generator_labels,
            discriminator_labels=self._discriminator_labels,
            held_out_labels=self._held_out_labels,
            labelled=self._labelled,
            previous_snapshots=state.snapshots,
            images_seen=state.images_seen,
            discriminator_steps=state.discriminator_steps,
            logit_averages=state.logit_averages,
            random=named_generator(
                derive_seed(self._seed, "probes"), f"at {state.images_seen}", state.device
            ),
            precision=state.precision,
        )


def probe_images(
    data: PreparedData, indices: npt.NDArray[np.int64], count: int, state: TrainState
) -> tuple[Tensor, Tensor | None]:
    """`count` of the images with these indices, always the same, and their labels.

    Returns:
        Images (count, C, H, W) in [-1, 1] and labels int64 (count,), or None without labels.
    """
    random = np.random.default_rng(derive_seed(state.seed, "images that probes look at"))
    chosen = np.sort(random.choice(indices, count, replace=False))
    signed = images.to_signed(torch.from_numpy(data.images[chosen]).to(state.device))
    if data.labels is None:
        return signed, None
    return signed, torch.from_numpy(data.labels[chosen]).to(state.device)


def labelled_images(data: PreparedData, state: TrainState) -> LabelledImages:
    """Training images of some labels, evenly spread over all; always the same."""
    assert data.labels is not None  # the generator takes them
    random = np.random.default_rng(derive_seed(state.seed, "images of labels that probes look at"))
    of_training = data.labels[data.training]
    chosen = []
    for label in spread_labels(len(data.label_names), PROBE_LABELS).tolist():
        indices = data.training[of_training == label]
        count = min(IMAGES_PER_LABEL, len(indices))
        chosen.append(np.sort(random.choice(indices, count, replace=False)))
    indices = np.concatenate(chosen)
    small = downsample(images.to_signed(torch.from_numpy(data.images[indices])))
    return LabelledImages(
        small.to(state.device), torch.from_numpy(data.labels[indices]).to(state.device)
    )


def changes(
    before: dict[str, HealthStatus], findings: tuple[Finding, ...], images_seen: int
) -> list[Record]:
    """What began, got worse or ended, as records of findings.jsonl.

    Args:
        before: the verdict of every open finding.
        findings: those that are open now.
        images_seen: now.
    """
    now = {"images_seen": images_seen}
    events: list[Record] = []
    for finding in findings:
        known = before.get(finding.symptom)
        if known is None:
            events.append({"event": "onset", **now, **finding.to_table()})
        elif known == "watch" and finding.verdict == "failing":
            events.append({"event": "worse", **now, **finding.to_table()})
    ended = set(before) - {finding.symptom for finding in findings}
    return events + [{"event": "end", **now, "symptom": symptom} for symptom in sorted(ended)]


def open_findings(
    events: list[Record], before: Mapping[str, HealthStatus] | None = None
) -> dict[str, HealthStatus]:
    """The worst verdict of every finding that began and did not end, by symptom.

    Args:
        events: records of findings.jsonl.
        before: what was open before them.
    """
    verdicts = dict(before or {})
    for event in events:
        match event["event"]:
            case "onset" | "worse":
                verdicts[event["symptom"]] = event["verdict"]
            case "end":
                verdicts.pop(event["symptom"], None)
    return verdicts
